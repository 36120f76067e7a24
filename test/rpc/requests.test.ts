// request_id on the wire: every mutation has it, and a repetition changes nothing.

import { type Client, status } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { CollectionServiceService } from "../../gen/docdb/v1/collection.ts";
import { DatabaseServiceService } from "../../gen/docdb/v1/database.ts";
import {
  BatchWriteRequest,
  CreateDocumentRequest,
  DeleteDocumentRequest,
  DocumentServiceService as Documents,
  PatchDocumentRequest,
  UpdateDocumentRequest,
  WriteOperation,
} from "../../gen/docdb/v1/document.ts";
import { TransactionServiceService as Transactions } from "../../gen/docdb/v1/transaction.ts";
import * as wire from "../../gen/wire/docdb/v1/document.ts";
import { temporaryServer } from "../server/temporary-server.ts";
import { call, failureOf, rawMethod } from "./calls.ts";

async function withDatabase(t: ExecutionContext): Promise<Client> {
  const client = await temporaryServer(t);
  await call(client, DatabaseServiceService.createDatabase, { database: "d" });
  return client;
}

const database = "d";
const fields = { database, id: 7n };

function createOperation(id: bigint): WriteOperation {
  return WriteOperation.fromPartial({ operation: { $case: "create", value: { id, json: "1" } } });
}

test("every mutation can be repeated with its request_id, and has the same answer", async (t) => {
  const client = await withDatabase(t);
  const create = CreateDocumentRequest.create({ database, json: "[]", requestId: "a" });
  const update = UpdateDocumentRequest.create({ ...fields, json: "{}", allowMissing: true, requestId: "b" });
  const patch = PatchDocumentRequest.create({ ...fields, mergePatch: '{"a":1}', requestId: "c" });
  const remove = DeleteDocumentRequest.create({ ...fields, requestId: "d" });
  const operations = [createOperation(0n), createOperation(9n)];
  const atomic = BatchWriteRequest.create({ database, operations, atomic: true, requestId: "e" });
  const each = BatchWriteRequest.create({ database, operations: operations.slice(0, 1), requestId: "f" });
  const calls = [
    () => call(client, Documents.createDocument, create),
    () => call(client, Documents.updateDocument, update),
    () => call(client, Documents.patchDocument, patch),
    () => call(client, Documents.deleteDocument, remove),
    () => call(client, Documents.batchWrite, atomic),
    () => call(client, Documents.batchWrite, each),
  ];
  const answers = [];
  for (const send of calls) answers.push(await send());
  for (const [i, send] of calls.entries()) t.deepEqual(await send(), answers[i] as never);
  const { collection } = await call(client, CollectionServiceService.getCollection, { database, collection: "" });
  t.is(collection?.documents, 4n);
});

test("a commit can be repeated with its request_id", async (t) => {
  const client = await withDatabase(t);
  const { transactionId } = await call(client, Transactions.beginTransaction, {
    database,
    isolation: 0,
    idleTimeout: undefined,
  });
  const create = CreateDocumentRequest.create({ database, json: "1", transactionId, requestId: "x" });
  t.deepEqual(
    await call(client, Documents.createDocument, create),
    await call(client, Documents.createDocument, create),
  );
  const commit = { database, transactionId, requestId: "r" };
  const committed = await call(client, Transactions.commitTransaction, commit);
  t.is(committed.version, 1n);
  t.deepEqual(await call(client, Transactions.commitTransaction, commit), committed);
  const { collection } = await call(client, CollectionServiceService.getCollection, { database, collection: "" });
  t.is(collection?.documents, 1n);
});

test("a request_id for something else is REQUEST_ID_REUSED, one of 65 bytes INVALID_REQUEST", async (t) => {
  const client = await withDatabase(t);
  const create = CreateDocumentRequest.create({ ...fields, json: "1", requestId: "a" });
  await call(client, Documents.createDocument, create);
  const other = await failureOf(call(client, Documents.createDocument, { ...create, json: "2" }));
  t.like(other, { status: status.INVALID_ARGUMENT, reason: "REQUEST_ID_REUSED", metadata: { request_id: "a" } });
  const long = await failureOf(call(client, Documents.createDocument, { ...create, requestId: "x".repeat(65) }));
  t.like(long, { status: status.INVALID_ARGUMENT, reason: "INVALID_REQUEST" });
});

test("a request_id that isn't UTF-8 is INVALID_UTF8: it would be taken for others of its kind", async (t) => {
  const client = await withDatabase(t);
  const create = wire.CreateDocumentRequest.create({ ...fields, json: Buffer.from("1"), requestId: Buffer.of(0xff) });
  const bytes = Buffer.from(wire.CreateDocumentRequest.encode(create).finish());
  const failure = await failureOf(call(client, rawMethod(Documents.createDocument.path), bytes));
  t.like(failure, { status: status.INVALID_ARGUMENT, reason: "INVALID_UTF8" });
});
