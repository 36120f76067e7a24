// Calls that travel together: how many messages they make, their order, and what becomes of them when something breaks.

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { connect, DocDBError, mayHaveBeenApplied } from "../../src/client/index.ts";
import { type ServerChild, startServerChild } from "../e2e/server-child.ts";
import { temporaryDirectory } from "../server/temporary-server.ts";
import { realDatabase } from "./real-server.ts";
import { bareStatus, endWithError, failWith, scripted, silence, type Step, succeed } from "./scripted-server.ts";

test("calls that are made in one turn travel in few messages, and one that is made alone leaves at once", async (t) => {
  const { server, db } = await scripted(t);
  const users = db.collection<number>();
  await users.getOrThrow(7);
  t.is(server.pipelines.messages, 1);
  await Promise.all(Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? users.get(7) : users.create(1))));
  t.is(server.received.length, 101);
  t.true(server.pipelines.messages <= 6, `${server.pipelines.messages} messages`);
  t.is(server.pipelines.opened, 1);
});

test("with `pipeline: false` each call is a gRPC call of its own", async (t) => {
  const { server, db } = await scripted(t, { pipeline: false });
  await Promise.all(Array.from({ length: 10 }, () => db.collection().get(7)));
  t.is(server.received.length, 10);
  t.is(server.pipelines.opened, 0);
});

test("calls on one document apply in the order in which they were made", async (t) => {
  const db = await realDatabase(t);
  const counters = db.collection<number>();
  const reads: Promise<{ readonly value: number } | undefined>[] = [];
  const writes: Promise<unknown>[] = [counters.create(0, { id: 1 })];
  for (let i = 1; i <= 200; i++) {
    writes.push(counters.update(1, i));
    reads.push(counters.get(1));
  }
  await Promise.all(writes);
  const found = await Promise.all(reads);
  t.deepEqual(
    found.map((document) => document?.value),
    Array.from({ length: 200 }, (_, i) => i + 1),
  );
});

test("a failed call fails alone", async (t) => {
  const db = await realDatabase(t);
  const users = db.collection<number>();
  const results = await Promise.allSettled([
    users.create(1, { id: 1 }),
    users.create(2, { id: 1 }),
    users.create(3, { id: 2 }),
    db.collection("missing").get(1),
    users.getOrThrow(9),
  ]);
  const told = results.map((result) => (result.status === "fulfilled" ? "ok" : (result.reason as DocDBError).code));
  t.deepEqual(told, ["ok", "DOCUMENT_EXISTS", "ok", "COLLECTION_NOT_FOUND", "DOCUMENT_NOT_FOUND"]);
});

test("a call that is given up leaves the others alone, and its late reply is nobody's", async (t) => {
  const { server, db } = await scripted(t);
  const users = db.collection<number>();
  const late: (() => void)[] = [];
  const answerLate: Step = (call) => late.push(() => succeed(call));
  server.script(answerLate, answerLate, succeed, succeed);
  const abort = new AbortController();
  const aborted = users.create(1, { signal: abort.signal });
  const expired = users.create(1, { deadlineMs: 100 });
  const [first, second] = [users.getOrThrow(7), users.getOrThrow(7)];
  t.is((await first).json, "1");
  abort.abort();
  const cancelled = await t.throwsAsync(aborted, { instanceOf: DocDBError });
  t.is(cancelled.code, "CANCELLED");
  t.true(mayHaveBeenApplied(cancelled));
  t.is((await t.throwsAsync(expired, { instanceOf: DocDBError })).code, "DEADLINE_EXCEEDED");
  await second;
  for (const answer of late) answer();
  t.is((await users.getOrThrow(7)).json, "1");
  t.is(server.pipelines.opened, 1);
});

test("a call that is aborted before it leaves is never sent", async (t) => {
  const { server, db } = await scripted(t);
  const abort = new AbortController();
  const aborted = db.collection().create(1, { signal: abort.signal });
  abort.abort();
  const error = await t.throwsAsync(aborted, { instanceOf: DocDBError });
  t.is(error.code, "CANCELLED");
  t.false(mayHaveBeenApplied(error));
  await db.collection().get(7);
  t.deepEqual(server.received, ["GetDocument"]);
});

test("a server that is slow holds back the client: calls wait, and go on when it answers", async (t) => {
  const { server, db } = await scripted(t);
  const late: (() => void)[] = [];
  server.script(...Array.from({ length: 1_024 }, (): Step => (call) => late.push(() => succeed(call))));
  const calls = Array.from({ length: 3_000 }, () => db.collection().get(7));
  while (server.received.length < 1_024) await sleep(5);
  const waiting = db.collection().get(7, { deadlineMs: 100 });
  const error = await t.throwsAsync(waiting, { instanceOf: DocDBError });
  t.is(error.code, "DEADLINE_EXCEEDED");
  t.is(server.received.length, 1_024);
  for (const answer of late) answer();
  await Promise.all(calls);
  t.is(server.received.length, 3_000);
});

test("calls that are given up while they wait are never sent, and the others keep their order", async (t) => {
  const { server, db } = await scripted(t);
  const late: (() => void)[] = [];
  server.script(...Array.from({ length: 1_024 }, (): Step => (call) => late.push(() => succeed(call))));
  const first = Array.from({ length: 1_024 }, () => db.collection().get(7));
  while (server.received.length < 1_024) await sleep(5);
  const abort = new AbortController();
  const kept: number[] = [];
  const givenUp: Promise<unknown>[] = [];
  const waiting = Array.from({ length: 2_000 }, async (_, i) => {
    if (i % 4 !== 0) return givenUp.push(db.collection().get(7, { signal: abort.signal }));
    await db.collection().get(7);
    return kept.push(i);
  });
  abort.abort();
  const codes = (await Promise.allSettled(givenUp)).map((each) => each.status === "rejected" && each.reason.code);
  t.deepEqual(new Set(codes), new Set(["CANCELLED"]));
  for (const answer of late) answer();
  await Promise.all([...first, ...waiting]);
  t.is(server.received.length, 1_024 + 500);
  t.deepEqual(
    kept,
    Array.from({ length: 500 }, (_, i) => 4 * i),
  );
});

test("requests of many bytes wait for those before them", async (t) => {
  const { server, db } = await scripted(t);
  server.script(...Array.from({ length: 100 }, () => silence));
  const text = "x".repeat(1024 * 1024);
  const abort = new AbortController();
  const calls = Array.from({ length: 20 }, () => db.collection().create(text, { signal: abort.signal }));
  while (server.received.length < 3) await sleep(5);
  await sleep(100);
  t.true(server.received.length <= 4, `${server.received.length} were sent`);
  abort.abort();
  const results = await Promise.allSettled(calls);
  const unsent = results.filter((result) => result.status === "rejected" && !mayHaveBeenApplied(result.reason));
  t.is(unsent.length, 20 - server.received.length);
});

test("when the stream breaks, reads are repeated and mutations are OUTCOME_UNKNOWN, sent once", async (t) => {
  const { server, db } = await scripted(t);
  const users = db.collection<number>();
  await users.get(7);
  server.script(silence, silence, bareStatus(14, "connection lost"));
  const results = await Promise.allSettled([users.get(7), users.create(1), users.create(2), users.getOrThrow(7)]);
  t.deepEqual(
    results.map((result) => (result.status === "fulfilled" ? "ok" : (result.reason as DocDBError).code)),
    ["ok", "OUTCOME_UNKNOWN", "OUTCOME_UNKNOWN", "ok"],
  );
  t.is(server.received.filter((method) => method === "CreateDocument").length, 2);
  t.is(server.pipelines.opened, 2);
});

test("when the server shuts down, what it has not answered is sent again", async (t) => {
  const { server, db } = await scripted(t);
  const users = db.collection<number>();
  server.script(silence, endWithError(new DocDBError("SHUTTING_DOWN", "The server is shutting down.")));
  const [created, read] = await Promise.all([users.create(1), users.getOrThrow(7)]);
  t.is(created.id, 7n);
  t.is(read.json, "1");
  t.is(server.received.filter((method) => method === "CreateDocument").length, 2);
});

test("a stream that the server ends for another reason leaves mutations unknown", async (t) => {
  const { server, db } = await scripted(t);
  server.script(endWithError(new DocDBError("INVALID_REQUEST", "A message can't be decoded.")));
  const error = await t.throwsAsync(db.collection().create(1), { instanceOf: DocDBError });
  t.is(error.code, "OUTCOME_UNKNOWN");
  t.is((error.cause as DocDBError).code, "INVALID_REQUEST");
});

test("a refused mutation is repeated alone", async (t) => {
  const { server, db } = await scripted(t);
  const users = db.collection<number>();
  server.script(failWith(new DocDBError("QUEUE_FULL", "Too much waits.", { retryAfterMs: 20 })), succeed);
  await Promise.all([users.create(1), users.create(2)]);
  t.is(server.received.length, 3);
});

test("a stream that nobody uses is ended, so that it keeps no process alive, and opened again", async (t) => {
  const { server, db } = await scripted(t);
  await db.collection().get(7);
  while (server.pipelines.ended < 1) await sleep(20);
  await db.collection().get(7);
  t.is(server.pipelines.opened, 2);
});

test("closing waits for the calls that run", async (t) => {
  const db = await realDatabase(t);
  const creating = Array.from({ length: 2_000 }, () => db.collection().create(1));
  await db.close();
  t.is((await Promise.all(creating)).length, 2_000);
});

for (const requestIds of [false, true]) {
  const ids = requestIds ? "with request ids, and leaves none in doubt" : "without request ids";
  test(`a server killed and restarted under load loses no acknowledged write, and applies none twice, ${ids}`, (t) =>
    killedUnderLoad(t, requestIds));
}

async function killedUnderLoad(t: ExecutionContext, requestIds: boolean): Promise<void> {
  t.timeout(120_000);
  const directory = await temporaryDirectory(t);
  const [data, socket] = [join(directory, "data"), join(directory, "s.sock")];
  let server: ServerChild | undefined = startServerChild(data, socket);
  t.teardown(() => server?.end("SIGKILL"));
  const db = await connect({ socket, database: "app", createIfMissing: true, waitForServerMs: 20_000, requestIds });
  t.teardown(() => db.close());
  const acknowledged = new Map<string, bigint>();
  const unknown = new Set<string>();
  const refused = new Set<string>();
  let stopped = false;
  let unexpected: unknown;
  const write = async (worker: number): Promise<void> => {
    for (let step = 0; !stopped; step++) {
      const text = `${worker}-${step}`;
      try {
        acknowledged.set(text, (await db.collection<string>().create(text)).version);
      } catch (error) {
        if (!(error instanceof DocDBError) || error.status !== "UNAVAILABLE") unexpected ??= error;
        (mayHaveBeenApplied(error) ? unknown : refused).add(text);
        await sleep(20);
      }
    }
  };
  const writers = Array.from({ length: 64 }, (_, worker) => write(worker));
  for (let kill = 0; kill < 4; kill++) {
    await sleep(300 + Math.random() * 200);
    const before = acknowledged.size;
    await server.end(kill === 1 ? "SIGTERM" : "SIGKILL");
    server = startServerChild(data, socket);
    // The client goes on by itself.
    while (acknowledged.size <= before + 64) await sleep(20);
  }
  stopped = true;
  await Promise.all(writers);
  t.is(unexpected, undefined);
  const stored = new Map<string, bigint[]>();
  for await (const document of db.collection<string>().list({ pageSize: 1_000 })) {
    stored.set(document.value, [...(stored.get(document.value) ?? []), document.version]);
  }
  for (const [text, version] of acknowledged) t.deepEqual(stored.get(text), [version], `${text} was acknowledged`);
  for (const [text, versions] of stored) {
    if (acknowledged.has(text)) continue;
    t.true(unknown.has(text) && versions.length === 1, `${text} is stored ${versions.length} times`);
  }
  for (const text of refused) t.false(stored.has(text));
  if (requestIds) t.is(unknown.size, 0);
  t.log(`${acknowledged.size} acknowledged, ${unknown.size} of unknown outcome, ${refused.size} refused`);
}
