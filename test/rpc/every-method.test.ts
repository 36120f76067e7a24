// What the protocol promises is there: every RPC has a handler, and a method that there isn't says so.

import { readFileSync } from "node:fs";
import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { type Client, Metadata, type ServiceError, status, type StatusObject } from "@grpc/grpc-js";
import test from "ava";
import { temporaryServer } from "../server/temporary-server.ts";
import { call, decodeFailure, type Failure, rawMethod } from "./calls.ts";

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

test("every RPC of ours works", async (t) => {
  const client = await temporaryServer(t);
  for (const file of descriptorSet.file.filter((each) => each.package === "docdb.v1")) {
    for (const service of file.service) {
      for (const { name, serverStreaming } of service.method) {
        const failure = await ending(client, `/docdb.v1.${service.name}/${name}`, serverStreaming);
        const expected = ["INVALID_NAME", "INVALID_ID", undefined];
        t.true(expected.includes(failure?.reason), `${name}: ${failure?.reason} ${failure?.message}`);
      }
    }
  }
});

test("a method of no service is UNIMPLEMENTED", async (t) => {
  const client = await temporaryServer(t);
  const error = await t.throwsAsync(call(client, rawMethod("/docdb.v1.DocumentService/Nothing"), Buffer.alloc(0)));
  t.is((error as ServiceError).code, status.UNIMPLEMENTED);
});
