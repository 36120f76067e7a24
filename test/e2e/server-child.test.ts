// What a test is told whose server has died of something else than the test.

import { join } from "node:path";
import test from "ava";
import { connect } from "../../src/client/index.ts";
import { temporaryDirectory } from "../server/temporary-server.ts";
import { startServerChild } from "./server-child.ts";

test("a server that nobody ended: its test is told by what it ended, and the end of its log", async (t) => {
  const directory = await temporaryDirectory(t);
  const socket = join(directory, "s");
  const server = startServerChild(join(directory, "data"), socket);
  await (await connect({ socket, waitForServerMs: 60_000 })).close();
  process.kill(server.processId, "SIGABRT");
  const error = await t.throwsAsync(server.end("SIGTERM"));
  t.regex(error?.message ?? "", /^The server ended by SIGABRT, and nobody had asked it to\. The end of its log:\n/);
  t.true(error?.message.endsWith(server.log()));
});
