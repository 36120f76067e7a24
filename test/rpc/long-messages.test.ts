// Long messages in pieces: they say what they say in one.

import test from "ava";
import {
  BatchWriteRequest,
  type BatchWriteResponse,
  DocumentServiceService,
} from "../../gen/wire/docdb/v1/document.ts";
import { DocDBError } from "../../src/base/errors.ts";
import { atOnce, Turn } from "../../src/platform/turn.ts";
import { RealClock } from "../../src/platform/real/real-clock.ts";
import { decodedInPieces, encodedInPieces, isLongRequest, isLongResponse } from "../../src/rpc/long-messages.ts";
import { decodeLongRequest } from "../../src/rpc/method.ts";
import { timestampOf } from "../../src/rpc/times.ts";

const { requestDeserialize, responseSerialize } = DocumentServiceService.batchWrite;

function requestOf(count: number): Uint8Array {
  const operations = Array.from({ length: count }, (_, i) => ({
    operation: {
      $case: "create" as const,
      value: { collection: "c", id: BigInt(i), json: Buffer.from(`"${"x".repeat(i % 300)}"`), precondition: undefined },
    },
  }));
  const ends = { database: "d", atomic: true, requestId: Buffer.from("once"), transactionId: "" };
  return BatchWriteRequest.encode({ ...ends, operations }).finish();
}

const noOperations = { operations: [], atomic: false, requestId: Buffer.alloc(0), transactionId: "" };

test("a long request says the same in pieces, wherever its fields stand", (t) => {
  for (const count of [0, 1, 2_000]) {
    const bytes = Buffer.from(requestOf(count));
    t.is(isLongRequest(bytes.length), count === 2_000);
    t.deepEqual(atOnce(decodedInPieces(requestDeserialize, bytes)), requestDeserialize(bytes));
    // A field that stands twice, at both ends.
    const twice = Buffer.concat([
      bytes,
      Buffer.from(BatchWriteRequest.encode({ ...noOperations, database: "e" }).finish()),
    ]);
    t.deepEqual(atOnce(decodedInPieces(requestDeserialize, twice)), requestDeserialize(twice));
  }
});

test("a long response has the same bytes in pieces", (t) => {
  for (const count of [0, 1, 129, 3_000]) {
    const results = Array.from({ length: count }, (_, i) => {
      const stamp = { id: BigInt(i), version: 1n, createTime: timestampOf(i), updateTime: timestampOf(i) };
      return { result: { $case: "document" as const, value: stamp } };
    });
    const response: BatchWriteResponse = { results };
    t.is(isLongResponse(response), count > 128);
    t.deepEqual(atOnce(encodedInPieces(responseSerialize, response)), responseSerialize(response));
  }
});

test("a long request that is cut off is INVALID_REQUEST", async (t) => {
  const bytes = Buffer.from(requestOf(2_000));
  const turn = new Turn(new RealClock());
  const decoding = decodeLongRequest(DocumentServiceService.batchWrite, bytes.subarray(0, bytes.length - 3), turn);
  const error = await t.throwsAsync(decoding, { instanceOf: DocDBError });
  t.is(error?.code, "INVALID_REQUEST");
});
