// Which databases are open: how many at most, which one gives way, and what is closed by itself.

import test from "ava";
import type { Command, DatabaseInfo } from "../../src/engine/commands.ts";
import type { PoolStats } from "../../src/engine/engine-stats.ts";
import { Scheduler } from "../../src/scheduler/scheduler.ts";
import { codeOf } from "../platform/machines.ts";
import { create, SimulatedEngine, update } from "./simulated-engine.ts";

const minuteMs = 60_000;

/** A started engine with these databases, all closed, each with document 1. */
async function engineWith(names: readonly string[], options: SimulatedEngine["options"]): Promise<SimulatedEngine> {
  const db = await new SimulatedEngine({ scrubIntervalMs: 0, ...options }).start();
  for (const database of names) {
    await db.run({ op: "createDatabase", database });
    await db.run({ op: "writeDocument", database, operation: create(1n, `"${database}"`) });
    await db.run({ op: "closeDatabase", database });
  }
  return db;
}

function get(database: string): Command<"getDocument"> {
  return { op: "getDocument", database, collection: "", id: 1n };
}

function begin(database: string, idleTimeoutMs = 5 * minuteMs): Command<"beginTransaction"> {
  return { op: "beginTransaction", database, isolation: "serializable", idleTimeoutMs };
}

/** The databases that are open. */
function open(db: SimulatedEngine): string {
  const isOpen = ({ state }: DatabaseInfo): boolean => state === "open" || state === "read_only";
  return db.engine
    .databases()
    .filter(isOpen)
    .map(({ database }) => database)
    .join(" ");
}

function pool(db: SimulatedEngine): PoolStats {
  return db.engine.stats("").pool;
}

test("a database that nobody uses is closed after a while, and the next use finds everything", async (t) => {
  const db = await engineWith(["a", "b"], { idleCloseMs: 5 * minuteMs });
  await db.run({ op: "writeDocument", database: "a", operation: update(1n, `"new"`) });
  await db.run(get("b"));
  for (let minute = 0; minute < 6; minute++) {
    await db.machine.advance(minuteMs);
    await db.run(get("b"));
  }
  t.is(open(db), "b");
  t.is(pool(db).idleCloses, 1);
  const files = db.machine.files();
  t.is(Buffer.from((await db.run(get("a"))).json).toString(), `"new"`);
  t.deepEqual(db.machine.files(), files, "it was not closed in good order: opening it changed files");
});

test("reads from memory count as uses", async (t) => {
  const db = await engineWith(["a"], { idleCloseMs: 5 * minuteMs });
  await db.run(get("a"));
  for (let minute = 0; minute < 20; minute++) {
    await db.machine.advance(minuteMs);
    t.truthy(db.engine.readNow(get("a")));
  }
  await db.machine.advance(6 * minuteMs);
  t.is(db.engine.readNow(get("a")), undefined);
});

test("with a time of 0 nothing is closed by itself", async (t) => {
  const db = await engineWith(["a"], { idleCloseMs: 0 });
  await db.run(get("a"));
  await db.machine.advance(100 * minuteMs);
  t.is(open(db), "a");
});

test("an open transaction and an open snapshot keep their databases open until they end", async (t) => {
  const db = await engineWith(["a", "b", "c"], { idleCloseMs: 1_000, snapshotAgeMs: minuteMs });
  await db.run(begin("a", 30_000));
  await db.run({ op: "openSnapshot", database: "b" });
  await db.run(get("c"));
  await db.machine.advance(10_000);
  t.is(open(db), "a b");
  await db.machine.advance(25_000);
  t.is(open(db), "b");
  await db.machine.advance(30_000);
  t.is(open(db), "");
  t.is(pool(db).idleCloses, 3);
});

test("a database that became read-only stays open, so that its operator sees it", async (t) => {
  const db = await engineWith(["a", "b"], { idleCloseMs: 1_000, maxOpenDatabases: 1 });
  await db.run({ op: "writeDocument", database: "a", operation: update(1n, `"a"`) });
  db.machine.faults.failNext("syncFailure", /wal\/a/);
  await db.codeOf({ op: "writeDocument", database: "a", operation: update(1n, `"new"`) });
  t.is(db.machine.faults.struck.length, 1);
  await db.machine.advance(60_000);
  t.deepEqual(
    db.engine.databases().map(({ state }) => state),
    ["read_only", "closed"],
  );
  t.is(await db.codeOf(get("b")), "DATABASE_LIMIT");
  await db.run({ op: "closeDatabase", database: "a" });
  t.is(await db.codeOf(get("b")), "none");
});

test("one more than may be open takes the place of the one that was used least recently", async (t) => {
  const db = await engineWith(["a", "b", "c", "d"], { maxOpenDatabases: 3 });
  for (const database of ["a", "b", "c", "a"]) {
    await db.run(get(database));
    await db.machine.advance(10);
  }
  await db.run(get("d"));
  t.is(open(db), "a c d");
  t.like(pool(db), { open: 3, maxOpen: 3, evictions: 1, idleCloses: 0, waiting: 0 });
});

test("what somebody holds doesn't give way: who needs a place waits a while and is told to come back", async (t) => {
  const db = await engineWith(["a", "b", "c"], { maxOpenDatabases: 2 });
  await db.run(begin("a"));
  const { snapshot } = await db.run({ op: "openSnapshot", database: "b" });
  const refused = db.engine.execute(get("c"));
  const error = await t.throwsAsync(db.machine.run(refused));
  t.like(error, { code: "DATABASE_LIMIT", status: "RESOURCE_EXHAUSTED", retryAfterMs: 1_000 });
  t.regex(error?.message ?? "", /Database c .* 2 databases are open/);
  t.is(db.engine.databases()[2]?.state, "closed", "a full pool is no failure of the database");
  const waiting = db.engine.execute(get("c"));
  await db.machine.advance(100);
  t.is(pool(db).waiting, 1);
  await db.run({ op: "closeSnapshot", database: "b", snapshot });
  await db.machine.run(waiting);
  t.is(open(db), "a c");
  // The one whose transaction timed out has nobody to tell the others.
  await db.run({ op: "openSnapshot", database: "c" });
  await db.run({ op: "closeDatabase", database: "a" });
  await db.run(begin("a", 2_000));
  t.is(await db.codeOf(get("b")), "none");
});

test("who waits for a database to be opened holds no slot", async (t) => {
  const db = await engineWith(["a", "b"], { maxOpenDatabases: 1 });
  const scheduler = new Scheduler(db.engine, db.clock, { slots: 1, queuePerDatabase: 10, queueTotal: 10 });
  await db.run(begin("a"));
  const waiting = codeOf(scheduler.execute(get("b")));
  await db.machine.run(scheduler.execute(get("a")));
  t.is(pool(db).waiting, 1);
  t.is(await db.machine.run(waiting), "DATABASE_LIMIT");
});

test("many databases that are always busy share few places, and none starves", async (t) => {
  const names = ["a", "b", "c", "d", "e"];
  const db = await engineWith(names, { maxOpenDatabases: 2 });
  let most = 0;
  db.machine.beforeIo = () => {
    most = Math.max(most, pool(db).open);
  };
  const counts = new Map(names.map((name) => [name, 0]));
  const slowest = (): number => Math.min(...counts.values());
  const client = async (database: string): Promise<void> => {
    for (let i = 0n; slowest() < 50; i++) {
      await db.engine.execute({ op: "writeDocument", database, operation: update(1n + (i % 5n), String(i)) });
      counts.set(database, (counts.get(database) ?? 0) + 1);
    }
  };
  // Three clients each: there is hardly ever a moment in which nobody uses the database.
  await db.machine.run(Promise.all(names.flatMap((name) => [client(name), client(name), client(name)])));
  t.is(most, 2);
  t.true(pool(db).evictions >= 3);
  t.is(pool(db).waiting, 0);
});

test("used one after the other, a hundred databases are served by ten places", async (t) => {
  const names = Array.from({ length: 100 }, (_, i) => `db${i}`);
  const db = await engineWith(names, { maxOpenDatabases: 10 });
  for (let round = 0; round < 2; round++) {
    const answers = names.map((name) => db.engine.execute(get(name)));
    const texts = (await db.machine.run(Promise.all(answers))).map(({ json }) => Buffer.from(json).toString());
    t.deepEqual(
      texts,
      names.map((name) => `"${name}"`),
    );
    t.is(pool(db).open, 10);
  }
  t.is(pool(db).failures, 0);
});

test("a close that fails loses nothing: the next use recovers the database", async (t) => {
  const db = await engineWith(["a", "b"], { maxOpenDatabases: 1 });
  await db.run({ op: "writeDocument", database: "a", operation: update(1n, `"new"`) });
  for (const fault of ["syncFailure", "writeError", "noNameSpace"] as const) {
    const struckBefore = db.machine.faults.struck.length;
    db.machine.faults.failFrom(0, fault, /data\/a/);
    t.is(await db.codeOf(get("b")), "none", fault);
    t.true(db.machine.faults.struck.length > struckBefore, fault);
    db.machine.faults.clear();
    t.is(Buffer.from((await db.run(get("a"))).json).toString(), `"new"`);
    t.is(await db.codeOf({ op: "writeDocument", database: "a", operation: update(2n, `"${fault}"`) }), "none");
  }
});

test("closing or deleting a database, and stopping, don't wait for a place", async (t) => {
  const db = await engineWith(["a", "b", "c"], { maxOpenDatabases: 1 });
  await db.run(begin("a"));
  const deleted = codeOf(db.engine.execute(get("b")));
  await db.run({ op: "deleteDatabase", database: "b" });
  t.is(await deleted, "DATABASE_NOT_FOUND");
  const stopped = codeOf(db.engine.execute(get("c")));
  await db.machine.run(db.engine.close());
  t.is(await stopped, "SHUTTING_DOWN");
});

test("a new database doesn't push another one out", async (t) => {
  const db = await engineWith(["a"], { maxOpenDatabases: 1 });
  await db.run(get("a"));
  t.is((await db.run({ op: "createDatabase", database: "b" })).state, "closed");
  t.is(open(db), "a");
  t.is((await db.run({ op: "openDatabase", database: "c", createIfMissing: true })).state, "open");
  t.is(open(db), "c");
});

test("an explicit close ends what keeps the database from giving way", async (t) => {
  const db = await engineWith(["a", "b"], { maxOpenDatabases: 1 });
  const { transaction } = await db.run(begin("a"));
  const waiting = db.engine.execute(get("b"));
  await db.run({ op: "closeDatabase", database: "a" });
  await db.machine.run(waiting);
  t.is(await db.codeOf({ op: "rollbackTransaction", database: "a", transaction }), "TRANSACTION_NOT_FOUND");
});
