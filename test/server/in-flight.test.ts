// What a client gets that ends its calls while answers are on their way to it, over an HTTP/2 server without gRPC.

import { once } from "node:events";
import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import test from "ava";
import { MemoryAccount } from "../../src/base/memory-account.ts";
import { InFlight, unwrittenBytes } from "../../src/server/in-flight.ts";
import { flags, frame, headerBlock, preface, RawConnection, types } from "../rpc/raw-frames.ts";
import { temporaryDirectory } from "./temporary-server.ts";

/** More than a socket takes at once, in buffers of which each waits with a part for its stream's window. */
const streams = 12;
const answerBytes = 100_000;
const windowBytes = 90_000;

function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}

// Node 26.10 freed the buffers of streams that were closed while the socket wrote them: the client got what was in that
// memory later.
test("a client whose calls have ended while their answers were being sent gets no memory of others", async (t) => {
  const path = join(await temporaryDirectory(t), "s");
  const memory = new MemoryAccount({ kind: "calls" });
  const opened: ServerHttp2Stream[] = [];
  const server = createServer();
  server.listen(path);
  t.teardown(() => server.close());
  await once(server, "listening");
  const connected = Promise.all([once(server, "connection"), once(server, "session")]);
  const client = new RawConnection(path);
  client.socket.pause();
  const [[socket], [session]] = (await connected) as [[Socket], [ServerHttp2Session]];
  const inFlight = new InFlight(socket, memory);
  server.on("stream", (stream: ServerHttp2Stream) => {
    inFlight.watch(stream, () => undefined);
    stream.respond();
    stream.write(Buffer.allocUnsafeSlow(answerBytes).fill("a"));
    opened.push(stream);
  });
  const windows = frame(types.settings, 0, 0, Buffer.from(`0004${windowBytes.toString(16).padStart(8, "0")}`, "hex"));
  const wide = frame(types.windowUpdate, 0, 0, Buffer.from("7fff0000", "hex"));
  const ask = (i: number): Buffer =>
    frame(types.headers, flags.endHeaders | flags.endStream, 2 * i + 1, headerBlock("/"));
  await client.flood([preface, windows, wide, ...Array.from({ length: streams }, (_, i) => ask(i))]);
  while (opened.length < streams || unwrittenBytes(socket) === 0) await nextTurn();

  for (const stream of opened.splice(0)) stream.destroy();
  for (let i = 0; i < 5; i++) {
    await nextTurn();
    collectGarbage();
  }
  const others = Array.from({ length: 4 * streams }, () => Buffer.allocUnsafeSlow(answerBytes).fill("b"));
  t.is(memory.bytes, streams * answerBytes);

  client.socket.resume();
  while (unwrittenBytes(socket) > 0) await nextTurn();
  client.socket.end();
  session.close();
  await client.end();
  const sent = Buffer.concat(client.frames().flatMap(({ type, content }) => (type === types.data ? [content] : [])));
  t.true(sent.length > answerBytes);
  t.is(
    sent.findIndex((byte) => byte !== "a".charCodeAt(0)),
    -1,
  );
  t.is(others.length, 4 * streams);
  inFlight.release();
  t.is(memory.bytes, 0);
});
