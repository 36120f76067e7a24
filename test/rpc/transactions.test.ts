// Transactions over the wire: what begins, joins and ends them, and the status and reason of everything that goes
// wrong.

import { type Client, status } from "@grpc/grpc-js";
import test from "ava";
import { DatabaseServiceService } from "../../gen/docdb/v1/database.ts";
import {
  BatchGetDocumentsRequest,
  BatchWriteRequest,
  CreateDocumentRequest,
  DeleteDocumentRequest,
  DocumentServiceService as documents,
  GetDocumentRequest,
  ListDocumentsRequest,
  UpdateDocumentRequest,
  WriteOperation,
} from "../../gen/docdb/v1/document.ts";
import {
  BeginTransactionRequest,
  Isolation,
  TransactionServiceService as rpcs,
} from "../../gen/docdb/v1/transaction.ts";
import { temporaryServer } from "../server/temporary-server.ts";
import { call, failureOf } from "./calls.ts";

const database = "d";

async function begin(client: Client, isolation = Isolation.UNSPECIFIED): Promise<string> {
  const request = BeginTransactionRequest.create({ database, isolation });
  return (await call(client, rpcs.beginTransaction, request)).transactionId;
}

async function clientOfDatabase(t: Parameters<typeof temporaryServer>[0]): Promise<Client> {
  const client = await temporaryServer(t);
  await call(client, DatabaseServiceService.createDatabase, { database });
  return client;
}

test("document calls join a transaction; they answer with version 0, and its commit applies all of them", async (t) => {
  const client = await clientOfDatabase(t);
  const old = await call(
    client,
    documents.createDocument,
    CreateDocumentRequest.create({ database, id: 1n, json: "1" }),
  );
  const inside = { database, transactionId: await begin(client) };
  const created = await call(client, documents.createDocument, CreateDocumentRequest.create({ ...inside, json: "2" }));
  t.like(created, { version: 0n, id: 2n });
  const update = UpdateDocumentRequest.create({ ...inside, id: 1n, json: "3" });
  t.is((await call(client, documents.updateDocument, update)).version, 0n);
  const read = await call(client, documents.getDocument, GetDocumentRequest.create({ ...inside, id: 1n }));
  t.like(read.document, { json: "3", version: 0n, createTime: old.createTime });
  const operation = WriteOperation.fromPartial({ operation: { $case: "create", value: { json: "4" } } });
  const batch = BatchWriteRequest.create({ ...inside, operations: [operation], atomic: true });
  const [result] = (await call(client, documents.batchWrite, batch)).results;
  t.like(result?.result, { $case: "document", value: { id: 3n, version: 0n } });
  const deleted = await call(client, documents.deleteDocument, DeleteDocumentRequest.create({ ...inside, id: 2n }));
  t.is(deleted.version, 0n);
  const page = await call(client, documents.listDocuments, ListDocumentsRequest.create(inside));
  t.deepEqual(
    page.documents.map(({ id }) => id),
    [1n, 3n],
  );
  const many = BatchGetDocumentsRequest.create({ ...inside, ids: [1n, 2n] });
  t.deepEqual(
    (await call(client, documents.batchGetDocuments, many)).results.map(({ result: found }) => found?.$case),
    ["document", "missing"],
  );
  const outside = await call(client, documents.listDocuments, ListDocumentsRequest.create({ database }));
  t.deepEqual(
    outside.documents.map(({ json }) => json),
    ["1"],
  );
  const committed = await call(client, rpcs.commitTransaction, { ...inside, requestId: "" });
  t.true(committed.version > old.version && committed.commitTime !== undefined);
  const after = await call(client, documents.listDocuments, ListDocumentsRequest.create({ database }));
  t.deepEqual(
    after.documents.map(({ json, version }) => [json, version === committed.version]),
    [
      ["3", true],
      ["4", true],
    ],
  );
});

test("a conflict is ABORTED, and ErrorInfo names the collection, the document and the version", async (t) => {
  const client = await clientOfDatabase(t);
  const inside = { database, transactionId: await begin(client) };
  await failureOf(call(client, documents.getDocument, GetDocumentRequest.create({ ...inside, id: 7n })));
  await call(client, documents.createDocument, CreateDocumentRequest.create({ ...inside, id: 8n, json: "1" }));
  await call(client, documents.createDocument, CreateDocumentRequest.create({ database, id: 7n, json: "1" }));
  const failure = await failureOf(call(client, rpcs.commitTransaction, { ...inside, requestId: "" }));
  t.like(failure, { status: status.ABORTED, reason: "TRANSACTION_CONFLICT" });
  t.deepEqual(failure.metadata, { collection: "_default", id: "7", version: "1" });
});

test("a transaction that isn't open is NOT_FOUND wherever it is named", async (t) => {
  const client = await clientOfDatabase(t);
  const ended = await begin(client);
  await call(client, rpcs.rollbackTransaction, { database, transactionId: ended });
  for (const transactionId of [ended, "never", "x".repeat(10_000)]) {
    const inside = { database, transactionId };
    const calls: Promise<unknown>[] = [
      call(client, documents.createDocument, CreateDocumentRequest.create({ ...inside, json: "1" })),
      call(client, documents.getDocument, GetDocumentRequest.create({ ...inside, id: 1n })),
      call(client, documents.listDocuments, ListDocumentsRequest.create(inside)),
      call(client, rpcs.commitTransaction, { ...inside, requestId: "r" }),
      call(client, rpcs.rollbackTransaction, inside),
    ];
    for (const failure of await Promise.all(calls.map(failureOf))) {
      t.like(failure, { status: status.NOT_FOUND, reason: "TRANSACTION_NOT_FOUND" });
      t.true(failure.message.length < 500);
    }
  }
});

test("an isolation that nobody knows and an idle timeout of nothing are refused", async (t) => {
  const client = await clientOfDatabase(t);
  const unknown = BeginTransactionRequest.create({ database, isolation: 9 as Isolation });
  t.like(await failureOf(call(client, rpcs.beginTransaction, unknown)), {
    status: status.INVALID_ARGUMENT,
    reason: "INVALID_ENUM",
  });
  const timeless = BeginTransactionRequest.create({ database, idleTimeout: { seconds: 0n, nanos: 0 } });
  t.is((await failureOf(call(client, rpcs.beginTransaction, timeless))).status, status.INVALID_ARGUMENT);
  const missing = BeginTransactionRequest.create({ database: "nowhere" });
  t.is((await failureOf(call(client, rpcs.beginTransaction, missing))).reason, "DATABASE_NOT_FOUND");
});
