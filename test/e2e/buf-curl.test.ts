// The server as a stranger sees it who has `buf curl` and no .proto file.

import test from "ava";
import { bufCurl } from "../polyglot/buf-curl.ts";
import { callRpcs } from "../polyglot/every-rpc.ts";
import { call, failureOf, rawMethod } from "../rpc/calls.ts";
import { clientOf, serverIn, temporaryDirectory } from "../server/temporary-server.ts";

test("buf curl calls every RPC without .proto files and gets documents back byte for byte", async (t) => {
  const { socket } = await serverIn(t, await temporaryDirectory(t));
  const rest = await callRpcs(bufCurl(socket));
  // What it knows no call of is what this version doesn't have. Asking for that with buf would take seconds.
  const client = clientOf(t, socket);
  for (const rpc of rest) {
    const { reason } = await failureOf(call(client, rawMethod(`/docdb.v1.${rpc}`), Buffer.alloc(0)));
    t.is(reason, "NOT_IMPLEMENTED", `${rpc} works: call it in test/polyglot/every-rpc.ts`);
  }
  t.false(rest.includes("DocumentService/CreateDocument"));
});
