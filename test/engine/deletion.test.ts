// Deletions of databases and collections that meet something else: a failing disk, a list, a compaction.

import test from "ava";
import type { Platform } from "../../src/platform/platform.ts";
import { SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import { codeOf } from "../platform/machines.ts";
import { create, engineWithDatabase, SimulatedEngine, update } from "./simulated-engine.ts";

/** A machine so slow that whatever shares its turns yields at every opportunity. */
class SlowMachine extends SimulatedMachine {
  override platform(): Platform {
    const platform = super.platform();
    let elapsedMs = 0;
    return { ...platform, clock: { ...platform.clock, monotonicMs: () => (elapsedMs += 5) } };
  }
}

test("a list of a collection that is dropped under it, and compacted away, ends without a defect", async (t) => {
  // The list had found its collection and went through its shards. Meanwhile the collection was dropped, and a
  // compaction gave up the file that its entries pointed into: looking one of them up failed an assertion.
  const answers = new Map<string, number>();
  for (let seed = 1; seed <= 60; seed++) {
    const db = await engineWithDatabase({}, new SlowMachine(seed));
    await db.run({ op: "createCollection", database: "d", collection: "c" });
    const operations = Array.from({ length: 256 }, (_, i) => update(BigInt(i + 1), "1", "c"));
    await db.run({ op: "batchWrite", database: "d", atomic: true, operations });
    const { engine } = db;
    const list = engine.execute({ op: "listDocuments", database: "d", collection: "c", after: 0n, pageSize: 10 });
    const answer = list.then(
      ({ items }) => (items.length === 0 ? "empty" : "documents"),
      () => codeOf(list),
    );
    const drop = engine.execute({ op: "deleteCollection", database: "d", collection: "c", force: true });
    const compaction = drop.then(() => engine.execute({ op: "compactDatabase", database: "d" }));
    const text = String(await db.machine.run(answer));
    answers.set(text, (answers.get(text) ?? 0) + 1);
    await db.machine.run(compaction);
  }
  for (const text of answers.keys()) t.true(["empty", "documents", "COLLECTION_NOT_FOUND"].includes(text), text);
  t.true((answers.get("documents") ?? 0) < 60, "no list met the drop: this tested nothing");
});

test("what is left of a half-deleted database and can't be removed keeps nobody else from being served", async (t) => {
  // The start finished a deletion that had been cut off, and when the disk refused that, the engine did not open: one
  // bad file kept every database from being served.
  const db = await new SimulatedEngine().start();
  const good = { op: "writeDocument", database: "good", operation: create(1n, `"kept"`) } as const;
  const bad = { database: "bad" } as const;
  await db.run({ op: "createDatabase", database: "good" });
  await db.run(good);
  await db.run({ op: "createDatabase", ...bad });
  await db.run({ ...good, ...bad });
  db.machine.faults.failFrom(0, "error", /\/bad\.data/);
  t.is(await db.codeOf({ op: "deleteDatabase", ...bad }), "IO_ERROR");
  await db.restart();
  const get = { op: "getDocument", database: "good", collection: "", id: 1n } as const;
  t.is(Buffer.from((await db.run(get)).json).toString(), `"kept"`);
  const { items } = await db.run({ op: "listDatabases", after: "", pageSize: 10 });
  t.deepEqual(
    items.map(({ database }) => database),
    ["good"],
  );
  t.is(await db.codeOf({ ...get, ...bad }), "DATABASE_NOT_FOUND");
  t.is(await db.codeOf({ op: "createDatabase", ...bad }), "IO_ERROR");
  db.machine.faults.clear();
  t.is(await db.codeOf({ op: "createDatabase", ...bad }), "none");
  await db.crash();
  t.is(await db.codeOf({ ...get, ...bad }), "DOCUMENT_NOT_FOUND");
  t.is(await db.codeOf({ ...good, ...bad }), "none");
  t.is(Buffer.from((await db.run(get)).json).toString(), `"kept"`);
});

test("a deletion that a full disk refused before anything changed leaves the database usable", async (t) => {
  // The catalog could not be written, so nothing had happened; but the database was taken for half-deleted and refused
  // every use until it was deleted again, or the server was restarted.
  const db = await engineWithDatabase();
  await db.write(create(1n, `"1"`));
  db.machine.faults.failNext("noSpace", /catalog/);
  t.is(await db.codeOf({ op: "deleteDatabase", database: "d" }), "DISK_FULL");
  t.is(db.machine.faults.struck.length, 1);
  db.machine.faults.clear();
  t.is(await db.read(1n), `"1"`);
  await db.write(update(2n, `"2"`));
  t.is(await db.codeOf({ op: "openDatabase", database: "d", createIfMissing: true }), "none");
  await db.crash();
  for (const id of [1n, 2n]) t.is(await db.read(id), `"${id}"`);
  t.is(await db.codeOf({ op: "deleteDatabase", database: "d" }), "none");
  t.is(await db.read(1n), "DATABASE_NOT_FOUND");
});
