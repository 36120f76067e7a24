// What a database does when its disk is full or fails, and how it comes back. exhaustive.test.ts tries every I/O; here
// is what is answered.

import test, { type ExecutionContext } from "ava";
import { DocDBError } from "../../src/base/errors.ts";
import type { Command, CommandName } from "../../src/engine/commands.ts";
import { engineWithDatabase, type SimulatedEngine, update } from "./simulated-engine.ts";

const small = { segmentBytes: 700, checkpointBytes: 2_000, keepSegments: 1 };

async function errorOf<K extends CommandName>(db: SimulatedEngine, command: Command<K>): Promise<DocDBError> {
  try {
    await db.run(command);
  } catch (error) {
    if (error instanceof DocDBError) return error;
    throw error;
  }
  throw new Error(`${command.op} succeeded`);
}

function write(id: bigint, json = "{}"): Command<"writeDocument"> {
  return { op: "writeDocument", database: "d", operation: update(id, json) };
}

async function checkState(t: ExecutionContext, db: SimulatedEngine, state: string, reason: RegExp): Promise<void> {
  const info = await db.run({ op: "getDatabase", database: "d" });
  t.is(info.state, state as typeof info.state);
  t.regex(info.stateReason, reason);
}

for (const [what, command] of [
  ["a write", write(2n, JSON.stringify("x".repeat(300)))],
  ["a checkpoint", { op: "checkpointDatabase", database: "d" }],
  ["a compaction", { op: "compactDatabase", database: "d" }],
  ["the creation of a collection", { op: "createCollection", database: "d", collection: "c" }],
  ["the creation of a database", { op: "createDatabase", database: "e" }],
  ["the deletion of a database", { op: "deleteDatabase", database: "d" }],
] as const) {
  test(`on a full disk ${what} is DISK_FULL with a time to try again, and works when there is space`, async (t) => {
    const db = await engineWithDatabase(small);
    await db.write(update(1n, "1"));
    db.machine.faults.failFrom(db.machine.ioCount, "noSpace");
    const error = await errorOf(db, command);
    t.is(error.code, "DISK_FULL", error.message);
    t.is(error.status, "RESOURCE_EXHAUSTED");
    t.is(error.retryAfterMs, 1000);
    // A deletion closes the database first, and opening it again may need space.
    if (what !== "the deletion of a database") {
      t.is(await db.read(1n), "1");
      await checkState(t, db, "open", /^$/);
    }
    db.machine.faults.clear();
    await db.run(command);
    t.is(
      (await db.run({ op: "listDatabases", after: "", pageSize: 9 })).items.some((info) => info.state === "failed"),
      false,
    );
  });
}

test("a compaction that has no room for its copies is refused before it takes any", async (t) => {
  const db = await engineWithDatabase();
  await db.write(update(1n, JSON.stringify("x".repeat(1000))));
  db.machine.capacityBytes = [...db.machine.files().values()].reduce((sum, file) => sum + file.length, 0) + 500;
  const error = await errorOf(db, { op: "compactDatabase", database: "d" });
  t.is(error.code, "DISK_FULL");
  t.regex(error.message, /needs 1\d\d\d bytes for its copies, and 500 are free/);
  t.false([...db.machine.files().keys()].some((path) => path.endsWith(".compact")));
});

test("an automatic checkpoint that found no space is written later, without a write", async (t) => {
  const db = await engineWithDatabase(small);
  const indexBytes = (): number => db.machine.files().get("/db/data/d.index")?.length ?? 0;
  db.machine.faults.failFrom(1, "noSpace", /index/);
  for (let id = 1n; id <= 20n; id++) await db.write(update(id, JSON.stringify("x".repeat(100))));
  await db.machine.runUntilIdle();
  t.true(db.machine.faults.struck.length > 0);
  t.is(indexBytes(), 0);
  db.machine.faults.clear();
  await db.machine.advance(61_000);
  t.true(indexBytes() > 0);
});

test("an automatic compaction that failed is taken up later, without a write", async (t) => {
  const db = await engineWithDatabase({ ...small, compactionBytes: 3_000, compactionDeadRatio: 0.3 });
  db.machine.faults.failFrom(1, "error", /compact/);
  for (let n = 0n; n < 30n; n++) await db.write(update(1n + (n % 3n), JSON.stringify("x".repeat(200))));
  await db.machine.runUntilIdle();
  t.true(db.machine.faults.struck.length > 0);
  const dataBytes = (): number => db.machine.readFile("/db/data/d.data").length;
  const before = dataBytes();
  db.machine.faults.clear();
  await db.machine.advance(61_000);
  t.true(dataBytes() < before / 2, `${dataBytes()} of ${before}`);
  for (let id = 1n; id <= 3n; id++) t.is((await db.read(id)).length, 202);
});

test("no space for the name of an old segment refuses the write, and nothing more", async (t) => {
  const db = await engineWithDatabase(small);
  const big = JSON.stringify("x".repeat(800));
  await db.write(update(1n, big));
  db.machine.faults.failNext("noNameSpace", /d\.wal$/);
  const error = await errorOf(db, write(2n));
  t.is(error.code, "DISK_FULL");
  await checkState(t, db, "open", /^$/);
  await db.write(update(2n, "2"));
  await db.crash();
  t.deepEqual([await db.read(1n), await db.read(2n)], [big, "2"]);
});

test("a failed fsync of the WAL makes the database read-only until it is closed and opened", async (t) => {
  const db = await engineWithDatabase();
  await db.write(update(1n, "1"));
  db.machine.faults.failNext("syncFailure", /wal/);
  t.is((await errorOf(db, write(2n))).code, "IO_ERROR");
  const later = await errorOf(db, write(2n));
  t.is(later.code, "DATABASE_READ_ONLY");
  t.is(await db.codeOf({ op: "checkpointDatabase", database: "d" }), "DATABASE_READ_ONLY");
  t.is(await db.codeOf({ op: "compactDatabase", database: "d" }), "DATABASE_READ_ONLY");
  t.is(await db.read(1n), "1");
  await checkState(t, db, "read_only", /make the WAL durable.*Close and open it again when the disk is sound/);
  await db.run({ op: "closeDatabase", database: "d" });
  await db.write(update(2n, "2"));
  await checkState(t, db, "open", /^$/);
});

test("a failed sync of a directory makes databases that need it read-only until the server starts anew", async (t) => {
  const db = await engineWithDatabase(small);
  await db.write(update(1n, "1"));
  db.machine.faults.failNext("syncFailure", /\/data$/);
  const error = await errorOf(db, { op: "checkpointDatabase", database: "d" });
  t.is(error.code, "DATABASE_READ_ONLY");
  await checkState(t, db, "read_only", /names in \/db\/data durable.*Restart the server when the disk is sound/);
  t.is(await db.read(1n), "1");
  t.is(await db.codeOf({ op: "createDatabase", database: "e" }), "IO_ERROR");
  await db.crash();
  await db.write(update(2n, "2"));
  t.deepEqual([await db.read(1n), await db.read(2n)], ["1", "2"]);
});

test("a read that the disk fails is IO_ERROR, and the next one may succeed", async (t) => {
  const db = await engineWithDatabase();
  await db.write(update(1n, "1"));
  db.machine.faults.failNext("readError", /data/);
  t.is(await db.read(1n), "IO_ERROR");
  t.is(await db.read(1n), "1");
});

/** Story: the creation failed, then the removal of its files, and the catalog forgot it all the same. */
test("a creation that can't be cleaned up leaves nothing that stands in the way", async (t) => {
  const db = await engineWithDatabase();
  db.machine.faults.failNext("error", /e\.wal\.new/);
  db.machine.faults.failNext("error", /e\.data$/);
  const error = await errorOf(db, { op: "createDatabase", database: "e" });
  t.is(error.code, "IO_ERROR");
  db.machine.faults.clear();
  await db.run({ op: "createDatabase", database: "e" });
  t.is((await db.run({ op: "getDatabase", database: "e" })).state, "open");
});
