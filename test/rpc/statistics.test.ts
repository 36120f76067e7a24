// GetStats on a real server: the figures are those of what was done.

import test, { type ExecutionContext } from "ava";
import type { Client } from "@grpc/grpc-js";
import { DatabaseServiceService as Databases, DatabaseState } from "../../gen/docdb/v1/database.ts";
import { DocumentServiceService as Documents, UpdateDocumentRequest } from "../../gen/docdb/v1/document.ts";
import { DeleteDocumentRequest, GetDocumentRequest } from "../../gen/docdb/v1/document.ts";
import {
  type DatabaseStats,
  FsyncMode,
  type GetStatsResponse,
  OperationsServiceService as Operations,
} from "../../gen/docdb/v1/operations.ts";
import { limits } from "../../src/base/limits.ts";
import { temporaryServer } from "../server/temporary-server.ts";
import { call, failureOf } from "./calls.ts";

function stats(client: Client, database = ""): Promise<GetStatsResponse> {
  return call(client, Operations.getStats, { database });
}

async function statsOf(client: Client, database: string): Promise<DatabaseStats> {
  const { databases } = await stats(client, database);
  if (databases.length !== 1) throw new Error(`${databases.length} databases`);
  return databases[0] as DatabaseStats;
}

async function withDocuments(t: ExecutionContext): Promise<Client> {
  const client = await temporaryServer(t);
  await call(client, Databases.createDatabase, { database: "d" });
  for (let n = 0; n < 20; n++) {
    const request = { database: "d", id: BigInt(1 + (n % 10)), json: `"text ${n % 10}"`, allowMissing: true };
    await call(client, Documents.updateDocument, UpdateDocumentRequest.create(request));
  }
  await call(client, Documents.deleteDocument, DeleteDocumentRequest.create({ database: "d", id: 10n }));
  return client;
}

test("the server tells of its process, its settings and its limits", async (t) => {
  const client = await temporaryServer(t);
  const { server, pool, scheduler, memory, fsyncMode, limits: told, databases, cache } = await stats(client);
  t.is(server?.processId, process.pid);
  t.is(server?.nodeVersion, process.versions.node);
  t.regex(server?.version ?? "", /^\d+\.\d+\.\d+/);
  t.is(server?.connections, 1);
  t.true((server?.residentBytes ?? 0n) > 10_000_000n);
  t.true(Math.abs(Number(server?.startTime?.seconds) - Date.now() / 1000) < 60);
  t.true(server?.dataDirectory.startsWith("/"));
  t.deepEqual([pool?.databases, pool?.open, pool?.readOnly, pool?.failed], [0, 0, 0, 0]);
  t.deepEqual([scheduler?.slots, scheduler?.slotsBusy, scheduler?.queued], [4, 0, 0]);
  t.is(scheduler?.queueLimit, 16_384);
  t.is(scheduler?.backgroundShare, 0.25);
  t.is(memory?.usedBytes, memory?.callBytes, "but for this call nothing is held");
  t.is(fsyncMode, FsyncMode.GROUP);
  t.is(told?.documentBytes, BigInt(limits.documentBytes));
  t.is(told?.batchOperations, limits.batchOperations);
  t.deepEqual(databases, []);
  t.like(cache, { documents: 0n, bytes: 0n, limitBytes: 160n * 1024n * 1024n });
});

test("a database tells of its documents, files and commits", async (t) => {
  const client = await withDocuments(t);
  const { version, documents, jsonBytes, collections, tombstones, dataFile, wal, commits, state } = await statsOf(
    client,
    "d",
  );
  t.is(state, DatabaseState.OPEN);
  t.is(version, 21n);
  t.is(documents, 9n);
  t.is(jsonBytes, 9n * BigInt(`"text 0"`.length));
  t.deepEqual([collections, tombstones], [1, 1n]);
  t.true((dataFile?.deadBytes ?? 0n) > (dataFile?.bytes ?? 0n) / 2n, "replaced versions are dead");
  t.deepEqual([dataFile?.generation, dataFile?.lastCompactionTime], [1n, undefined]);
  t.true((wal?.bytes ?? 0n) > 1000n);
  t.true((wal?.replayBytes ?? 0n) > 1000n && (wal?.replayBytes ?? 0n) < (wal?.bytes ?? 0n));
  t.deepEqual([wal?.checkpointVersion, wal?.lastCheckpointTime], [0n, undefined]);
  t.is(commits?.commits, 21n);
  t.is(commits?.durableVersion, 21n);
  t.true((commits?.groups ?? 0n) <= 21n && (commits?.fsyncs ?? 0n) >= (commits?.groups ?? 0n));
  t.true((commits?.fsyncDuration?.nanos ?? 0) > 0);
});

test("checkpoints and compactions leave their traces", async (t) => {
  const client = await withDocuments(t);
  const before = await statsOf(client, "d");
  await call(client, Operations.checkpointDatabase, { database: "d" });
  const { wal } = await statsOf(client, "d");
  t.is(wal?.checkpointVersion, 21n);
  t.is(wal?.replayBytes, 0n);
  t.truthy(wal?.lastCheckpointTime);
  t.truthy(wal?.lastCheckpointDuration);
  await compact(client);
  const { dataFile } = await statsOf(client, "d");
  t.is(dataFile?.generation, 2n);
  t.truthy(dataFile?.lastCompactionTime);
  t.true((dataFile?.bytes ?? 0n) < (before.dataFile?.bytes ?? 0n));
});

test("a closed database has a state and nothing more, and asking does not open it", async (t) => {
  const client = await withDocuments(t);
  await call(client, Databases.closeDatabase, { database: "d" });
  for (let n = 0; n < 2; n++) {
    const closed = await statsOf(client, "d");
    t.is(closed.state, DatabaseState.CLOSED);
    t.deepEqual([closed.dataFile, closed.wal, closed.commits], [undefined, undefined, undefined]);
  }
  t.is((await stats(client)).pool?.databases, 1);
  t.is((await failureOf(stats(client, "none"))).reason, "DATABASE_NOT_FOUND");
});

test("errors of calls are counted by code and category", async (t) => {
  const client = await withDocuments(t);
  const missing = GetDocumentRequest.create({ database: "d", id: 77n });
  for (let n = 0; n < 3; n++) await failureOf(call(client, Documents.getDocument, missing));
  const bad = UpdateDocumentRequest.create({ database: "d", id: 1n, json: "{" });
  await failureOf(call(client, Documents.updateDocument, bad));
  const { errors } = await stats(client);
  t.like(Object.fromEntries((errors?.codes ?? []).map(({ name, count }) => [name, Number(count)])), {
    DOCUMENT_NOT_FOUND: 3,
    INVALID_JSON: 1,
  });
  t.like(Object.fromEntries((errors?.categories ?? []).map(({ name, count }) => [name, Number(count)])), {
    permanent: 3,
    validation: 1,
  });
  const last = errors?.codes.find(({ name }) => name === "DOCUMENT_NOT_FOUND");
  t.regex(last?.lastMessage ?? "", /77/);
  t.is(last?.lastCode, "DOCUMENT_NOT_FOUND");
  t.true((last?.perSecond ?? 0) > 0);
});

async function compact(client: Client): Promise<void> {
  const { path, requestSerialize, responseDeserialize } = Operations.compactDatabase;
  const stream = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, { database: "d" });
  for await (const _ of stream);
}
