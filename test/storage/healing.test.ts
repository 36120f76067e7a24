// Healing of single records: from every source, in place, under crashes and failing disks; and what becomes of records
// that can't be healed.

import test from "ava";
import { SimulatedCrash, SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import { dataHeaderBytes, dataRecordHeaderBytes } from "../../src/storage/data-format.ts";
import type { HealResult } from "../../src/storage/healer.ts";
import { layoutOf } from "../../src/storage/layout.ts";
import type { StoreOptions } from "../../src/storage/store-options.ts";
import { codeOf } from "../platform/machines.ts";
import { del, put } from "./sample-commits.ts";
import { layout, StoredDatabase, withoutOldWal } from "./stored-database.ts";

/** Flips a bit of the first byte of a text in the data file. */
function damage(db: StoredDatabase, text: string, path: string = layout.data): number {
  const position = db.machine.readFile(path).indexOf(text);
  if (position < 0) throw new Error(`${text} is not in ${path}`);
  db.machine.flipBit(path, position, 0);
  return position;
}

/** Documents 1 to 5, whose contents are "text1" to "text5", closed and opened again. */
async function five(settings: Partial<StoreOptions> = {}, machine = new SimulatedMachine(1)): Promise<StoredDatabase> {
  const db = await new StoredDatabase(settings, machine).create();
  await db.fill(5, "text");
  await db.close();
  return await db.open();
}

async function check(db: StoredDatabase, id: number): Promise<HealResult | undefined> {
  const [collection] = db.store.index.collections;
  if (collection === undefined) return undefined;
  return await db.machine.run(db.store.healing.check(collection, id, 0));
}

test("a read heals a damaged record from the WAL, in place, and the disk has it for good", async (t) => {
  const db = await five();
  const sound = db.machine.readFile(layout.data);
  damage(db, "text3");
  t.is(await db.read(3n), "text3");
  t.deepEqual(db.machine.readFile(layout.data), sound);
  db.machine.crash("power", "drop");
  t.deepEqual(db.machine.readFile(layout.data), sound);
  await db.open();
  t.is(await db.read(3n), "text3");
});

test("damage at any byte of a record is found and healed", async (t) => {
  const db = await five();
  const sound = db.machine.readFile(layout.data);
  const length = dataRecordHeaderBytes + 5;
  for (let at = dataHeaderBytes; at < dataHeaderBytes + length; at++) {
    db.machine.flipBit(layout.data, at, at % 8);
    t.is(await db.read(1n), "text1", `byte ${at}`);
    t.deepEqual(db.machine.readFile(layout.data), sound, `byte ${at}`);
  }
  t.like(db.store.healing.report, { corrupt: length, healed: { wal: length }, quarantined: 0 });
});

test("a commit that is still in memory heals its records, also when the WAL is gone", async (t) => {
  const db = await new StoredDatabase().create();
  await db.fill(3, "text");
  for (const path of db.walFiles) db.machine.writeFile(path, Buffer.alloc(100));
  damage(db, "text3");
  damage(db, "text2");
  t.deepEqual(await check(db, 3), { outcome: "healed", version: 3, source: "memory" });
  t.like(await check(db, 2), { outcome: "quarantined", version: 2 });
});

test("the version that counts is taken from its segment, whatever superseded ones hold", async (t) => {
  // Segment 1 ends in groups that were written again to segment 2 after a crash, and each commit is in one of many.
  const db = await new StoredDatabase({ segmentBytes: 300, keepSegments: 100 }).create();
  for (let round = 0; round < 4; round++) {
    for (let id = 1; id <= 5; id++) await db.commit(put(BigInt(id), `round${round}.${id}`));
    db.machine.crash("kill");
    await db.open();
  }
  for (let id = 1; id <= 5; id++) {
    damage(db, `round3.${id}`);
    t.is(await db.read(BigInt(id)), `round3.${id}`);
  }
  t.is(db.store.healing.report.healed.wal, 5);
});

test("a backup heals what the WAL has no more, be it of this generation or of an older one", async (t) => {
  for (const compacted of [false, true]) {
    const db = await five({ ...withoutOldWal, backup: layoutOf("/backup", "d") });
    await db.machine.run(db.store.upkeep.checkpoint());
    const copy = db.machine.readFile(layout.data);
    if (compacted) {
      await db.commit(put(6n, "dead"), del(1n));
      await db.machine.run(db.store.upkeep.compact());
    }
    await db.close();
    db.machine.platform();
    db.machine.crash("kill");
    const { fs } = db.machine.platform();
    await db.machine.run(fs.mkdir("/backup/data"));
    db.machine.writeFile("/backup/data/d.data", copy);
    await db.open();
    damage(db, "text4");
    t.deepEqual(await check(db, 4), { outcome: "healed", version: 4, source: "backup" });
    t.is(await db.read(4n), "text4");
    t.deepEqual(db.machine.readFile("/backup/data/d.data"), copy);
  }
});

test("damage at any byte of a record heals from a backup", async (t) => {
  const db = await five({ ...withoutOldWal, backup: layoutOf("/backup", "d") });
  await db.close();
  const sound = db.machine.readFile(layout.data);
  await db.machine.run(db.machine.platform().fs.mkdir("/backup/data"));
  db.machine.writeFile("/backup/data/d.data", sound);
  await db.open();
  const length = dataRecordHeaderBytes + 5;
  for (let at = dataHeaderBytes; at < dataHeaderBytes + length; at++) {
    db.machine.flipBit(layout.data, at, at % 8);
    t.is(await db.read(1n), "text1", `byte ${at}`);
  }
  t.deepEqual(db.machine.readFile(layout.data), sound);
  t.is(db.store.healing.report.healed.backup, length);
});

test("a backup of another life of the database, or one that is damaged itself, heals nothing", async (t) => {
  const db = await five({ ...withoutOldWal, backup: layoutOf("/backup", "d") });
  const other = await new StoredDatabase(withoutOldWal, new SimulatedMachine(2)).create();
  await other.fill(5, "TEXT");
  await other.close();
  const damaged = db.machine.readFile(layout.data);
  damaged[damaged.indexOf("text4")] = 0;
  await db.machine.run(db.machine.platform().fs.mkdir("/backup/data"));
  for (const [name, backup] of Object.entries({ other: other.machine.readFile(layout.data), damaged })) {
    db.machine.writeFile("/backup/data/d.data", backup);
    await db.open();
    const at = db.machine.readFile(layout.data).indexOf("text4");
    damage(db, "text4");
    t.is(await codeOf(db.read(4n)), "DOCUMENT_CORRUPT", name);
    t.like(await check(db, 4), { outcome: "quarantined", version: 4 });
    db.machine.flipBit(layout.data, at, 0);
    await db.close();
  }
});

test("a quarantined document is refused until it is written again or deleted; all others are served", async (t) => {
  const db = await five(withoutOldWal);
  for (const id of [1, 2, 3]) damage(db, `text${id}`);
  for (const id of [1n, 2n, 3n]) t.is(await codeOf(db.read(id)), "DOCUMENT_CORRUPT");
  for (const id of [4n, 5n]) t.is(await db.read(id), `text${id}`);
  t.like(db.store.healing.report, { corrupt: 3, quarantined: 3 });
  // A second read neither finds the damage again nor looks for copies again.
  const ioCount = db.machine.ioCount;
  t.is(await codeOf(db.read(1n)), "DOCUMENT_CORRUPT");
  t.is(db.machine.ioCount, ioCount);
  t.is(db.store.healing.report.corrupt, 3);
  await db.commit(put(1n, "again"));
  await db.commit(del(2n));
  t.is(await db.read(1n), "again");
  t.is(await db.read(2n), undefined);
  t.is(await codeOf(db.read(3n)), "DOCUMENT_CORRUPT");
  t.is(db.store.healing.report.quarantined, 1);
});

test("a document leaves quarantine when it is found intact again, and with its collection", async (t) => {
  const db = await new StoredDatabase(withoutOldWal).create();
  await db.commit({ ...put(0n, "users", 1), kind: "createCollection" });
  await db.commit(put(1n, "text1"));
  await db.commit(put(1n, "text2", 1));
  await db.close();
  await db.open();
  const at = damage(db, "text1");
  damage(db, "text2");
  const progress = await db.machine.run(db.store.healing.checkAll(() => undefined, undefined));
  t.deepEqual(progress, { checked: 2, total: 2, corrupt: 2, healed: 0, quarantined: 2 });
  db.machine.flipBit(layout.data, at, 0);
  t.deepEqual(await check(db, 1), { outcome: "intact", version: 2 });
  t.is(await db.read(1n), "text1");
  t.is(db.store.healing.report.quarantined, 1);
  await db.commit({ ...put(0n, "", 1), kind: "dropCollection" });
  t.is(db.store.healing.report.quarantined, 0);
});

test("opening without a snapshot of the index heals what it can and quarantines the rest", async (t) => {
  for (const settings of [{}, withoutOldWal]) {
    const db = await five(settings);
    await db.close();
    db.machine.removeFile(layout.index);
    damage(db, "text2");
    await db.open();
    await db.machine.runUntilIdle();
    const healed = settings === withoutOldWal ? 0 : 1;
    t.like(db.store.healing.report, { corrupt: 1, healed: { wal: healed }, quarantined: 1 - healed });
    t.is(await codeOf(db.read(2n)), healed === 1 ? "none" : "DOCUMENT_CORRUPT");
  }
});

test("all who read a damaged record at once share one attempt to heal it", async (t) => {
  const db = await five();
  damage(db, "text1");
  let opened = 0;
  db.machine.beforeIo = (_io, call, path) => void (opened += Number(call === "open" && path.startsWith("/wal/")));
  const { store } = db;
  const [collection] = store.index.collections;
  const readOne = async (): Promise<string> =>
    await store.reading(async () => {
      const located = collection === undefined ? undefined : store.locate(collection, 1, 0);
      if (collection === undefined || located === undefined) return "none";
      return (await store.read(collection, 1, 0, located)).content.toString();
    });
  const found = await db.machine.run(Promise.all(Array.from({ length: 20 }, readOne)));
  t.deepEqual([...new Set(found)], ["text1"]);
  t.is(opened, 1);
  t.like(db.store.healing.report, { corrupt: 1, healed: { wal: 1 } });
});

test("a crash at any I/O of healing leaves a record that is whole or can be healed again", async (t) => {
  for (const survival of ["drop", "keep", "torn"] as const) {
    let crashed = 0;
    for (let io = 1; ; io++) {
      const db = await five({}, new SimulatedMachine(io));
      const sound = db.machine.readFile(layout.data);
      damage(db, "text3");
      db.machine.crashAtIo(db.machine.ioCount + io, "power", survival);
      const ended = await db.read(3n).catch((error: unknown) => error);
      if (!(ended instanceof SimulatedCrash)) break;
      crashed++;
      await db.open();
      t.is(await db.read(3n), "text3");
      t.deepEqual(db.machine.readFile(layout.data), sound);
    }
    t.true(crashed >= 8, `${crashed} crashes`);
  }
});

test("after a failing write the document is in quarantine, and healed when somebody asks again", async (t) => {
  for (const fault of ["writeError", "noSpace"] as const) {
    const db = await five();
    damage(db, "text3");
    db.machine.faults.failNext(fault, /d\.data$/);
    t.is(await codeOf(db.read(3n)), "DOCUMENT_CORRUPT");
    t.is(db.store.readOnly, undefined);
    await db.commit(put(6n, "six"));
    t.like(await check(db, 3), { outcome: "healed", source: "wal" });
    t.is(await db.read(3n), "text3");
    t.is(db.store.healing.report.quarantined, 0);
  }
});

test("a failed fsync of healing makes the database read-only, and the next process heals", async (t) => {
  const db = await five();
  damage(db, "text3");
  db.machine.faults.failNext("syncFailure", /d\.data$/);
  t.is(await codeOf(db.read(3n)), "DOCUMENT_CORRUPT");
  t.is(db.store.readOnly?.code, "DATABASE_READ_ONLY");
  t.deepEqual(db.events.slice(-1), ["read-only"]);
  db.machine.crash("power", "torn");
  await db.open();
  t.is(await db.read(3n), "text3");
});

test("a database that is read-only serves what is sound, heals nothing and says why", async (t) => {
  const db = await five();
  await db.commit(put(6n, "six"));
  db.machine.faults.failNext("syncFailure", /\.wal/);
  t.not(await codeOf(db.commit(put(7n, "seven"))), "none");
  const position = damage(db, "text3");
  const before = db.machine.readFile(layout.data);
  t.is(await codeOf(db.read(3n)), "DOCUMENT_CORRUPT");
  t.is((await check(db, 3))?.refusal?.code, "DATABASE_READ_ONLY");
  t.is(await codeOf(db.machine.run(db.store.healing.checkAll(() => undefined, undefined))), "DATABASE_READ_ONLY");
  t.is(await db.read(2n), "text2");
  t.deepEqual(db.machine.readFile(layout.data), before);
  db.machine.flipBit(layout.data, position, 0);
  t.like(await check(db, 3), { outcome: "intact" });
});

test("what a disk can't read is no proof of damage: a read fails, and a check writes it anew", async (t) => {
  const db = await five();
  db.machine.faults.failNext("readError", /d\.data$/);
  t.is(await codeOf(db.read(3n)), "IO_ERROR");
  t.like(db.store.healing.report, { corrupt: 0, quarantined: 0 });
  for (let read = 0; read < 2; read++) db.machine.faults.failNext("readError", /d\.data$/);
  t.deepEqual(await check(db, 3), { outcome: "healed", version: 3, source: "wal" });
  t.is(await db.read(3n), "text3");
});

test("without a copy, what a disk can't read is an I/O error and no quarantine", async (t) => {
  const db = await five(withoutOldWal);
  for (let read = 0; read < 2; read++) db.machine.faults.failNext("readError", /d\.data$/);
  const result = await check(db, 3);
  t.is(result?.outcome, "unreadable");
  t.is(result?.refusal?.code, "IO_ERROR");
  t.like(db.store.healing.report, { corrupt: 0, quarantined: 0 });
  t.is(await db.read(3n), "text3");
});

test("a source that can't be read is passed over", async (t) => {
  const db = await five();
  damage(db, "text3");
  db.machine.faults.failNext("readError", /\/wal\//);
  t.is(await codeOf(db.read(3n)), "DOCUMENT_CORRUPT");
  t.true(db.events.includes("a source for healing can't be read"));
  t.like(await check(db, 3), { outcome: "healed" });
});

test("records are healed in both data files while a compaction is under way, and it copies them healed", async (t) => {
  const db = await new StoredDatabase({ keepSegments: 9 }).create();
  await db.fill(300, "text");
  await db.close();
  await db.open();
  let shards = 0;
  const onProgress = (): void => {
    if (++shards === 100) db.store.stopLongWork();
  };
  t.is(await codeOf(db.machine.run(db.store.upkeep.compact(onProgress))), "SHUTTING_DOWN");
  const [copied, left] = [layout.compact, layout.data].map((path) => {
    const bytes = db.machine.readFile(path);
    return [90, 95, 200, 250].filter((id) => bytes.includes(`text${id}`));
  }) as [number[], number[]];
  t.true(copied.length > 0 && left.length > copied.length);
  for (const id of copied) damage(db, `text${id}`, layout.compact);
  for (const id of left) damage(db, `text${id}`);
  t.is(await db.read(BigInt(copied[0] ?? 0)), `text${copied[0]}`);
  await db.machine.run(db.store.healing.checkAll(() => undefined, undefined)).catch(() => undefined);
  await db.close();
  await db.open();
  await db.machine.run(db.store.upkeep.compact());
  t.deepEqual((await db.present(300)).length, 300);
  for (const id of left) t.is(await db.read(BigInt(id)), `text${id}`);
});
