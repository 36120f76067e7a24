// The scheduler in front of an executor that the test controls: it ends each command when it is told to.

import test from "ava";
import { DocDBError } from "../../src/base/errors.ts";
import type { Command, CommandName, ExecutionContext, Executor, Result } from "../../src/engine/commands.ts";
import { ManualClock } from "./manual-clock.ts";
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

/** Executes at once, which takes so many milliseconds of the event loop. */
class ImmediateExecutor implements Executor {
  readonly order: string[] = [];
  readonly #clock: ManualClock;
  readonly #costMs: number;

  constructor(clock: ManualClock, costMs: number) {
    this.#clock = clock;
    this.#costMs = costMs;
  }

  get executed(): number {
    return this.order.length;
  }

  async execute<K extends CommandName>(command: Command<K>, context: ExecutionContext = {}): Promise<Result<K>> {
    this.order.push((command as unknown as { database: string }).database);
    this.#clock.nowMs += this.#costMs;
    context.releaseSlot?.();
    return await Promise.resolve({} as Result<K>);
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

test("free slots go round over the databases, and a deeper queue gives more in its turn", async (t) => {
  const executor = new ManualExecutor();
  const scheduler = new Scheduler(executor, new ManualClock(), roomy);
  const calls = "aaaaabbc".split("").map((database) => scheduler.execute(get(database)));
  await endAll(executor);
  await Promise.all(calls);
  // a runs; then aaaa (3 in its turn), bb (2), c, and what is left of a.
  t.is(executor.order, "aaaabbca");
});

test("a newcomer waits for one round at most, and in it for eight commands of each database", async (t) => {
  const executor = new ManualExecutor();
  const scheduler = new Scheduler(executor, new ManualClock(), roomy);
  for (let i = 0; i < 50; i++) void scheduler.execute(get("a"));
  executor.started[0]?.end();
  await settled();
  void scheduler.execute(get("b"));
  await endAll(executor);
  t.true(executor.order.indexOf("b") <= 1 + 1 + 8, executor.order);
});

test("commands of one database start in the order in which they came", async (t) => {
  const executor = new ManualExecutor();
  const scheduler = new Scheduler(executor, new ManualClock(), roomy);
  const answers: number[] = [];
  const calls = [1, 2, 3, 4].map((n) => scheduler.execute(get(n % 2 === 0 ? "A" : "a")).then(() => answers.push(n)));
  await endAll(executor);
  await Promise.all(calls);
  t.deepEqual(answers, [1, 2, 3, 4]);
});

test("no more commands execute than there are slots", async (t) => {
  const executor = new ManualExecutor();
  const scheduler = new Scheduler(executor, new ManualClock(), { ...roomy, slots: 3 });
  for (const database of "abcdefgh") void scheduler.execute(get(database));
  t.is(executor.started.length, 3);
  executor.started[1]?.end();
  await settled();
  t.is(executor.started.length, 4);
});

test("a command that waits for its fsync gives its slot back, once", async (t) => {
  const executor = new ManualExecutor();
  const scheduler = new Scheduler(executor, new ManualClock(), roomy);
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
  const scheduler = new Scheduler(executor, new ManualClock(), { slots: 1, queuePerDatabase: 2, queueTotal: 4 });
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
  const scheduler = new Scheduler(executor, new ManualClock(), roomy);
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
  const scheduler = new Scheduler(executor, new ManualClock(), roomy);
  const [first, second] = [scheduler.execute(get("a")), scheduler.execute(get("a"))];
  executor.started[0]?.fail(new DocDBError("DATABASE_NOT_FOUND", "none"));
  await t.throwsAsync(first, { message: "none" });
  executor.started[1]?.end();
  await t.notThrowsAsync(second);
});

test("draining runs what is queued, refuses what comes, and tells everyone who waits for it", async (t) => {
  const executor = new ManualExecutor();
  const scheduler = new Scheduler(executor, new ManualClock(), roomy);
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
  await t.notThrowsAsync(new Scheduler(executor, new ManualClock(), roomy).drain());
  const scheduler = new Scheduler(executor, new ManualClock(), roomy);
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
  const scheduler = new Scheduler(executor, new ManualClock(), { slots: 1, queuePerDatabase: 2, queueTotal: 4 });
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

test("commands that end at once leave the event loop to others after a few milliseconds", async (t) => {
  const clock = new ManualClock();
  const executor = new ImmediateExecutor(clock, 0.5);
  const scheduler = new Scheduler(executor, clock, roomy);
  const calls = Array.from({ length: 40 }, () => scheduler.execute(get("a")));
  const inFirstTurn = executor.executed;
  t.true(inFirstTurn >= 1 && inFirstTurn <= 9, `${inFirstTurn} commands`);
  t.is(scheduler.queuedFor("a"), 40 - inFirstTurn);
  await clock.endTurn();
  t.true(executor.executed > inFirstTurn && executor.executed <= inFirstTurn + 9, `${executor.executed} commands`);
  for (let turn = 0; turn < 40; turn++) await clock.endTurn();
  await Promise.all(calls);
  t.is(executor.executed, 40);
});

test("in the next turn a quiet database comes before the flood of another one", async (t) => {
  const clock = new ManualClock();
  const executor = new ImmediateExecutor(clock, 1);
  const scheduler = new Scheduler(executor, clock, { ...roomy, queuePerDatabase: 1_000 });
  const calls = Array.from({ length: 500 }, () => scheduler.execute(get("flooded")));
  const quiet = scheduler.execute(get("quiet")).then(() => executor.executed);
  let turns = 0;
  for (; !executor.order.includes("quiet"); turns++) await clock.endTurn();
  // It waits for what is left of the turn of the flooded database, at most.
  t.true((await quiet) <= 16, `${await quiet} commands before it`);
  t.true(turns <= 3, `${turns} turns`);
  for (let turn = 0; turn < 500; turn++) await clock.endTurn();
  await Promise.all(calls);
});

test("a caller that had its turn waits for no other one, but for a slot behind those that wait for one", async (t) => {
  const clock = new ManualClock();
  const executor = new ManualExecutor();
  const scheduler = new Scheduler(executor, clock, { ...roomy, slots: 2 });
  void scheduler.execute(get("a"));
  clock.nowMs += 100;
  void scheduler.execute(get("b"));
  t.is(executor.order, "a");
  void scheduler.execute(get("c"), { hadTurn: true });
  t.is(executor.order, "ac");
  void scheduler.execute(get("d"), { hadTurn: true });
  await clock.endTurn();
  executor.started[0]?.end();
  await settled();
  t.is(executor.order, "acb");
  executor.started[1]?.end();
  await settled();
  t.is(executor.order, "acbd");
});

test("what nobody waits for any more when its turn comes never runs", async (t) => {
  const executor = new ManualExecutor();
  const scheduler = new Scheduler(executor, new ManualClock(), roomy);
  const caller = { gone: false };
  void scheduler.execute(get("a"));
  const late = scheduler.execute(get("b"), { caller });
  caller.gone = true;
  const [error] = await Promise.all([t.throwsAsync(late, { instanceOf: DocDBError }), endAll(executor)]);
  t.is(error?.code, "CANCELLED");
  t.is(executor.order, "a");
  t.like(scheduler.stats, { executed: 1, dropped: 1, queued: 0 });
});

test("a queue is long when an eighth of what may wait for its database does, whatever others do", (t) => {
  const scheduler = new Scheduler(new ManualExecutor(), new ManualClock(), { ...roomy, queuePerDatabase: 80 });
  t.is(scheduler.roomFor("a"), 10);
  // The first one runs.
  for (let i = 0; i < 5; i++) void scheduler.execute(get("A"));
  t.true(scheduler.roomFor("a") > 0);
  for (let i = 0; i < 8; i++) void scheduler.execute(get("a"));
  t.is(scheduler.roomFor("A"), -2);
  t.is(scheduler.roomFor("b"), 10);
});

test("when half of what may wait altogether does, the databases that have most of it have long queues", (t) => {
  const options = { slots: 1, queuePerDatabase: 800, queueTotal: 20 };
  const scheduler = new Scheduler(new ManualExecutor(), new ManualClock(), options);
  void scheduler.execute(get("a"));
  for (let i = 0; i < 8; i++) void scheduler.execute(get("a"));
  t.true(scheduler.roomFor("a") > 0);
  void scheduler.execute(get("b"));
  void scheduler.execute(get("b"));
  t.true(scheduler.roomFor("a") <= 0);
  t.true(scheduler.roomFor("b") > 0);
});
