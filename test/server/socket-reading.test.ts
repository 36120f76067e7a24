// Whether an HTTP/2 session really stops reading: Node promises nothing about that, so a new version must show it here.

import { once } from "node:events";
import { createServer } from "node:http2";
import type { Socket } from "node:net";
import { join } from "node:path";
import test from "ava";
import { startReading, stopReading } from "../../src/server/socket-reading.ts";
import { answerOf, rawSession, rawStream } from "../rpc/raw-client.ts";
import { temporaryDirectory } from "./temporary-server.ts";

test("streams on a socket that isn't read wait until it is, and are answered then", async (t) => {
  const path = join(await temporaryDirectory(t), "s");
  const server = createServer((_, response) => response.end());
  let [socket, opened]: [Socket | undefined, number] = [undefined, 0];
  server.on("connection", (connected: Socket) => {
    socket ??= connected;
  });
  server.on("stream", () => opened++);
  server.listen(path);
  await once(server, "listening");
  t.teardown(() => server.close());

  const [stopped, other] = [await rawSession(path), await rawSession(path)];
  const ask = async (session: typeof stopped) => {
    const stream = rawStream(session, "/any");
    stream.end();
    return await answerOf(stream);
  };
  await ask(stopped);
  if (socket === undefined) return t.fail("nobody connected");
  stopReading(socket);
  const waiting = ask(stopped);
  // What was sent before this has arrived when this is answered, as often as you like.
  for (let i = 0; i < 20; i++) await ask(other);
  t.is(opened, 21);
  startReading(socket);
  t.is((await waiting).httpStatus, 200);
  t.is(opened, 22);
  for (const session of [stopped, other]) session.destroy();
});
