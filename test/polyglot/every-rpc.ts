// Calls the RPCs of the server by their names, with a tool that knows of DocDB's protocol only what server reflection
// tells it, and compares the answers.

import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { CollectionServiceService } from "../../gen/docdb/v1/collection.ts";
import { DatabaseServiceService } from "../../gen/docdb/v1/database.ts";
import { DocumentServiceService } from "../../gen/docdb/v1/document.ts";
import { HealingServiceService } from "../../gen/docdb/v1/healing.ts";
import { OperationsServiceService } from "../../gen/docdb/v1/operations.ts";
import { TransactionServiceService } from "../../gen/docdb/v1/transaction.ts";
import type { JsonCaller } from "./json-call.ts";

/** A text that comes back changed from whoever parses it. */
const exactJson = String.raw`{"n":18446744073709551615,"f":1.0,"e":1e400,"é":"\ud83d\ude00"}`;
const greatestId = "18446744073709551615";
/** The first number that a double can't hold, and the one after it. */
const [oddId, evenId] = ["9007199254740993", "9007199254740994"];

/** The RPCs of DocDB: `DocumentService/GetDocument`. */
export const rpcs: readonly string[] = [
  DatabaseServiceService,
  CollectionServiceService,
  DocumentServiceService,
  TransactionServiceService,
  HealingServiceService,
  OperationsServiceService,
].flatMap((service) => Object.values(service).map(({ path }: { path: string }) => path.replace("/docdb.v1.", "")));

/**
 * Calls every RPC, on a server without any of the databases used here. Rejects when an answer isn't as it must be, or
 * an RPC was left out.
 */
export async function callRpcs(caller: JsonCaller): Promise<void> {
  const answered = new Set<string>();
  const call: JsonCaller = async (rpc, request) => {
    const answer = await caller(rpc, request);
    if (answer.failure === undefined) answered.add(rpc);
    return answer;
  };
  await Promise.all([useDocuments(call), useTransactions(call), useCollections(call), useDatabases(call)]);
  assert.deepEqual([...answered].sort(), [...rpcs].sort());
}

async function useTransactions(call: JsonCaller): Promise<void> {
  const database = "transactions";
  await answers(call, "DatabaseService/CreateDatabase", { database }, { database: opened(database) });
  const begin = async (): Promise<unknown> => {
    const { messages } = await call("TransactionService/BeginTransaction", { database });
    return (messages[0] as { transactionId?: unknown } | undefined)?.transactionId;
  };
  const transactionId = await begin();
  const write = { database, id: oddId, json: "1", transactionId };
  await call("DocumentService/CreateDocument", write);
  await fails(call, "DocumentService/GetDocument", { database, id: oddId }, "DOCUMENT_NOT_FOUND");
  const committed = { version: "1", commitTime: "a time" };
  await answers(call, "TransactionService/CommitTransaction", { database, transactionId }, committed);
  const second = { database, transactionId: await begin() };
  await answers(call, "TransactionService/RollbackTransaction", second, {});

  const healed = { outcome: "HEAL_OUTCOME_INTACT", version: "1" };
  await answers(call, "HealingService/HealDocument", { database, id: oddId }, healed);
  const walk = await call("HealingService/HealDatabase", { database });
  const { done, documentsChecked } = walk.messages.at(-1) as { done?: unknown; documentsChecked?: unknown };
  assert.deepEqual({ done, documentsChecked }, { done: true, documentsChecked: "1" });
  const stats = await call("HealingService/GetHealingStats", { database });
  const [told] = (stats.messages[0] as { databases?: { documentsChecked?: unknown }[] } | undefined)?.databases ?? [];
  assert.equal(told?.documentsChecked, "2");
}

async function useDocuments(call: JsonCaller): Promise<void> {
  const database = "documents";
  const stamp = { createTime: "a time", updateTime: "a time" };
  await answers(call, "DatabaseService/CreateDatabase", { database }, { database: opened(database) });
  await answers(
    call,
    "DocumentService/CreateDocument",
    { database, id: greatestId, json: exactJson },
    { id: greatestId, version: "1", ...stamp },
  );
  const exact = { id: greatestId, json: exactJson, version: "1", ...stamp };
  const get = "DocumentService/GetDocument";
  await answers(call, get, { database, id: greatestId }, { document: exact });

  const batch = {
    database,
    atomic: true,
    operations: [{ create: { id: oddId, json: "1" } }, { create: { id: evenId, json: "2" } }],
  };
  const results = [oddId, evenId].map((id) => ({ document: { id, version: "2", ...stamp } }));
  await answers(call, "DocumentService/BatchWrite", batch, { results });

  const update = { database, id: oddId, json: "[1.0]", precondition: { version: "2" } };
  await answers(call, "DocumentService/UpdateDocument", update, { id: oddId, version: "3", ...stamp });
  const operations = [{ op: "PATCH_OPERATION_TYPE_SET", path: "/-", json: "2e400" }];
  const patch = { database, id: oddId, operations };
  await answers(call, "DocumentService/PatchDocument", patch, { id: oddId, version: "4", ...stamp });
  const mismatch = { ...update, precondition: { version: greatestId } };
  await Promise.all([
    fails(call, "DocumentService/UpdateDocument", mismatch, "VERSION_MISMATCH"),
    fails(call, get, { database, id: "9007199254740992" }, "DOCUMENT_NOT_FOUND"),
    fails(call, get, { database: "../x", id: oddId }, "INVALID_NAME"),
    answers(call, "DocumentService/DeleteDocument", { database, id: evenId }, { id: evenId, version: "5", ...stamp }),
  ]);

  const odd = { id: oddId, json: "[1.0,2e400]", version: "4", ...stamp };
  const found = [
    { id: greatestId, document: exact },
    { id: evenId, missing: true },
    { id: oddId, document: odd },
  ];
  const ids = [greatestId, evenId, oddId];
  await Promise.all([
    answers(call, "DocumentService/BatchGetDocuments", { database, ids }, { results: found }),
    answers(call, "DocumentService/ListDocuments", { database }, { documents: [odd, exact] }),
  ]);

  const scan = await call("DocumentService/ScanDocuments", { database, direction: "SCAN_DIRECTION_DESCENDING" });
  const scanned = scan.messages.flatMap((message) => (message as { documents?: unknown[] }).documents ?? []);
  assert.deepEqual({ failure: scan.failure, scanned }, { failure: undefined, scanned: [exact, odd] });

  const calls = [{ callId: "7", getDocument: { database, id: greatestId } }];
  await answers(
    call,
    "DocumentService/Pipeline",
    { calls },
    { replies: [{ callId: "7", getDocument: { document: exact } }] },
  );

  const stats = await call("OperationsService/GetStats", { database });
  const [told] = (stats.messages[0] as { databases?: { documents?: unknown }[] } | undefined)?.databases ?? [];
  const figures = { rpc: "GetStats", failure: stats.failure, documents: told?.documents };
  assert.deepEqual(figures, { rpc: "GetStats", failure: undefined, documents: "2" });
  const metrics = await call("OperationsService/GetMetrics", {});
  const { text } = metrics.messages[0] as { text?: unknown };
  assert.match(String(text), /^docdb_documents\{database="documents"\} 2$/m);
  const checkpoint = { version: "5", duration: "a duration" };
  await answers(call, "OperationsService/CheckpointDatabase", { database }, checkpoint);
  const verify = "OperationsService/VerifyDatabase";
  const verified = await call(verify, { database });
  const last = verified.messages.at(-1) as { done?: unknown; findings?: unknown };
  assert.deepEqual({ done: last.done, findings: last.findings ?? [] }, { done: true, findings: [] });
  const compact = "OperationsService/CompactDatabase";
  const { messages, failure } = await call(compact, { database });
  const { phase, recordsCopied } = messages.at(-1) as { phase?: unknown; recordsCopied?: unknown };
  const end = { rpc: compact, failure, phase, recordsCopied };
  assert.deepEqual(end, { rpc: compact, failure: undefined, phase: "COMPACTION_PHASE_DONE", recordsCopied: "2" });
}

async function useCollections(call: JsonCaller): Promise<void> {
  const database = "collections";
  const open = { database, createIfMissing: true };
  await answers(call, "DatabaseService/OpenDatabase", open, { database: opened(database) });
  const people = { name: "people", createTime: "a time" };
  const named = { database, collection: "people" };
  await answers(call, "CollectionService/CreateCollection", named, { collection: people });
  const listed = { collections: [{ name: "_default" }, people] };
  await Promise.all([
    answers(call, "CollectionService/GetCollection", named, { collection: people }),
    answers(call, "CollectionService/ListCollections", { database }, listed),
  ]);
  await answers(call, "CollectionService/DeleteCollection", named, {});
}

async function useDatabases(call: JsonCaller): Promise<void> {
  const database = "databases";
  const closed = { database: { ...opened(database), state: "DATABASE_STATE_CLOSED" } };
  await answers(
    call,
    "DatabaseService/OpenDatabase",
    { database, createIfMissing: true },
    { database: opened(database) },
  );
  await answers(call, "DatabaseService/CloseDatabase", { database }, closed);
  await answers(call, "DatabaseService/GetDatabase", { database }, closed);
  // Others may come while we look.
  const { messages } = await call("DatabaseService/ListDatabases", {});
  const [{ databases }] = messages as [{ databases: { name: string }[] }];
  assert.deepEqual(
    databases.find(({ name }) => name === database),
    closed.database,
  );
  await answers(call, "DatabaseService/DeleteDatabase", { database }, {});
}

function opened(name: string): object {
  return { name, state: "DATABASE_STATE_OPEN", createTime: "a time" };
}

/** Calls an RPC that has to answer with this one message. */
async function answers(call: JsonCaller, rpc: string, request: object, response: object): Promise<void> {
  const wanted = { messages: [response], failure: undefined };
  assert.deepEqual({ rpc, ...(await call(rpc, request)) }, { rpc, ...wanted });
}

const statuses: Readonly<Record<string, number>> = {
  DOCUMENT_NOT_FOUND: status.NOT_FOUND,
  INVALID_NAME: status.INVALID_ARGUMENT,
  VERSION_MISMATCH: status.FAILED_PRECONDITION,
};

/** Calls an RPC that has to fail for this reason. */
async function fails(call: JsonCaller, rpc: string, request: object, reason: string): Promise<void> {
  const failure = { status: statuses[reason], reason, domain: "docdb" };
  assert.deepEqual({ rpc, ...(await call(rpc, request)) }, { rpc, messages: [], failure });
}
