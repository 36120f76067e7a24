// Deadlines, cancellations, and what an error tells.

import { setTimeout as sleep } from "node:timers/promises";
import test from "ava";
import { DocDBError, mayHaveBeenApplied } from "../../src/client/index.ts";
import { bareStatus, bothWays, failWith, silence } from "./scripted-server.ts";

/** A test for calls in a pipeline and for unary ones. */
const everyWay = bothWays(test);

everyWay(
  "a call without an answer ends at its deadline, and a mutation may then have been applied",
  async (t, start) => {
    const { server, db } = await start();
    server.script(silence, silence);
    const startMs = performance.now();
    const read = await t.throwsAsync(db.collection().get(7, { deadlineMs: 100 }), { instanceOf: DocDBError });
    t.true(performance.now() - startMs < 2_000);
    t.is(read.code, "DEADLINE_EXCEEDED");
    t.false(mayHaveBeenApplied(read));
    const write = await t.throwsAsync(db.collection().create(1, { deadlineMs: 100 }), { instanceOf: DocDBError });
    t.is(write.code, "DEADLINE_EXCEEDED");
    t.true(mayHaveBeenApplied(write));
    await sleep(50);
    t.deepEqual(server.received, ["GetDocument", "CreateDocument"]);
  },
);

everyWay("the connection's deadline holds for calls without one", async (t, start) => {
  const { server, db } = await start({ deadlineMs: 500 });
  server.script(silence);
  const error = await t.throwsAsync(db.collection().get(7), { instanceOf: DocDBError });
  t.is(error.code, "DEADLINE_EXCEEDED");
  t.is((await db.collection().getOrThrow(7, { deadlineMs: Number.POSITIVE_INFINITY })).json, "1");
});

everyWay("a call whose deadline has passed is not sent", async (t, start) => {
  const { server, db } = await start();
  for (const deadlineMs of [0, -1, Number.NEGATIVE_INFINITY]) {
    const error = await t.throwsAsync(db.collection().create(1, { deadlineMs }), { instanceOf: DocDBError });
    t.is(error.code, "DEADLINE_EXCEEDED");
    t.false(mayHaveBeenApplied(error));
  }
  const error = await t.throwsAsync(db.collection().create(1, { deadlineMs: Number.NaN }), { instanceOf: DocDBError });
  t.is(error.code, "INVALID_REQUEST");
  t.deepEqual(server.received, []);
});

everyWay("what the server says of a deadline decides whether a mutation may have been applied", async (t, start) => {
  const { server, db } = await start();
  const told = (outcome: string): DocDBError =>
    new DocDBError("DEADLINE_EXCEEDED", "The deadline passed.", { metadata: { outcome } });
  server.script(failWith(told("nothing")), failWith(told("unknown")));
  t.false(mayHaveBeenApplied(await t.throwsAsync(db.collection().create(1))));
  t.true(mayHaveBeenApplied(await t.throwsAsync(db.collection().create(1))));
});

everyWay("a signal cancels a call that runs: CANCELLED, with the signal's reason as the cause", async (t, start) => {
  const { server, db } = await start();
  server.script(silence, silence);
  for (const [call, applied] of [
    [(signal: AbortSignal) => db.collection().get(7, { signal }), false],
    [(signal: AbortSignal) => db.collection().create(1, { signal }), true],
  ] as const) {
    const abort = new AbortController();
    const before = server.received.length;
    const running = call(abort.signal);
    while (server.received.length === before) await sleep(5);
    const reason = new Error("The user left.");
    abort.abort(reason);
    const error = await t.throwsAsync(running, { instanceOf: DocDBError });
    t.is(error.code, "CANCELLED");
    t.is(error.cause, reason);
    t.is(mayHaveBeenApplied(error), applied);
  }
  t.deepEqual(server.received, ["GetDocument", "CreateDocument"]);
});

everyWay("a signal that was aborted before keeps a call from being sent", async (t, start) => {
  const { server, db } = await start();
  const error = await t.throwsAsync(db.collection().create(1, { signal: AbortSignal.abort() }), {
    instanceOf: DocDBError,
  });
  t.is(error.code, "CANCELLED");
  t.false(mayHaveBeenApplied(error));
  t.deepEqual(server.received, []);
});

everyWay("a signal ends the pause between two tries", async (t, start) => {
  const { server, db } = await start();
  server.script(failWith(new DocDBError("QUEUE_FULL", "Too much waits.", { retryAfterMs: 20_000 })));
  const abort = new AbortController();
  const running = db.collection().create(1, { signal: abort.signal });
  while (server.received.length < 1) await sleep(5);
  // The refusal must have arrived, too.
  await sleep(300);
  abort.abort();
  const error = await t.throwsAsync(running, { instanceOf: DocDBError });
  t.is(error.code, "CANCELLED");
  t.false(mayHaveBeenApplied(error));
  t.is(server.received.length, 1);
});

everyWay("an error has the server's code, message, metadata and pause", async (t, start) => {
  const { server, db } = await start();
  const told = { metadata: { id: "7", version: "12" }, retryAfterMs: 1_500 };
  server.script(failWith(new DocDBError("VERSION_MISMATCH", "It is at version 12, é.", told)));
  const error = await t.throwsAsync(db.collection().create(1), { instanceOf: DocDBError });
  t.is(error.code, "VERSION_MISMATCH");
  t.is(error.message, "It is at version 12, é.");
  t.deepEqual(error.metadata, told.metadata);
  t.is(error.retryAfterMs, 1_500);
  t.is(error.status, "FAILED_PRECONDITION");
});

everyWay(
  "a reason that the client doesn't know is reported by its status, and kept in the metadata",
  async (t, start) => {
    const { server, db } = await start();
    const future = new DocDBError("DOCUMENT_NOT_FOUND", "The snapshot is gone.");
    Object.defineProperty(future, "code", { value: "SNAPSHOT_NOT_FOUND" });
    Object.defineProperty(future, "status", { value: "NOT_FOUND" });
    server.script(failWith(future), failWith(future));
    // It isn't the document that is missing, so this is no undefined.
    const error = await t.throwsAsync(db.collection().get(7), { instanceOf: DocDBError });
    t.is(error.status, "NOT_FOUND");
    t.is(error.metadata["reason"], "SNAPSHOT_NOT_FOUND");
  },
);

everyWay("a server that isn't DocDB is NOT_IMPLEMENTED", async (t, start) => {
  const { server, db } = await start();
  server.script(bareStatus(12, "unknown method"));
  const error = await t.throwsAsync(db.collection().create(1), { instanceOf: DocDBError });
  t.is(error.code, "NOT_IMPLEMENTED");
});
