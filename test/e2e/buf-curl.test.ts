// The server as a stranger sees it who has `buf curl` and no .proto file.

import test from "ava";
import { bufCurl } from "../polyglot/buf-curl.ts";
import { callRpcs } from "../polyglot/every-rpc.ts";
import { serverIn, temporaryDirectory } from "../server/temporary-server.ts";

test("buf curl calls every RPC without .proto files and gets documents back byte for byte", async (t) => {
  const { socket } = await serverIn(t, await temporaryDirectory(t));
  await t.notThrowsAsync(callRpcs(bufCurl(socket)));
});
