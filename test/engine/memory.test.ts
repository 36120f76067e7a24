// The caps on memory: the cache gives way, then what would add something is refused, and the way back stays open.

import test from "ava";
import { engineWithDatabase, create, remove, SimulatedEngine, update } from "./simulated-engine.ts";

const mebibyte = 1024 * 1024;
const text = (bytes: number): string => JSON.stringify("x".repeat(bytes - 2));

/** Creates documents of so many bytes until one is refused; returns how many there are. */
async function fill(db: SimulatedEngine, bytes: number, most = 3_000): Promise<number> {
  for (let id = 1; id <= most; id++) {
    const operation = create(BigInt(id), text(bytes));
    const code = await db.codeOf({ op: "writeDocument", database: "d", operation });
    if (code === "none") continue;
    if (code !== "MEMORY_LIMIT") throw new Error(code);
    return id - 1;
  }
  throw new Error("nothing was refused");
}

test("after everything is closed nothing is in the books", async (t) => {
  const db = await engineWithDatabase();
  for (let id = 1n; id <= 50n; id++) await db.write(create(id, text(500)));
  await db.run({ op: "createCollection", database: "d", collection: "c" });
  await db.write(create(1n, "{}", "c"));
  await db.run({ op: "listDocuments", database: "d", collection: "", after: 0n, pageSize: 10 });
  const { transaction } = await db.run({ op: "beginTransaction", database: "d", isolation: "serializable" });
  const operation = update(7n, text(3_000));
  await db.run({ op: "writeDocument", database: "d", transaction, operation });
  await db.run({ op: "openSnapshot", database: "d" });
  await db.write(update(3n, text(800)));
  await db.run({ op: "deleteCollection", database: "d", collection: "c", force: true });
  await db.read(3n);
  const { memory } = db.engine.stats("");
  for (const kind of ["index", "cache", "pendingWrites", "transactions", "snapshots"] as const)
    t.true(memory.byKind[kind] > 0, kind);
  t.true(memory.byKind.transactions > 3_000);
  t.is(
    memory.bytes,
    Object.values(memory.byKind).reduce((sum, bytes) => sum + bytes, 0),
  );
  await db.run({ op: "closeDatabase", database: "d" });
  t.is(db.engine.memory.bytes, 0);
  await db.read(3n);
  await db.machine.run(db.engine.close());
  t.is(db.engine.memory.bytes, 0);
});

test("the books have the index as it is", async (t) => {
  const db = await engineWithDatabase();
  for (let id = 1n; id <= 1_500n; id++) await db.write(create(id));
  const index = db.engine.stats("d").databases[0]?.opened?.memory.index ?? 0;
  t.true(index / 1_500 > 32 && index / 1_500 < 48 + (256 * 300) / 1_500, `${index / 1_500} bytes a document`);
  await db.restart();
  await db.read(1n);
  t.is(db.engine.stats("d").databases[0]?.opened?.memory.index, index, "as it is after a restart");
});

test("the cache gives way before a write is refused", async (t) => {
  const db = await engineWithDatabase({ memoryBytes: 2 * mebibyte, cacheBytes: mebibyte });
  const size = 2_000;
  for (let id = 1n; id <= 600n; id++) {
    await db.write(create(id, text(size)));
    await db.read(id);
  }
  t.true(db.engine.stats("").cache.bytes > 900_000);
  // What is in flight at once needs more than the cache leaves.
  const operations = Array.from({ length: 250 }, (_, i) => create(BigInt(1_000 + i), text(size)));
  await db.run({ op: "batchWrite", database: "d", atomic: true, operations });
  const { cache, memory } = db.engine.stats("");
  t.true(cache.pressureEvictions > 0);
  t.true(cache.bytes < 900_000);
  t.is(memory.refusals, 0);
  t.true(memory.bytes <= 2 * mebibyte);
  t.is(await db.read(1_249n), text(size));
});

test("a database at its cap refuses what adds, and takes documents again after deletions", async (t) => {
  const db = await engineWithDatabase({ databaseMemoryBytes: 140_000, cacheBytes: 0 });
  const count = await fill(db, 10);
  t.true(count > 500);
  t.is(await db.read(BigInt(count)), text(10));
  const writes = { op: "batchWrite", database: "d", atomic: true } as const;
  t.is(await db.codeOf({ ...writes, operations: [create(5_000n), remove(1n)] }), "MEMORY_LIMIT");
  t.is(await db.read(1n), text(10), "nothing of it was done");
  t.is(await db.codeOf({ op: "beginTransaction", database: "d", isolation: "snapshot" }), "MEMORY_LIMIT");
  t.is(await db.codeOf({ op: "createCollection", database: "d", collection: "c" }), "MEMORY_LIMIT");
  for (let id = 1n; id <= BigInt(count); id += 50n) {
    const operations = Array.from({ length: 50 }, (_, i) => ({ ...remove(id + BigInt(i)), allowMissing: true }));
    await db.run({ ...writes, operations });
  }
  await db.run({ op: "compactDatabase", database: "d" });
  await db.write(create(5_000n));
});

test("another database goes on while one is at its cap", async (t) => {
  const db = await engineWithDatabase({ databaseMemoryBytes: 140_000 });
  await db.run({ op: "createDatabase", database: "other" });
  await fill(db, 10);
  await db.run({ op: "writeDocument", database: "other", operation: create(1n) });
  t.true(db.engine.stats("").memory.refusals > 0);
});

test("an index that alone is over the cap is opened and served; nothing is added to it", async (t) => {
  const db = await engineWithDatabase();
  for (let id = 1n; id <= 1_000n; id++) await db.write(create(id, text(10)));
  await db.machine.run(db.engine.close());
  const tight = await new SimulatedEngine({ databaseMemoryBytes: 50_000 }, db.machine).start();
  t.is(await tight.read(77n), text(10));
  t.is(await tight.codeOf({ op: "writeDocument", database: "d", operation: create(2_000n) }), "MEMORY_LIMIT");
  await tight.write(remove(77n));
  t.is(await tight.read(77n), "DOCUMENT_NOT_FOUND");
});

test("a transaction at the cap is refused what adds, and can be rolled back or committed later", async (t) => {
  const db = await engineWithDatabase({ databaseMemoryBytes: 400_000, cacheBytes: 0 });
  const { transaction } = await db.run({ op: "beginTransaction", database: "d", isolation: "serializable" });
  const inTransaction = { op: "writeDocument", database: "d", transaction } as const;
  await db.run({ ...inTransaction, operation: create(1n, text(100_000)) });
  t.is(await db.codeOf({ ...inTransaction, operation: create(2n, text(300_000)) }), "MEMORY_LIMIT");
  const other = await db.run({ op: "beginTransaction", database: "d", isolation: "serializable" });
  await db.run({ ...inTransaction, transaction: other.transaction, operation: create(3n, text(150_000)) });
  t.is(await db.codeOf({ op: "commitTransaction", database: "d", transaction, requestId: "" }), "MEMORY_LIMIT");
  await db.run({ op: "rollbackTransaction", database: "d", transaction: other.transaction });
  await db.run({ op: "commitTransaction", database: "d", transaction, requestId: "" });
  t.is(await db.read(1n), text(100_000));
  t.is(await db.read(2n), "DOCUMENT_NOT_FOUND");
});
