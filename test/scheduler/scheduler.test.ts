// The scheduler in front of an executor that the test controls: it ends each command when it is told to.

import test from "ava";
import { DocDBError } from "../../src/base/errors.ts";
import type { Command, CommandName, ExecutionContext, Executor, Result } from "../../src/engine/commands.ts";
import { Scheduler } from "../../src/scheduler/scheduler.ts";

interface Started {
  readonly database: string;
  readonly context: ExecutionContext;
  readonly end: () => void;
  readonly fail: (error: Error) => void;
}

/** Executes nothing: notes what was started, in order. */
class ManualExecutor implements Executor {
  readonly started: Started[] = [];

  execute<K extends CommandName>(command: Command<K>, context: ExecutionContext = {}): Promise<Result<K>> {
    return new Promise((resolve, fail) => {
      const { database } = command as unknown as { database: string };
      this.started.push({ database, context, end: () => resolve({}), fail });
    });
  }

  get order(): string {
    return this.started.map((started) => started.database).join("");
  }
}

const get = (database: string) => ({ op: "getDatabase", database }) as const;
const roomy = { slots: 1, queuePerDatabase: 100, queueTotal: 1000 };

/** Lets all promise reactions run. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Ends one command after the other until none is left. */
async function endAll(executor: ManualExecutor): Promise<void> {
  for (let i = 0; i < executor.started.length; i++) {
    executor.started[i]?.end();
    await settled();
  }
}

test("free slots go round over the databases, so that a deep queue starves no shallow one", async (t) => {
  const executor = new ManualExecutor();
  const scheduler = new Scheduler(executor, roomy);
  const calls = "aaaaabbc".split("").map((database) => scheduler.execute(get(database)));
  await endAll(executor);
  await Promise.all(calls);
  t.is(executor.order, "aabcabaa");
});

test("a newcomer waits for one round at most", async (t) => {
  const executor = new ManualExecutor();
  const scheduler = new Scheduler(executor, roomy);
  for (let i = 0; i < 50; i++) void scheduler.execute(get("a"));
  executor.started[0]?.end();
  await settled();
  void scheduler.execute(get("b"));
  await endAll(executor);
  t.true(executor.order.indexOf("b") <= 3, executor.order);
});

test("commands of one database start in the order in which they came", async (t) => {
  const executor = new ManualExecutor();
  const scheduler = new Scheduler(executor, roomy);
  const answers: number[] = [];
  const calls = [1, 2, 3, 4].map((n) => scheduler.execute(get(n % 2 === 0 ? "A" : "a")).then(() => answers.push(n)));
  await endAll(executor);
  await Promise.all(calls);
  t.deepEqual(answers, [1, 2, 3, 4]);
});

test("no more commands execute than there are slots", async (t) => {
  const executor = new ManualExecutor();
  const scheduler = new Scheduler(executor, { ...roomy, slots: 3 });
  for (const database of "abcdefgh") void scheduler.execute(get(database));
  t.is(executor.started.length, 3);
  executor.started[1]?.end();
  await settled();
  t.is(executor.started.length, 4);
});

test("a command that waits for its fsync gives its slot back, once", async (t) => {
  const executor = new ManualExecutor();
  const scheduler = new Scheduler(executor, roomy);
  for (const database of "abcd") void scheduler.execute(get(database));
  t.is(executor.order, "a");
  const [first] = executor.started;
  first?.context.releaseSlot?.();
  first?.context.releaseSlot?.();
  t.is(executor.order, "ab");
  first?.end();
  await settled();
  t.is(executor.order, "ab");
});

test("a full queue refuses at once and says when to come again; others aren't touched", async (t) => {
  const executor = new ManualExecutor();
  const scheduler = new Scheduler(executor, { slots: 1, queuePerDatabase: 2, queueTotal: 4 });
  const calls = "aaabb".split("").map((database) => scheduler.execute(get(database)));
  const perDatabase = await t.throwsAsync(scheduler.execute(get("A")), { instanceOf: DocDBError });
  const total = await t.throwsAsync(scheduler.execute(get("c")), { instanceOf: DocDBError });
  for (const error of [perDatabase, total]) {
    t.is(error?.code, "QUEUE_FULL");
    t.true((error?.retryAfterMs ?? 0) > 0);
  }
  t.regex(perDatabase?.message ?? "", /database a/i);
  t.regex(total?.message ?? "", /the server/);
  await endAll(executor);
  await Promise.all(calls);
  t.is(executor.started.length, 5);
  void scheduler.execute(get("c"));
  t.is(executor.started.length, 6);
});

test("what was cancelled in the queue never runs", async (t) => {
  const executor = new ManualExecutor();
  const scheduler = new Scheduler(executor, roomy);
  const abort = new AbortController();
  void scheduler.execute(get("a"));
  const cancelled = scheduler.execute(get("b"), { signal: abort.signal });
  const later = scheduler.execute(get("b"));
  abort.abort();
  await Promise.all([
    t.throwsAsync(cancelled, { instanceOf: DocDBError, message: /nothing happened/ }),
    endAll(executor),
  ]);
  await later;
  t.is(executor.order, "ab");
});

test("a command that fails frees its slot and gives its error to its caller alone", async (t) => {
  const executor = new ManualExecutor();
  const scheduler = new Scheduler(executor, roomy);
  const [first, second] = [scheduler.execute(get("a")), scheduler.execute(get("a"))];
  executor.started[0]?.fail(new DocDBError("DATABASE_NOT_FOUND", "none"));
  await t.throwsAsync(first, { message: "none" });
  executor.started[1]?.end();
  await t.notThrowsAsync(second);
});

test("draining runs what is queued, refuses what comes, and tells everyone who waits for it", async (t) => {
  const executor = new ManualExecutor();
  const scheduler = new Scheduler(executor, roomy);
  const calls = "ab".split("").map((database) => scheduler.execute(get(database)));
  let drained = 0;
  const waits = [1, 2].map(() => scheduler.drain().then(() => drained++));
  const error = await t.throwsAsync(scheduler.execute(get("c")), { instanceOf: DocDBError });
  t.is(error?.code, "SHUTTING_DOWN");
  executor.started[0]?.end();
  await settled();
  t.is(drained, 0);
  executor.started[1]?.end();
  await Promise.all(calls);
  await settled();
  t.is(drained, waits.length);
});

test("draining is done at once when nothing runs, and when all that was queued was cancelled", async (t) => {
  const executor = new ManualExecutor();
  await t.notThrowsAsync(new Scheduler(executor, roomy).drain());
  const scheduler = new Scheduler(executor, roomy);
  const abort = new AbortController();
  const calls = [scheduler.execute(get("a")), scheduler.execute(get("a"), { signal: abort.signal })];
  abort.abort();
  const drained = scheduler.drain();
  executor.started[0]?.end();
  t.is((await Promise.allSettled(calls))[1]?.status, "rejected");
  await t.notThrowsAsync(drained);
});

test("it tells what is busy, what waits and for which database, and counts how commands ended", async (t) => {
  const executor = new ManualExecutor();
  const scheduler = new Scheduler(executor, { slots: 1, queuePerDatabase: 2, queueTotal: 4 });
  const abort = new AbortController();
  const calls = ["a", "a", "b"].map((database) => scheduler.execute(get(database)));
  const gone = scheduler.execute(get("a"), { signal: abort.signal });
  await t.throwsAsync(scheduler.execute(get("a")));
  t.like(scheduler.stats, { slots: 1, busySlots: 1, queued: 3, queueTotal: 4, queuePerDatabase: 2 });
  t.deepEqual([scheduler.queuedFor("A"), scheduler.queuedFor("b"), scheduler.queuedFor("c")], [2, 1, 0]);
  abort.abort();
  await t.throwsAsync(gone);
  await endAll(executor);
  await Promise.all(calls);
  t.like(scheduler.stats, { busySlots: 0, queued: 0, executed: 3, rejected: 1, dropped: 1 });
});
