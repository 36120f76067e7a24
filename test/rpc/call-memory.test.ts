// What calls hold: nothing when they have ended, never more than may be, and no call pays for another's.

import test from "ava";
import { DatabaseServiceService as Databases } from "../../gen/docdb/v1/database.ts";
import {
  BatchGetDocumentsRequest,
  DocumentServiceService as Documents,
  UpdateDocumentRequest,
} from "../../gen/docdb/v1/document.ts";
import { OperationsServiceService as Operations } from "../../gen/docdb/v1/operations.ts";
import { limits } from "../../src/base/limits.ts";
import { MemoryAccount } from "../../src/base/memory-account.ts";
import { CallMemory } from "../../src/rpc/call-memory.ts";
import { temporaryServer } from "../server/temporary-server.ts";
import { call } from "./calls.ts";

const mebibyte = 1024 * 1024;

test("calls have a quarter of the server's memory, and at least what one message takes", (t) => {
  const limitOf = (limitBytes: number): number => new CallMemory(new MemoryAccount({ limitBytes })).account.limitBytes;
  t.is(limitOf(1024 * mebibyte), 256 * mebibyte);
  t.is(limitOf(10 * mebibyte), limits.messageBytes);
  t.is(limitOf(0), 256 * mebibyte);
});

test("a big reply that doesn't fit beside those that nobody takes is refused; small ones go on", (t) => {
  const server = new MemoryAccount({ limitBytes: 128 * mebibyte });
  const memory = new CallMemory(server);
  const giveBack = memory.holdReply(20 * mebibyte);
  t.throws(() => memory.admitReply(16 * mebibyte), { message: /calls in flight/ });
  memory.admitReply(100);
  giveBack();
  memory.admitReply(16 * mebibyte);
  t.is(server.bytes, 0);
});

test("when its calls have ended a server holds nothing for them", async (t) => {
  const client = await temporaryServer(t);
  await call(client, Databases.createDatabase, { database: "d" });
  const json = JSON.stringify("x".repeat(mebibyte));
  for (let id = 1n; id <= 8n; id++) {
    await call(
      client,
      Documents.updateDocument,
      UpdateDocumentRequest.create({ database: "d", id, json, allowMissing: true }),
    );
  }
  const ids = [1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n];
  const { results } = await call(
    client,
    Documents.batchGetDocuments,
    BatchGetDocumentsRequest.create({ database: "d", ids }),
  );
  t.is(results.length, 8);
  // What is asked here is in flight itself.
  for (;;) {
    const { memory } = await call(client, Operations.getStats, { database: "" });
    if (memory?.callBytes !== undefined && memory.callBytes < 100n) break;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  t.pass();
});
