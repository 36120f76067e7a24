// ScanDocuments over the wire: one snapshot, message by message, and what ends it.

import { type Client, type ClientReadableStream, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { DatabaseServiceService } from "../../gen/docdb/v1/database.ts";
import {
  BatchWriteRequest,
  DocumentServiceService,
  ScanDirection,
  ScanDocumentsRequest,
  type ScanDocumentsResponse,
  WriteOperation,
} from "../../gen/docdb/v1/document.ts";
import {
  asCommand,
  type Command,
  type CommandName,
  type ExecutionContext as Context,
  type Executor,
  type Result,
} from "../../src/engine/commands.ts";
import { BeginTransactionRequest, TransactionServiceService } from "../../gen/docdb/v1/transaction.ts";
import { ScanDocumentsRequest as WireRequest } from "../../gen/wire/docdb/v1/document.ts";
import { scanDocuments } from "../../src/rpc/scan-documents.ts";
import { create, engineWithDatabase, type SimulatedEngine } from "../engine/simulated-engine.ts";
import { temporaryServer } from "../server/temporary-server.ts";
import { environmentOf } from "./fake-server.ts";
import { call, decodeFailure, type Failure, failureOf } from "./calls.ts";

const kilobyte = `"${"x".repeat(1_000)}"`;

async function put(client: Client, ids: Iterable<bigint>, json: string): Promise<void> {
  const operations = Array.from(ids, (id) =>
    WriteOperation.fromPartial({ operation: { $case: "update", value: { id, json, allowMissing: true } } }),
  );
  await call(client, DocumentServiceService.batchWrite, BatchWriteRequest.create({ database: "d", operations }));
}

async function withDocuments(t: ExecutionContext, count: number, json = "1"): Promise<Client> {
  const client = await temporaryServer(t);
  await call(client, DatabaseServiceService.createDatabase, { database: "d" });
  await put(client, idsUpTo(count), json);
  return client;
}

const idsUpTo = (count: number): bigint[] => Array.from({ length: count }, (_, i) => BigInt(i + 1));

function startScan(client: Client, of: Partial<ScanDocumentsRequest>): ClientReadableStream<ScanDocumentsResponse> {
  const { path, requestSerialize, responseDeserialize } = DocumentServiceService.scanDocuments;
  const request = ScanDocumentsRequest.fromPartial({ database: "d", ...of });
  return client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, new Metadata());
}

interface Scanned {
  readonly messages: ScanDocumentsResponse[];
  readonly failure: Failure | undefined;
}

async function scan(client: Client, of: Partial<ScanDocumentsRequest> = {}): Promise<Scanned> {
  const messages: ScanDocumentsResponse[] = [];
  try {
    for await (const message of startScan(client, of)) messages.push(message as ScanDocumentsResponse);
    return { messages, failure: undefined };
  } catch (error) {
    return { messages, failure: decodeFailure(error as ServiceError) };
  }
}

const idsIn = (messages: readonly ScanDocumentsResponse[]): bigint[] =>
  messages.flatMap(({ documents }) => documents.map(({ id }) => id));

test("a scan streams everything in id order, as of the version that every message names", async (t) => {
  const client = await withDocuments(t, 2_500, kilobyte);
  const { messages, failure } = await scan(client);
  t.is(failure, undefined);
  t.deepEqual(idsIn(messages), idsUpTo(2_500));
  t.true(messages.length > 5, `${messages.length} messages`);
  t.true(
    messages.every(({ documents }) => documents.length <= 1_000 && documents.every(({ json }) => json === kilobyte)),
  );
  t.is(new Set(messages.map(({ version }) => version)).size, 1);
});

test("a scan goes down too, from an id on, and any message can be resumed", async (t) => {
  const client = await withDocuments(t, 1_200, kilobyte);
  for (const direction of [ScanDirection.ASCENDING, ScanDirection.DESCENDING]) {
    const down = direction === ScanDirection.DESCENDING;
    const { messages } = await scan(client, { direction, startId: 1_000n });
    const expected = down ? idsUpTo(1_000).reverse() : idsUpTo(1_200).slice(999);
    t.deepEqual(idsIn(messages), expected);
    for (const [i, { resumeToken }] of messages.entries()) {
      const rest = await scan(client, { resumeToken });
      t.deepEqual(idsIn(rest.messages), expected.slice(idsIn(messages.slice(0, i + 1)).length));
    }
  }
});

test("a scan of nothing sends one empty message, from which a scan of what comes later can begin", async (t) => {
  const client = await withDocuments(t, 0);
  for (const direction of [ScanDirection.ASCENDING, ScanDirection.DESCENDING]) {
    const { messages } = await scan(client, { direction });
    t.is(messages.length, 1);
    t.deepEqual(messages[0]?.documents, []);
    await put(client, [1n], "1");
    t.deepEqual(idsIn((await scan(client, { resumeToken: messages[0]?.resumeToken ?? "" })).messages), [1n]);
    const operations = [WriteOperation.fromPartial({ operation: { $case: "delete", value: { id: 1n } } })];
    await call(client, DocumentServiceService.batchWrite, BatchWriteRequest.create({ database: "d", operations }));
  }
});

test("writes during a scan don't show in it", async (t) => {
  const client = await withDocuments(t, 3_000, kilobyte);
  const seen: ScanDocumentsResponse[] = [];
  for await (const message of startScan(client, {})) {
    const response = message as ScanDocumentsResponse;
    seen.push(response);
    if (seen.length === 1) await put(client, idsUpTo(4_000), '"new"');
  }
  t.deepEqual(idsIn(seen), idsUpTo(3_000));
  t.true(seen.every(({ documents }) => documents.every(({ json }) => json === kilobyte)));
  t.true((await scan(client)).messages.every(({ documents }) => documents.every(({ json }) => json === '"new"')));
});

test("a scan in a transaction sees its snapshot and its own writes", async (t) => {
  const client = await withDocuments(t, 3);
  const begin = BeginTransactionRequest.fromPartial({ database: "d" });
  const { transactionId } = await call(client, TransactionServiceService.beginTransaction, begin);
  await put(client, [2n, 9n], '"other"');
  const operations = [
    WriteOperation.fromPartial({ operation: { $case: "delete", value: { id: 1n } } }),
    WriteOperation.fromPartial({ operation: { $case: "create", value: { id: 4n, json: '"own"' } } }),
  ];
  const batch = BatchWriteRequest.create({ database: "d", operations, transactionId, atomic: true });
  await call(client, DocumentServiceService.batchWrite, batch);
  const { messages, failure } = await scan(client, { transactionId });
  t.is(failure, undefined);
  const texts = messages.flatMap(({ documents }) => documents.map(({ id, json }) => `${id}: ${json}`));
  t.deepEqual(texts, ["2: 1", "3: 1", '4: "own"']);
});

test("requests that make no sense are refused", async (t) => {
  const client = await withDocuments(t, 3);
  const resumeToken = (await scan(client)).messages[0]?.resumeToken ?? "";
  const cases: readonly [Partial<ScanDocumentsRequest>, number, string][] = [
    [{ database: "none" }, status.NOT_FOUND, "DATABASE_NOT_FOUND"],
    [{ collection: "none" }, status.NOT_FOUND, "COLLECTION_NOT_FOUND"],
    [{ direction: 7 as ScanDirection }, status.INVALID_ARGUMENT, "INVALID_ENUM"],
    [{ resumeToken: "nonsense" }, status.INVALID_ARGUMENT, "INVALID_PAGE"],
    [{ resumeToken, collection: "other" }, status.INVALID_ARGUMENT, "INVALID_PAGE"],
    [{ resumeToken, startId: 1n }, status.INVALID_ARGUMENT, "INVALID_PAGE"],
  ];
  for (const [request, expectedStatus, reason] of cases) {
    const { failure } = await scan(client, request);
    t.is(failure?.status, expectedStatus, reason);
    t.is(failure?.reason, reason);
  }
  t.is((await scan(client, { resumeToken })).failure, undefined);
});

test("a scan ends with an error when its database is closed, and its last token goes on", async (t) => {
  const client = await withDocuments(t, 4_000, kilobyte);
  let token = "";
  const seen: bigint[] = [];
  const failure = await failureOf(
    (async () => {
      for await (const message of startScan(client, {})) {
        const { documents, resumeToken } = message as ScanDocumentsResponse;
        seen.push(...documents.map(({ id }) => id));
        if (token === "") await call(client, DatabaseServiceService.closeDatabase, { database: "d" });
        token = resumeToken;
      }
    })(),
  );
  t.is(failure.status, status.ABORTED);
  t.is(failure.reason, "SNAPSHOT_TOO_OLD");
  seen.push(...idsIn((await scan(client, { resumeToken: token })).messages));
  t.deepEqual(seen, idsUpTo(4_000));
});

test("a client that doesn't read holds up nobody, and one that goes away leaves nothing behind", async (t) => {
  const client = await withDocuments(t, 6_000, kilobyte);
  const streams = Array.from({ length: 20 }, () => startScan(client, {}).on("error", () => undefined));
  await Promise.all(streams.map((stream) => new Promise((resolve) => stream.once("readable", resolve))));
  await put(client, [1n], "2");
  t.is((await call(client, DatabaseServiceService.getDatabase, { database: "d" })).database?.name, "d");
  for (const stream of streams) stream.cancel();
  t.is(idsIn((await scan(client)).messages).length, 6_000);
});

/** An engine whose open snapshots are counted. */
class CountingExecutor implements Executor {
  readonly #engine: Executor;
  readonly open = new Set<string>();

  constructor(engine: Executor) {
    this.#engine = engine;
  }

  async execute<K extends CommandName>(command: Command<K>, context?: Context): Promise<Result<K>> {
    const result = await this.#engine.execute(command, context);
    if (command.op === "openSnapshot") this.open.add((result as Result<"openSnapshot">).snapshot);
    const of = asCommand(command);
    if (of.op === "closeSnapshot") this.open.delete(of.snapshot);
    return result;
  }
}

for (const end of ["the end of the scan", "a client that stops reading", "an interruption"] as const) {
  test(`a scan's snapshot ends with it: ${end}`, async (t) => {
    const db = await engineWithDatabase();
    for (let id = 1n; id <= 3n; id++) await db.write(create(id, JSON.stringify("x".repeat(200_000))));
    const executor = new CountingExecutor(db.engine);
    const environment = environmentOf(executor);
    const abort = new AbortController();
    const { signal } = abort;
    const context = {
      signal,
      execute: <K extends CommandName>(command: Command<K>) => executor.execute(command, { signal }),
    };
    const request = WireRequest.fromPartial({ database: "d" });
    const scanning = async (): Promise<number> => {
      let messages = 0;
      for await (const { documents } of scanDocuments(environment, request, context)) {
        t.is(documents.length, 1);
        t.is(executor.open.size, 1);
        if (++messages === 1 && end === "a client that stops reading") break;
        if (messages === 1 && end === "an interruption") abort.abort();
      }
      return messages;
    };
    const outcome = await db.machine.run(scanning()).catch((error: { code?: string }) => error.code);
    t.is(outcome, { "the end of the scan": 3, "a client that stops reading": 1, "an interruption": "CANCELLED" }[end]);
    t.is(executor.open.size, 0);
  });
}

/** What a scan of `d` by this executor says: ids, statuses of what can't be read, and the error that ends it. */
async function scanOf(db: SimulatedEngine, executor: Executor, request: Partial<WireRequest>): Promise<unknown[]> {
  const said: unknown[] = [];
  const context = {
    signal: new AbortController().signal,
    execute: <K extends CommandName>(command: Command<K>) => executor.execute(command),
  };
  const scanning = async (): Promise<void> => {
    const wanted = WireRequest.fromPartial({ database: "d", ...request });
    for await (const { documents, unreadable } of scanDocuments(environmentOf(executor), wanted, context)) {
      said.push(...documents.map(({ id }) => Number(id)));
      said.push(...unreadable.map(({ id, error }) => `${id}: ${error?.code}`));
    }
  };
  await db.machine.run(scanning()).catch((error: { code?: string }) => said.push(error.code));
  return said;
}

async function engineWithThree(): Promise<SimulatedEngine> {
  const db = await engineWithDatabase({ cacheBytes: 0 });
  for (let id = 1n; id <= 3n; id++) await db.write(create(id));
  return db;
}

test("a document that the disk can't read is passed over on demand, and read again by the next scan", async (t) => {
  const db = await engineWithThree();
  // The read of all three fails, then that of the first one alone.
  for (let read = 1; read <= 2; read++) db.machine.faults.failNext("readError", /d\.data$/);
  t.deepEqual(await scanOf(db, db.engine, {}), ["IO_ERROR"]);
  for (let read = 1; read <= 2; read++) db.machine.faults.failNext("readError", /d\.data$/);
  t.deepEqual(await scanOf(db, db.engine, { passUnreadable: true }), [`1: ${status.INTERNAL}`, 2, 3]);
  t.deepEqual(await scanOf(db, db.engine, { passUnreadable: true }), [1, 2, 3]);
});

test("a defect, and whatever else concerns more than a document, ends a scan that passes over documents", async (t) => {
  const db = await engineWithThree();
  const defect = { id: 2n, error: new Error("a defect") };
  const defective: Executor = {
    execute: async (command) => {
      const result = await db.engine.execute(command);
      return command.op === "scanDocuments" ? { ...result, items: [], next: 3n, failure: defect } : result;
    },
  };
  t.deepEqual(await scanOf(db, defective, { passUnreadable: true }), ["INTERNAL"]);
  t.deepEqual(await scanOf(db, db.engine, { passUnreadable: true, collection: "none" }), ["COLLECTION_NOT_FOUND"]);
});
