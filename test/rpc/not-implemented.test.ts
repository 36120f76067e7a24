// What the protocol promises and this version doesn't have: every such RPC and field says so, and none is forgotten or
// silently ignored.

import { readFileSync } from "node:fs";
import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { type Client, Metadata, type ServiceError, status, type StatusObject } from "@grpc/grpc-js";
import test from "ava";
import { temporaryServer } from "../server/temporary-server.ts";
import { call, decodeFailure, type Failure, rawMethod } from "./calls.ts";

/** The RPCs that answer NOT_IMPLEMENTED, as the README lists them. */
const missing = ["OperationsService/GetMetrics"];

const descriptorSet = fromBinary(
  FileDescriptorSetSchema,
  readFileSync(new URL("../../gen/descriptors.binpb", import.meta.url)),
);

/** How a method ends when it is called with an empty message: with which failure, or undefined when it works. */
function ending(client: Client, path: string, responseStream: boolean): Promise<Failure | undefined> {
  const empty = Buffer.alloc(0);
  if (!responseStream) {
    const calling = call(client, rawMethod(path), empty);
    return calling.then(() => undefined).catch((error: unknown) => decodeFailure(error as ServiceError));
  }
  const { requestSerialize, responseDeserialize } = rawMethod(path);
  const stream = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, empty, new Metadata());
  const failing = new Promise<undefined>((resolve, reject) => {
    stream.on("data", () => undefined);
    stream.on("error", reject);
    stream.on("status", (end: StatusObject) => end.code === status.OK && resolve(undefined));
  });
  return failing.catch((error: unknown) => decodeFailure(error as ServiceError));
}

test("every RPC of ours works or says NOT_IMPLEMENTED", async (t) => {
  const client = await temporaryServer(t);
  const refusing: string[] = [];
  let [working, all] = [0, 0];
  for (const file of descriptorSet.file.filter((each) => each.package === "docdb.v1")) {
    for (const service of file.service) {
      all += service.method.length;
      for (const { name, serverStreaming } of service.method) {
        const failure = await ending(client, `/docdb.v1.${service.name}/${name}`, serverStreaming);
        if (failure?.reason === "NOT_IMPLEMENTED") {
          t.is(failure.status, status.UNIMPLEMENTED);
          t.regex(failure.message, /doesn't have .* yet/);
          refusing.push(`${service.name}/${name}`);
        } else {
          working++;
          const expected = ["INVALID_NAME", "INVALID_ID", undefined];
          t.true(expected.includes(failure?.reason), `${name}: ${failure?.reason} ${failure?.message}`);
        }
      }
    }
  }
  t.deepEqual(refusing.toSorted(), missing);
  t.is(working, all - missing.length);
});

test("a method of no service is UNIMPLEMENTED", async (t) => {
  const client = await temporaryServer(t);
  const error = await t.throwsAsync(call(client, rawMethod("/docdb.v1.DocumentService/Nothing"), Buffer.alloc(0)));
  t.is((error as ServiceError).code, status.UNIMPLEMENTED);
});
