// Traces of a real server: the spans of a call, in the trace of its caller, and what they tell.

import test from "ava";
import { Metadata } from "@grpc/grpc-js";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import {
  BatchWriteRequest,
  CreateDocumentRequest,
  DocumentServiceService as Documents,
  GetDocumentRequest,
  PatchDocumentRequest,
  PatchOperationType as Op,
} from "../../gen/docdb/v1/document.ts";
import {
  BeginTransactionRequest,
  CommitTransactionRequest,
  TransactionServiceService as Transactions,
} from "../../gen/docdb/v1/transaction.ts";
import { connect } from "../../src/client/index.ts";
import { call, failureOf } from "../rpc/calls.ts";
import { PipelineCaller } from "../rpc/pipeline-calls.ts";
import { endOf, recordingServer, spanNamed, startOf, treeOf } from "./recording-server.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const callerSpan = "b7ad6b7169203331";
const traceparent = `00-${traceId}-${callerSpan}-01`;

function inTrace(header: string = traceparent): Metadata {
  const metadata = new Metadata();
  metadata.set("traceparent", header);
  return metadata;
}

const create = (id: bigint) => CreateDocumentRequest.fromPartial({ database: "d", id, json: '{"secret":"content"}' });

const commitSpans = { "docdb.queue_wait": {}, "docdb.engine": {}, "docdb.group_wait": {}, "docdb.wal_append": {} };

test("a create goes on with its caller's trace, from the queue to the fsync that made it durable", async (t) => {
  const { client, spans } = await recordingServer(t);
  await call(client, Documents.createDocument, create(7n), inTrace());
  const recorded = spans();
  t.deepEqual(treeOf(recorded, callerSpan), {
    "docdb.v1.DocumentService/CreateDocument": { ...commitSpans, "docdb.fsync": {} },
  });
  t.true(recorded.every((span) => span.spanContext().traceId === traceId));
  const server = spanNamed(recorded, "CreateDocument");
  t.like(server.attributes, {
    "rpc.system.name": "grpc",
    "rpc.method": "docdb.v1.DocumentService/CreateDocument",
    "rpc.response.status_code": "OK",
    "db.system.name": "docdb",
    "db.operation.name": "CreateDocument",
    "db.namespace": "d",
    "db.collection.name": "_default",
    "docdb.document.id": "7",
  });
  t.deepEqual(
    spanNamed(recorded, "docdb.fsync").links.map(({ context }) => context.spanId),
    [server.spanContext().spanId],
  );
  const parts = recorded.filter((span) => span !== server);
  for (const [i, part] of parts.entries()) {
    t.true(startOf(part) >= startOf(server) && endOf(part) <= endOf(server), part.name);
    const next = parts[i + 1];
    if (next !== undefined) t.true(endOf(part) <= startOf(next) + 1e-3, `${part.name} ends before ${next.name}`);
  }
  t.false(JSON.stringify(recorded.map(({ name, attributes }) => ({ name, attributes }))).includes("content"));
});

test("a pipelined create goes on with the trace that it names, or else with that of its stream", async (t) => {
  const { client, spans } = await recordingServer(t);
  const own = `00-${"1".repeat(32)}-${"2".repeat(16)}-01`;
  const calls = new PipelineCaller(client, inTrace());
  const ids = calls.send([{ $case: "createDocument", value: create(1n) }], 0, own);
  ids.push(...calls.send([{ $case: "createDocument", value: create(2n) }]));
  await calls.answers(ids);
  calls.stream.end();
  const recorded = spans();
  const tree = { "docdb.v1.DocumentService/CreateDocument": { ...commitSpans, "docdb.fsync": {} } };
  t.deepEqual(treeOf(recorded, "2".repeat(16)), tree);
  t.deepEqual(treeOf(recorded, callerSpan), tree);
});

const isFsyncOfThree = ({ name, attributes }: ReadableSpan) =>
  name === "docdb.fsync" && attributes["docdb.group.commits"] === 3;

test("commits that share an fsync have one span for it, which links to all of them", async (t) => {
  const { client, spans } = await recordingServer(t);
  const calls = new PipelineCaller(client);
  let recorded: ReturnType<typeof spans> = [];
  // On a busy machine three calls of one message may be spread over two groups.
  for (let first = 1n; recorded.filter(isFsyncOfThree).length < 3 && first < 100n; first += 3n) {
    const ids = [first, first + 1n, first + 2n];
    await calls.answers(calls.send(ids.map((id) => ({ $case: "createDocument", value: create(id) }))));
    recorded = spans();
  }
  calls.stream.end();
  const servers = recorded.filter(({ name }) => name.endsWith("/CreateDocument"));
  const fsyncs = recorded.filter(({ name }) => name === "docdb.fsync");
  t.is(new Set(servers.map((span) => span.spanContext().traceId)).size, 3, "calls without a caller have a trace each");
  const standing = fsyncs.filter(({ links }) => links.length === 3);
  t.is(standing.length, 1);
  t.deepEqual(
    standing[0]?.links.map(({ context }) => context.spanId).toSorted(),
    servers.map((span) => span.spanContext().spanId).toSorted(),
  );
  for (const fsync of fsyncs) {
    t.is(fsync.attributes["docdb.group.commits"], 3);
    if (fsync === standing[0]) continue;
    t.deepEqual(
      fsync.links.map(({ context }) => context.spanId),
      [standing[0]?.spanContext().spanId],
    );
  }
});

test("a patch of a document that isn't in memory reads it from the disk", async (t) => {
  const { client, spans } = await recordingServer(t, { cacheBytes: 0 });
  await call(client, Documents.createDocument, create(1n));
  await call(client, Documents.getDocument, GetDocumentRequest.fromPartial({ database: "d", id: 1n }), inTrace());
  t.deepEqual(treeOf(spans(), callerSpan), {
    "docdb.v1.DocumentService/GetDocument": { "docdb.queue_wait": {}, "docdb.engine": { "docdb.disk_read": {} } },
  });
  const operations = [{ op: Op.SET, path: "/a", json: "1" }];
  const patch = PatchDocumentRequest.fromPartial({ database: "d", id: 1n, operations });
  await call(client, Documents.patchDocument, patch, inTrace());
  t.like(treeOf(spans(), callerSpan), {
    "docdb.v1.DocumentService/PatchDocument": { ...commitSpans, "docdb.fsync": {} },
  });
});

test("a transaction's calls are spans of one trace, and only its commit waits for the disk", async (t) => {
  const { client, spans } = await recordingServer(t);
  const begin = BeginTransactionRequest.fromPartial({ database: "d" });
  const { transactionId } = await call(client, Transactions.beginTransaction, begin, inTrace());
  await call(client, Documents.createDocument, { ...create(1n), transactionId }, inTrace());
  const commit = CommitTransactionRequest.fromPartial({ database: "d", transactionId });
  await call(client, Transactions.commitTransaction, commit, inTrace());
  const recorded = spans();
  const memory = { "docdb.queue_wait": {}, "docdb.engine": {} };
  t.deepEqual(treeOf(recorded, callerSpan), {
    "docdb.v1.TransactionService/BeginTransaction": memory,
    "docdb.v1.DocumentService/CreateDocument": memory,
    "docdb.v1.TransactionService/CommitTransaction": { ...commitSpans, "docdb.fsync": {} },
  });
  t.deepEqual(
    spanNamed(recorded, "docdb.fsync").links.map(({ context }) => context.spanId),
    [spanNamed(recorded, "CommitTransaction").spanContext().spanId],
  );
});

test("a scan has a span for each page that it read", async (t) => {
  const { client, socket, spans } = await recordingServer(t, { cacheBytes: 0 });
  const value = CreateDocumentRequest.fromPartial({ json: JSON.stringify("x".repeat(100_000)) });
  const operations = Array.from({ length: 5 }, () => ({ operation: { $case: "create", value } }) as const);
  await call(client, Documents.batchWrite, BatchWriteRequest.fromPartial({ database: "d", operations, atomic: true }));
  spans();
  await using db = await connect({ socket, database: "d", pipeline: false });
  let documents = 0;
  for await (const _ of db.collection("_default").scan()) documents++;
  t.is(documents, 5);
  const recorded = spans();
  const scan = spanNamed(recorded, "ScanDocuments");
  const children = recorded.filter(({ parentSpanContext }) => parentSpanContext?.spanId === scan.spanContext().spanId);
  const commands = children
    .filter(({ name }) => name === "docdb.engine")
    .map((span) => span.attributes["docdb.command"]);
  t.is(commands[0], "openSnapshot");
  t.true(commands.length >= 3 && commands.slice(1).every((command) => command === "scanDocuments"), commands.join());
  t.true(recorded.some(({ name }) => name === "docdb.disk_read"));
});

test("a failure is in its span, and an error of the server's marks it", async (t) => {
  const { client, spans } = await recordingServer(t);
  await failureOf(call(client, Documents.getDocument, GetDocumentRequest.fromPartial({ database: "d", id: 9n })));
  const span = spans().find(({ name }) => name.endsWith("GetDocument"));
  t.like(span?.attributes, {
    "rpc.response.status_code": "NOT_FOUND",
    "error.type": "NOT_FOUND",
    "docdb.reason": "DOCUMENT_NOT_FOUND",
  });
  t.is(span?.status.code, 0, "what the caller did wrong is no error of the server");
});

test("a caller that isn't recorded isn't, and neither are calls without one at a ratio of 0", async (t) => {
  const { client, spans } = await recordingServer(t, {}, { ratio: 0, followsParent: true });
  const get = GetDocumentRequest.fromPartial({ database: "d", id: 9n });
  await failureOf(call(client, Documents.getDocument, get));
  await failureOf(call(client, Documents.getDocument, get, inTrace(traceparent.replace(/01$/, "00"))));
  t.deepEqual(spans(), []);
  await failureOf(call(client, Documents.getDocument, get, inTrace()));
  t.is(spans().length, 3);
});
