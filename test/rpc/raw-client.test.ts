// What the tests' own HTTP/2 client does when a server resets its calls.

import { once } from "node:events";
import { constants } from "node:http2";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import test from "ava";
import { temporaryDirectory } from "../server/temporary-server.ts";
import { answerOf, rawSession, rawStream } from "./raw-client.ts";
import { flags, frame, types } from "./raw-frames.ts";

/** `:status: 200`, RFC 7541, appendix A. */
const ok = Buffer.from([0x88]);
const noError = Buffer.alloc(4);

/** Answers stream 1 and resets it behind the answer, in one packet. */
function resettingServer(): Server {
  return createServer((socket) => {
    socket.on("error", () => undefined);
    socket.write(frame(types.settings, 0, 0));
    let asked = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      if (asked.includes("asked")) return;
      asked = Buffer.concat([asked, chunk]);
      if (!asked.includes("asked")) return;
      const answer = [frame(types.headers, flags.endHeaders, 1, ok), frame(types.data, flags.endStream, 1)];
      socket.write(Buffer.concat([...answer, frame(types.rstStream, 0, 1, noError)]));
    });
  });
}

// The process of a test file died, once in dozens of runs of all tests, in Node's own code: a fuzzing client went on
// from the end of one call, which the server had reset, to a call that it reset at once. Node 26.10 was still reading
// the first reset, sent what both calls had to send, and closed the first one a second time (double free).
test("a call can be reset as soon as another one has been answered and reset by the server", async (t) => {
  const socket = join(await temporaryDirectory(t), "s");
  const server = resettingServer().listen(socket);
  t.teardown(() => server.close());
  await once(server, "listening");
  const session = await rawSession(socket);
  const first = rawStream(session, "/");
  const answer = answerOf(first);
  first.write("asked");
  t.is((await answer).httpStatus, 200);
  const second = rawStream(session, "/");
  const left = answerOf(second);
  second.write("nothing");
  second.close(constants.NGHTTP2_INTERNAL_ERROR);
  t.is((await left).resetCode, constants.NGHTTP2_INTERNAL_ERROR);
  session.destroy();
});
