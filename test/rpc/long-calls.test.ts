// Calls of a pipeline that are decoded and answered over several turns of the event loop.

import test from "ava";
import { DatabaseServiceService } from "../../gen/docdb/v1/database.ts";
import { BatchWriteRequest, PipelineRequest, WriteOperation } from "../../gen/docdb/v1/document.ts";
import {
  type BatchWriteResponse,
  PipelineCall,
  BatchWriteRequest as WireBatchWriteRequest,
} from "../../gen/wire/docdb/v1/document.ts";
import { ProtobufWriter } from "../../src/base/protobuf-writer.ts";
import { atOnce } from "../../src/platform/turn.ts";
import { decodeCallPieces, encodeReplyPieces, isLongReply } from "../../src/rpc/long-calls.ts";
import { decodeCall } from "../../src/rpc/pipeline-decoding.ts";
import { encodeReply } from "../../src/rpc/pipeline-encoding.ts";
import { timestampOf } from "../../src/rpc/times.ts";
import { temporaryServer } from "../server/temporary-server.ts";
import { call } from "./calls.ts";
import { createCall, found, getCall, PipelineCaller } from "./pipeline-calls.ts";

const count = 20_000;

function batch(from: number, to: number): WireBatchWriteRequest {
  const operations = Array.from({ length: to - from }, (_, i) => {
    const value = { collection: "", id: BigInt(from + i), json: Buffer.from(`{"n":${i}}`), precondition: undefined };
    return { operation: { $case: "create" as const, value } };
  });
  return { database: "d", atomic: true, requestId: Buffer.from("once"), transactionId: "", operations };
}

function encoded(request: PipelineCall["request"]): Buffer {
  return Buffer.from(PipelineCall.encode({ callId: 7n, timeoutMs: 50, traceparent: "", request }).finish());
}

test("a long call says the same in pieces, also when its request comes in parts", (t) => {
  const whole = encoded({ $case: "batchWrite", value: batch(1, 5_000) });
  const more = encoded({ $case: "batchWrite", value: batch(5_000, 5_010) });
  const ids = Array.from({ length: 5_000 }, (_, i) => BigInt(i + 1));
  const reading = encoded({
    $case: "batchGetDocuments",
    value: { database: "d", collection: "c", ids, transactionId: "" },
  });
  const calls = [whole, reading, Buffer.concat([whole, more]), Buffer.concat([reading, whole]), encoded(undefined)];
  for (const bytes of calls) {
    const around = Buffer.concat([Buffer.from("before"), bytes, Buffer.from("behind")]);
    const end = 6 + bytes.length;
    t.deepEqual(atOnce(decodeCallPieces(around, 6, end)), decodeCall(around, 6, end));
  }
  t.throws(() => atOnce(decodeCallPieces(whole, 0, whole.length - 3)));
});

test("a long response is the same reply in pieces", (t) => {
  const results = Array.from({ length: 3_000 }, (_, i) => {
    const stamp = { id: BigInt(i), version: 1n, createTime: timestampOf(i), updateTime: timestampOf(i) };
    return { result: { $case: "document" as const, value: stamp } };
  });
  const response = { $case: "batchWrite" as const, value: { results } satisfies BatchWriteResponse };
  t.true(isLongReply(response));
  t.false(isLongReply({ $case: "batchWrite", value: { results: results.slice(0, 10) } }));
  const [one, other] = [new ProtobufWriter(1_000), new ProtobufWriter(1_000)];
  encodeReply(one, 7, response);
  encodeReply(other, 7, atOnce(encodeReplyPieces(response)));
  t.deepEqual(other.take(), one.take());
});

test("a long batch has its place among the calls on its documents, and all of its answers come", async (t) => {
  const client = await temporaryServer(t);
  await call(client, DatabaseServiceService.createDatabase, { database: "d" });
  const pipeline = new PipelineCaller(client);
  const operations = Array.from({ length: count }, (_, i) =>
    WriteOperation.fromPartial({
      operation: { $case: "update", value: { id: BigInt(i + 1), json: `{"step":"batch"}`, allowMissing: true } },
    }),
  );
  const ids = Array.from({ length: count }, (_, i) => BigInt(i + 1));
  const answers = await pipeline.call(
    createCall(1n, '{"step":"first"}'),
    { $case: "batchWrite", value: BatchWriteRequest.fromPartial({ database: "d", atomic: true, operations }) },
    getCall(1n),
    { $case: "batchGetDocuments", value: { database: "d", collection: "", ids, transactionId: "" } },
    getCall(BigInt(count)),
    getCall(BigInt(count + 1)),
  );
  const batchStep = '{"step":"batch"}';
  t.deepEqual(answers.map(found), [
    "createDocument",
    "batchWrite",
    batchStep,
    "batchGetDocuments",
    batchStep,
    "DOCUMENT_NOT_FOUND",
  ]);
  const [, written, , read] = answers;
  for (const answer of [written, read]) {
    const response = answer !== undefined && "ok" in answer ? answer.ok : undefined;
    const isBatch = response?.$case === "batchWrite" || response?.$case === "batchGetDocuments";
    t.is(isBatch ? response.value.results.length : 0, count);
  }
  pipeline.stream.end();
  t.is(await pipeline.ended, undefined);
});

test("a long call that can't be decoded ends the stream, and says why", async (t) => {
  const client = await temporaryServer(t);
  const pipeline = new PipelineCaller(client);
  const operations = ["x".repeat(400_000), "y"].map((json) =>
    WriteOperation.fromPartial({ operation: { $case: "create", value: { json } } }),
  );
  const value = BatchWriteRequest.fromPartial({ database: "d", operations });
  const calls = [{ callId: 1n, timeoutMs: 0, traceparent: "", request: { $case: "batchWrite", value } as const }];
  const bytes = Buffer.from(PipelineRequest.encode({ calls }).finish());
  // The length of the last text, which is one byte: it would reach beyond the end.
  bytes[bytes.length - 2] = 100;
  pipeline.stream.write(bytes);
  t.like(await pipeline.ended, { reason: "INVALID_REQUEST" });
});
