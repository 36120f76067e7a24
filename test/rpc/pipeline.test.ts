// DocumentService.Pipeline: many calls on one stream.

import { setTimeout as sleep } from "node:timers/promises";
import { type Client, status } from "@grpc/grpc-js";
import test, { type ExecutionContext as TestContext } from "ava";
import { DatabaseServiceService } from "../../gen/docdb/v1/database.ts";
import { BatchWriteRequest, DocumentServiceService, WriteOperation } from "../../gen/docdb/v1/document.ts";
import { type DocumentRecord, asCommand } from "../../src/engine/commands.ts";
import { serverIn, temporaryDirectory, clientOf, temporaryServer } from "../server/temporary-server.ts";
import { call } from "./calls.ts";
import { fakeServer } from "./fake-server.ts";
import { createCall, deleteCall, found, getCall, listCall, PipelineCaller, updateCall } from "./pipeline-calls.ts";

async function databaseServer(t: TestContext): Promise<Client> {
  const client = await temporaryServer(t);
  await call(client, DatabaseServiceService.createDatabase, { database: "d" });
  return client;
}

function record(id: bigint, json: Uint8Array): DocumentRecord {
  return { id, json, version: 1, createTimeMs: 1, updateTimeMs: 1 };
}

test("each call is answered as the unary RPC of its name would, and a failed one fails alone", async (t) => {
  const pipeline = new PipelineCaller(await databaseServer(t));
  const answers = await pipeline.call(
    createCall(1n, '{"n":1.0}'),
    createCall(1n, "2"),
    createCall(2n, "{"),
    getCall(1n),
    getCall(0n),
    getCall(9n),
    undefined,
    {
      $case: "batchWrite",
      value: BatchWriteRequest.fromPartial({
        operations: [{ operation: { $case: "create", value: { id: 3n, json: "3" } } }],
      }),
    },
    { $case: "batchGetDocuments", value: { database: "d", collection: "", ids: [3n, 4n], transactionId: "" } },
    listCall(),
    deleteCall(3n),
    { $case: "patchDocument", value: { ...patchOf(1n), mergePatch: "{}" } },
  );
  t.deepEqual(answers.slice(0, 7).map(found), [
    "createDocument",
    "DOCUMENT_EXISTS",
    "INVALID_JSON",
    '{"n":1.0}',
    "INVALID_ID",
    "DOCUMENT_NOT_FOUND",
    "INVALID_REQUEST",
  ]);
  t.deepEqual(answers.slice(7, 11).map(found), ["batchWrite", "batchGetDocuments", '{"n":1.0} 3', "deleteDocument"]);
  pipeline.stream.end();
  t.is(await pipeline.ended, undefined);
});

function patchOf(id: bigint) {
  return {
    database: "d",
    collection: "",
    id,
    operations: [],
    precondition: undefined,
    requestId: "",
    transactionId: "",
    jsonPatch: "",
    mergePatch: "",
  };
}

test("calls on one document apply in the order sent, whatever they are", async (t) => {
  const pipeline = new PipelineCaller(await databaseServer(t));
  const operations = Array.from({ length: 500 }, (_, i) =>
    WriteOperation.fromPartial({ operation: { $case: "create", value: { id: BigInt(100 + i), json: "0" } } }),
  );
  const requests = [
    getCall(1n),
    createCall(1n, "1"),
    getCall(1n),
    updateCall(1n, "2"),
    updateCall(1n, "3"),
    listCall(),
    getCall(1n),
    deleteCall(1n),
    getCall(1n),
    createCall(1n, "4"),
    getCall(1n),
    { $case: "batchWrite", value: BatchWriteRequest.fromPartial({ database: "d", operations }) } as const,
    updateCall(150n, "5"),
    getCall(150n),
    deleteCall(151n),
    getCall(151n),
  ];
  t.deepEqual((await pipeline.call(...requests)).map(found), [
    "DOCUMENT_NOT_FOUND",
    "createDocument",
    "1",
    "updateDocument",
    "updateDocument",
    "3",
    "3",
    "deleteDocument",
    "DOCUMENT_NOT_FOUND",
    "createDocument",
    "4",
    "batchWrite",
    "updateDocument",
    "5",
    "deleteDocument",
    "DOCUMENT_NOT_FOUND",
  ]);
});

test("a thousand updates of one document and reads between them stay in order, over many messages", async (t) => {
  const pipeline = new PipelineCaller(await databaseServer(t));
  const ids = pipeline.send([createCall(1n, "0")]);
  for (let i = 1; i <= 500; i++) ids.push(...pipeline.send([updateCall(1n, String(i)), getCall(1n)]));
  const answers = await pipeline.answers(ids);
  for (let i = 1; i <= 500; i++) t.is(found(answers[2 * i]), String(i));
});

test("a slow call holds up nobody but those on its document", async (t) => {
  let release: (() => void) | undefined;
  const { client } = await fakeServer(t, async (command) => {
    if (command.op === "writeDocument") await new Promise<void>((resolve) => (release = resolve));
    if (command.op === "getDocument") return record(command.id, Buffer.from("1"));
    return { id: 1n, version: 2, createTimeMs: 1, updateTimeMs: 1 };
  });
  const pipeline = new PipelineCaller(client);
  const [slow, same, other] = pipeline.send([updateCall(1n, "1"), getCall(1n), getCall(2n)]) as [
    bigint,
    bigint,
    bigint,
  ];
  await pipeline.answers([other]);
  await sleep(50);
  t.deepEqual(
    pipeline.replies.map((reply) => reply.callId),
    [other],
  );
  release?.();
  t.deepEqual((await pipeline.answers([slow, same])).map(found), ["updateDocument", "1"]);
});

test("the first call binds the stream to its database", async (t) => {
  const client = await databaseServer(t);
  await call(client, DatabaseServiceService.createDatabase, { database: "other" });
  const unnamed = new PipelineCaller(client);
  t.deepEqual((await unnamed.call(getCall(1n, { database: "" }))).map(found), ["INVALID_REQUEST"]);
  const pipeline = new PipelineCaller(client);
  const answers = await pipeline.call(
    createCall(1n, "1"),
    createCall(1n, "2", { database: "other" }),
    getCall(1n, { database: "" }),
    getCall(1n, { database: "D" }),
  );
  t.deepEqual(answers.map(found), ["createDocument", "INVALID_REQUEST", "1", "1"]);
  t.like(answers[1], { failure: { status: status.INVALID_ARGUMENT, metadata: { bound: "d", database: "other" } } });
});

test("replies that are ready in one turn share a message", async (t) => {
  const pipeline = new PipelineCaller(await databaseServer(t));
  await pipeline.call(createCall(1n, "1"));
  const before = pipeline.messages;
  await pipeline.call(...Array.from({ length: 100 }, () => getCall(1n)));
  t.true(pipeline.messages - before < 50, `${pipeline.messages - before} messages`);
});

test("a message of 20,000 calls is worked off while other calls are answered", async (t) => {
  const client = await databaseServer(t);
  const pipeline = new PipelineCaller(client);
  const ids = pipeline.send(Array.from({ length: 20_000 }, (_, i) => createCall(BigInt(i + 1), "1")));
  let others = 0;
  while (pipeline.replies.length < 20_000) {
    await call(client, DatabaseServiceService.getDatabase, { database: "d" });
    others++;
  }
  t.true((await pipeline.answers(ids.slice(-1))).every((answer) => "ok" in answer));
  t.true(others >= 10, `${others} calls`);
});

test("a client that doesn't read its replies costs a bounded amount of memory, and only itself", async (t) => {
  let executed = 0;
  const json = Buffer.alloc(100_000, "1");
  const { client } = await fakeServer(t, async (command) => {
    executed++;
    if (asCommand(command).op !== "getDocument") throw new Error("unexpected");
    return record(1n, json);
  });
  const slow = new PipelineCaller(client);
  slow.stream.pause();
  for (let i = 0; i < 200; i++) slow.send(Array.from({ length: 20 }, (_, j) => getCall(BigInt(1 + i * 20 + j))));
  let [before, looks] = [0, 0];
  // On a busy machine a while without a call is not the end yet.
  for (; looks < 5; looks = before === executed && before > 0 ? looks + 1 : 0) {
    before = executed;
    await sleep(200);
  }
  // 4,000 replies would be 400 MB.
  t.true(before < 400, `${before} calls were executed`);
  const other = new PipelineCaller(client);
  t.is((await other.call(getCall(1n))).length, 1);
  await sleep(300);
  t.is(executed, before + 1);
  slow.stream.resume();
  while (slow.replies.length < 4_000) await sleep(10);
  t.is(executed, 4_001);
});

test("requests that can't be worked off aren't read without end", async (t) => {
  let held = 0;
  const { client } = await fakeServer(t, () => {
    held++;
    return new Promise(() => undefined);
  });
  const pipeline = new PipelineCaller(client);
  const json = "1".repeat(60_000);
  let accepted = 0;
  for (let i = 0; i < 2_000; i++) {
    pipeline.send([createCall(BigInt(i + 1), json)]);
    if (pipeline.stream.writableNeedDrain) {
      await Promise.race([new Promise((resolve) => pipeline.stream.once("drain", resolve)), sleep(300)]);
      if (pipeline.stream.writableNeedDrain) break;
    }
    accepted++;
  }
  // 2,000 requests would be 120 MB; those that wait for the document that they are about aren't started.
  t.true(accepted < 400, `${accepted} messages were accepted`);
  t.true(held < 100, `${held} calls were started`);
  pipeline.stream.cancel();
});

test("a call whose time has passed when its turn comes is not started", async (t) => {
  let release: (() => void) | undefined;
  const executed: string[] = [];
  const { client } = await fakeServer(t, async (command) => {
    executed.push(command.op);
    if (command.op === "writeDocument") await new Promise<void>((resolve) => (release = resolve));
    return command.op === "getDocument" ? record(command.id, Buffer.from("1")) : record(1n, Buffer.from(""));
  });
  const pipeline = new PipelineCaller(client);
  const ids = pipeline.send([updateCall(1n, "1")]);
  while (release === undefined) await sleep(5);
  ids.push(...pipeline.send([getCall(1n)], 50), ...pipeline.send([getCall(1n)]));
  await sleep(500);
  release();
  const answers = await pipeline.answers(ids);
  t.deepEqual(answers.map(found), ["updateDocument", "DEADLINE_EXCEEDED", "1"]);
  t.like(answers[1], { failure: { status: status.DEADLINE_EXCEEDED, metadata: { outcome: "nothing" } } });
  t.deepEqual(executed, ["writeDocument", "getDocument"]);
});

test("a client that goes away leaves nothing to be started", async (t) => {
  let release: (() => void) | undefined;
  let executed = 0;
  const { client, gate } = await fakeServer(t, async () => {
    executed++;
    await new Promise<void>((resolve) => (release = resolve));
    return record(1n, Buffer.from(""));
  });
  const pipeline = new PipelineCaller(client);
  pipeline.stream.on("error", () => undefined);
  pipeline.send(Array.from({ length: 10 }, () => updateCall(1n, "1")));
  while (release === undefined) await sleep(5);
  pipeline.stream.cancel();
  await sleep(50);
  release();
  await sleep(50);
  t.is(executed, 1);
  await gate.drain();
});

test("a server that shuts down answers what is running and ends the stream; the rest was not begun", async (t) => {
  let release: (() => void) | undefined;
  let executed = 0;
  const { client, gate } = await fakeServer(t, async () => {
    executed++;
    await new Promise<void>((resolve) => (release = resolve));
    return record(1n, Buffer.from(""));
  });
  const [busy, idle] = [new PipelineCaller(client), new PipelineCaller(client)];
  const [running] = busy.send(Array.from({ length: 10 }, () => updateCall(1n, "1"))) as [bigint];
  while (release === undefined) await sleep(5);
  let drained = false;
  const draining = gate.drain().then(() => (drained = true));
  busy.send([updateCall(2n, "1")]);
  t.like(await idle.ended, { status: status.UNAVAILABLE, reason: "SHUTTING_DOWN" });
  await sleep(50);
  t.false(drained);
  release();
  t.like(await busy.ended, { status: status.UNAVAILABLE, reason: "SHUTTING_DOWN" });
  t.deepEqual(
    busy.replies.map((reply) => reply.callId),
    [running],
  );
  t.is(executed, 1);
  await draining;
});

test("a real server that is closed under load acknowledges exactly what is stored", async (t) => {
  const directory = await temporaryDirectory(t);
  const server = await serverIn(t, directory);
  const client = clientOf(t, server.socket);
  await call(client, DatabaseServiceService.createDatabase, { database: "d" });
  const pipeline = new PipelineCaller(client);
  pipeline.send(Array.from({ length: 5_000 }, (_, i) => createCall(BigInt(i + 1), "1")));
  while (pipeline.replies.length === 0) await sleep(1);
  await server.close();
  t.like(await pipeline.ended, { reason: "SHUTTING_DOWN" });
  const acknowledged = new Set(pipeline.replies.map((reply) => reply.callId));
  const again = await serverIn(t, directory);
  const ids = Array.from({ length: 5_000 }, (_, i) => BigInt(i + 1));
  const request = { database: "d", collection: "", ids, transactionId: "" };
  const { results } = await call(clientOf(t, again.socket), DocumentServiceService.batchGetDocuments, request);
  const stored = new Set(results.filter(({ result }) => result?.$case === "document").map(({ id }) => id));
  t.deepEqual(stored, acknowledged);
});

test("bytes that are no message end the stream with INVALID_REQUEST", async (t) => {
  const client = await databaseServer(t);
  for (const bytes of [Buffer.from([0x0a, 0x05, 1]), Buffer.from([0x0a, 0x02, 0x12, 0x7f])]) {
    const pipeline = new PipelineCaller(client);
    pipeline.stream.write(bytes);
    t.like(await pipeline.ended, { status: status.INVALID_ARGUMENT, reason: "INVALID_REQUEST" });
  }
});
