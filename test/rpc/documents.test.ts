// The document service end to end: what an answer says about each kind of call.

import { type Client, status } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { DatabaseServiceService, DatabaseState } from "../../gen/docdb/v1/database.ts";
import {
  BatchGetDocumentsRequest,
  BatchWriteRequest,
  CreateDocumentRequest,
  DeleteDocumentRequest,
  DocumentServiceService as Documents,
  GetDocumentRequest,
  UpdateDocumentRequest,
  WriteOperation,
  type WriteResult,
} from "../../gen/docdb/v1/document.ts";
import { OperationsServiceService } from "../../gen/docdb/v1/operations.ts";
import { temporaryServer } from "../server/temporary-server.ts";
import { call, failureIn, failureOf } from "./calls.ts";

async function withDatabase(t: ExecutionContext): Promise<Client> {
  const client = await temporaryServer(t);
  await call(client, DatabaseServiceService.createDatabase, { database: "d" });
  return client;
}

function create(client: Client, id: bigint, json: string) {
  return call(client, Documents.createDocument, CreateDocumentRequest.create({ database: "d", id, json }));
}

function get(client: Client, id: bigint) {
  return call(client, Documents.getDocument, GetDocumentRequest.create({ database: "d", id }));
}

const operation = {
  create: (id: bigint, json: string) =>
    WriteOperation.fromPartial({ operation: { $case: "create", value: { id, json } } }),
  update: (id: bigint, json: string) =>
    WriteOperation.fromPartial({ operation: { $case: "update", value: { id, json } } }),
  delete: (id: bigint) => WriteOperation.fromPartial({ operation: { $case: "delete", value: { id } } }),
};

function batch(client: Client, atomic: boolean, operations: WriteOperation[]) {
  return call(client, Documents.batchWrite, BatchWriteRequest.create({ database: "d", atomic, operations }));
}

function summary({ result }: WriteResult): string {
  if (result?.$case === "error") return failureIn(result.value).reason;
  return result === undefined ? "nothing" : `${result.value.id}@${result.value.version}`;
}

test("a document is created, read, updated and deleted, and each version is greater than the one before", async (t) => {
  const client = await withDatabase(t);
  const created = await create(client, 0n, '{"name":"Ada"}');
  t.is(created.id, 1n);
  t.deepEqual(created.createTime, created.updateTime);
  const { document } = await get(client, 1n);
  t.deepEqual(document, { ...created, json: '{"name":"Ada"}' });
  const precondition = { condition: { $case: "version" as const, value: created.version } };
  const update = UpdateDocumentRequest.create({ database: "d", id: 1n, json: "2", precondition });
  const updated = await call(client, Documents.updateDocument, update);
  t.true(updated.version > created.version);
  t.deepEqual(updated.createTime, created.createTime);
  t.is((await failureOf(call(client, Documents.updateDocument, update))).reason, "VERSION_MISMATCH");
  const removal = DeleteDocumentRequest.create({ database: "d", id: 1n });
  const deleted = await call(client, Documents.deleteDocument, removal);
  t.true(deleted.version > updated.version);
  const failure = await failureOf(get(client, 1n));
  t.like(failure, { status: status.NOT_FOUND, reason: "DOCUMENT_NOT_FOUND", metadata: { id: "1" } });
});

test("deleting what isn't there succeeds when it may be missing, with version 0 and no times", async (t) => {
  const client = await withDatabase(t);
  const removal = DeleteDocumentRequest.create({ database: "d", id: 9n, allowMissing: true });
  const stamp = await call(client, Documents.deleteDocument, removal);
  t.deepEqual(stamp, { id: 9n, version: 0n, createTime: undefined, updateTime: undefined });
});

test("BatchGetDocuments has one result for each id, in the order asked", async (t) => {
  const client = await withDatabase(t);
  await create(client, 1n, "1");
  const ids = [2n, 1n, 0n, 1n];
  const request = BatchGetDocumentsRequest.create({ database: "d", ids });
  const { results } = await call(client, Documents.batchGetDocuments, request);
  t.deepEqual(
    results.map(({ id }) => id),
    ids,
  );
  t.deepEqual(
    results.map(({ result }) => result?.$case),
    ["missing", "document", "error", "document"],
  );
  const error = results[2]?.result;
  t.is(error?.$case === "error" ? failureIn(error.value).reason : "", "INVALID_ID");
});

test("a BatchGetDocuments over the limit of a message says which documents had no room", async (t) => {
  const client = await withDatabase(t);
  const json = `"${"x".repeat(7 * 1024 * 1024)}"`;
  for (const id of [1n, 2n]) await create(client, id, json);
  const ids = [1n, 2n, 1n, 2n, 1n, 2n, 3n];
  const request = BatchGetDocumentsRequest.create({ database: "d", ids });
  const { results } = await call(client, Documents.batchGetDocuments, request);
  const cases = results.map(({ result }) => {
    if (result?.$case !== "error") return result?.$case;
    const { reason, status: code } = failureIn(result.value);
    return `${code} ${reason}`;
  });
  const noRoom = `${status.RESOURCE_EXHAUSTED} RESPONSE_TOO_LARGE`;
  t.deepEqual(cases, ["document", "document", "document", "document", noRoom, noRoom, "missing"]);
});

test("a batch that isn't atomic has one result for each operation, in order", async (t) => {
  const client = await withDatabase(t);
  const operations = [
    operation.create(5n, "1"),
    operation.update(0n, "1"),
    operation.create(5n, "2"),
    WriteOperation.create(),
    operation.create(0n, "nonsense"),
    operation.update(5n, "3"),
    operation.delete(6n),
  ];
  const { results } = await batch(client, false, operations);
  const wanted = [
    "5@1",
    "INVALID_ID",
    "DOCUMENT_EXISTS",
    "INVALID_REQUEST",
    "INVALID_JSON",
    "5@2",
    "DOCUMENT_NOT_FOUND",
  ];
  t.deepEqual(results.map(summary), wanted);
  t.is((await get(client, 5n)).document?.json, "3");
});

test("an atomic batch is one commit, or nothing and the first error", async (t) => {
  const client = await withDatabase(t);
  const { results } = await batch(client, true, [operation.create(1n, "1"), operation.create(2n, "2")]);
  t.deepEqual(results.map(summary), ["1@1", "2@1"]);
  const mixed = [operation.create(3n, "3"), operation.create(1n, "again")];
  const failure = await failureOf(batch(client, true, mixed));
  t.like(failure, { status: status.INVALID_ARGUMENT, reason: "INVALID_JSON", metadata: { index: "1" } });
  const senseless = await failureOf(batch(client, true, [operation.create(3n, "3"), operation.update(0n, "1")]));
  t.like(senseless, { reason: "INVALID_ID", metadata: { index: "1" } });
  t.is((await failureOf(get(client, 3n))).reason, "DOCUMENT_NOT_FOUND");
});

test("a database is described as it is", async (t) => {
  const client = await withDatabase(t);
  const opened = await call(client, DatabaseServiceService.openDatabase, { database: "d", createIfMissing: false });
  t.like(opened, { database: { name: "d", state: DatabaseState.OPEN, stateReason: "" } });
  t.truthy(opened.database?.createTime);
  const closed = await call(client, DatabaseServiceService.closeDatabase, { database: "d" });
  t.is(closed.database?.state, DatabaseState.CLOSED);
  t.deepEqual(await call(client, DatabaseServiceService.getDatabase, { database: "d" }), closed);
});

test("a checkpoint says which version it covers and how long it took", async (t) => {
  const client = await withDatabase(t);
  const { version } = await create(client, 1n, "1");
  const checkpoint = await call(client, OperationsServiceService.checkpointDatabase, { database: "d" });
  t.is(checkpoint.version, version);
  t.truthy(checkpoint.duration);
});
