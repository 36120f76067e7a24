// Compaction, and the trim of the WAL that follows its checkpoints.

import test from "ava";
import { SimulatedCrash, SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import type { Mutation } from "../../src/storage/commit.ts";
import { codeOf } from "../platform/machines.ts";
import { del, put } from "./sample-commits.ts";
import { layout, StoredDatabase, withoutOldWal } from "./stored-database.ts";

const createCollection = (id: number, name: string): Mutation => ({ ...put(0n, name, id), kind: "createCollection" });
const dropCollection = (id: number): Mutation => ({ ...put(0n, "", id), kind: "dropCollection" });

test("the trim never removes the segment that holds the newest checkpoint record", async (t) => {
  // The WAL went on to a new segment right after the checkpoint's record. No version of the older segment was later
  // than the checkpoint, so the trim removed it, and the record with it: without the snapshot, which may be lost at any
  // time, nothing said any more where replay begins, and the database was empty or did not open.
  // The record of the next checkpoint fills this segment, so that the next commit begins another one.
  const content = "a".repeat(400);
  const sample = await new StoredDatabase().create();
  await sample.fill(3, content);
  const settings = { segmentBytes: sample.machine.readFile(layout.activeSegment).length + 1, keepSegments: 0 };
  let raced = 0;
  for (let seed = 1; seed <= 100; seed++) {
    const db = await new StoredDatabase(settings, new SimulatedMachine(seed)).create();
    await db.fill(3, content);
    let [published, rotated] = [false, false];
    let late: Promise<void> | undefined;
    db.machine.beforeIo = (_io, call, path): void => {
      if (call === "rename" && path === `${layout.index}.tmp`) published = true;
      // This commit waits for the record, which is being synced.
      if (call === "datasync" && published && path.startsWith("/wal/")) late ??= db.store.commit([put(4n, "b")]).done;
      if (call === "rename" && late !== undefined && path.endsWith(".wal.new")) rotated = true;
      if (call === "readdir" && rotated) raced++;
    };
    // A compaction's end has more to do between the record and the trim than other checkpoints.
    await db.machine.run(db.store.upkeep.compact());
    await db.machine.run(late ?? Promise.reject(new Error("no commit came behind the record")));
    db.machine.beforeIo = undefined;
    db.machine.crash("kill");
    db.machine.removeFile(layout.index);
    await db.open();
    t.deepEqual(await db.present(4), [1, 2, 3, 4], `seed ${seed}`);
  }
  t.true(raced > 0, "in no run did the rotation come before the trim");
});

/** Documents 1 to 40, the even ones deleted and the rest written twice, and collections 1 and 3 of four. */
async function wasteful(settings = {}, machine = new SimulatedMachine(1)): Promise<StoredDatabase> {
  const db = await new StoredDatabase(settings, machine).create();
  await db.commit(createCollection(1, "one"), put(7n, "seven", 1));
  await db.commit(createCollection(2, "two"), createCollection(3, "three"), put(70n, "gone", 3));
  await db.commit(dropCollection(2), del(70n, 3), createCollection(4, "four"));
  await db.commit(dropCollection(4));
  await db.fill(40, "old".repeat(50));
  for (let id = 1n; id <= 40n; id++) await db.commit(id % 2n === 0n ? del(id) : put(id, `new${id}`));
  return db;
}

const odd = Array.from({ length: 20 }, (_, i) => 2 * i + 1);

/** What of `wasteful` must be the same after whatever happens to it. */
async function contentsOf(db: StoredDatabase): Promise<unknown> {
  const { index } = db.store;
  const collections = [...index.collections].map(({ id, name, nextId, table }) => [id, name, nextId, table.live]);
  const documents = [];
  for (const id of await db.present(40)) documents.push([id, await db.read(BigInt(id))]);
  return { collections, documents, nextCollectionId: index.nextCollectionId };
}

const expected = {
  collections: [
    [0, "_default", 41, 20],
    [1, "one", 8, 1],
    [3, "three", 71, 0],
  ],
  documents: odd.map((id) => [id, `new${id}`]),
  nextCollectionId: 5,
};

const tombstonesOf = (db: StoredDatabase): number =>
  [...db.store.index.collections].reduce((total, { table }) => total + table.tombstones, 0);

const dataFilesOf = (db: StoredDatabase): string[] =>
  [layout.data, layout.compact].filter((path) => db.machine.files().has(path));

test("compaction gives space back and keeps every document, every collection and the next ids", async (t) => {
  const db = await wasteful();
  t.deepEqual(await contentsOf(db), expected);
  t.is(tombstonesOf(db), 21);
  const before = db.machine.readFile(layout.data).length;
  const { bytesReclaimed, documents } = await db.machine.run(db.store.upkeep.compact());
  const after = db.machine.readFile(layout.data).length;
  t.is(documents, 21);
  t.true(after < before / 3, `${before} bytes became ${after}`);
  t.true(bytesReclaimed > before / 2 && bytesReclaimed <= before);
  t.is(tombstonesOf(db), 0);
  t.deepEqual(dataFilesOf(db), [layout.data]);
  t.deepEqual(await contentsOf(db), expected);
  for (const end of ["close", "kill", "power"] as const) {
    for (const keepsIndex of [true, false]) {
      if (end === "close") await db.close();
      else db.machine.crash(end, "drop");
      if (!keepsIndex && db.machine.files().has(layout.index)) db.machine.removeFile(layout.index);
      await db.open();
      const how = `${end}, ${keepsIndex ? "with" : "without"} the snapshot`;
      t.deepEqual(await contentsOf(db), expected, how);
      t.is(tombstonesOf(db), 0, how);
    }
  }
  t.deepEqual(
    db.events,
    db.events.filter((message) => message !== "abort" && message !== "read-only"),
  );
});

test("a record that can't be healed ends a compaction, and everything else is still served", async (t) => {
  const db = await wasteful(withoutOldWal);
  await db.close();
  await db.open();
  const position = db.machine.readFile(layout.data).indexOf("new21");
  t.true(position > 0);
  db.machine.flipBit(layout.data, position, 0);
  for (let attempt = 1; attempt <= 2; attempt++) {
    t.is(await codeOf(db.machine.run(db.store.upkeep.compact())), "DOCUMENT_CORRUPT", `attempt ${attempt}`);
    t.is(await codeOf(db.read(21n)), "DOCUMENT_CORRUPT");
    for (const id of odd.filter((other) => other !== 21)) t.is(await db.read(BigInt(id)), `new${id}`);
    t.deepEqual(dataFilesOf(db), [layout.data, layout.compact]);
    await db.close();
    await db.open();
  }
  // A new version of it is what a compaction needs, no more.
  await db.commit(put(21n, "new21"));
  await codeOf(db.machine.run(db.store.upkeep.compact()));
  await db.machine.run(db.store.upkeep.compact());
  t.deepEqual(dataFilesOf(db), [layout.data]);
  t.deepEqual(await contentsOf(db), expected);
});

test("a compaction that a closing interrupts goes on by itself, and ends with one data file", async (t) => {
  const db = await wasteful();
  let shards = 0;
  const compaction = codeOf(db.store.upkeep.compact(() => void (++shards === 10 && db.store.upkeep.stop())));
  t.is(await db.machine.run(compaction), "SHUTTING_DOWN");
  t.is(shards, 10);
  await db.close();
  t.deepEqual(dataFilesOf(db), [layout.data, layout.compact]);
  await db.open();
  await db.machine.runUntilIdle();
  t.deepEqual(dataFilesOf(db), [layout.data]);
  t.deepEqual(await contentsOf(db), expected);
  t.is(tombstonesOf(db), 0);
});

for (const kind of ["kill", "power"] as const) {
  test(`a compaction that is cut off anywhere loses nothing, and ends after the next start (${kind})`, async (t) => {
    const original = await wasteful();
    await original.close();
    let [cutOff, went] = [0, 0];
    for (let io = 1; went === 0; io++) {
      const machine = original.machine.fork(io);
      const db = await new StoredDatabase({}, machine).open();
      // A checkpoint halfway names both files: from then on what was copied counts.
      let shards = 0;
      let halfway: Promise<unknown> = Promise.resolve();
      const onProgress = (): void => {
        if (++shards === 20) halfway = db.store.upkeep.checkpoint();
      };
      machine.crashAtIo(machine.ioCount + io, kind);
      const crashed = await machine
        .run(db.store.upkeep.compact(onProgress).then(() => halfway))
        .catch((error: unknown) => error);
      if (crashed instanceof SimulatedCrash) cutOff++;
      else went++;
      if (went > 0) machine.crash(kind);
      if (io % 2 === 0 && machine.files().has(layout.index)) machine.removeFile(layout.index);
      await db.open();
      t.deepEqual(await contentsOf(db), expected, `I/O ${io}`);
      await machine.run(db.store.upkeep.compact());
      t.deepEqual(dataFilesOf(db), [layout.data], `I/O ${io}`);
      t.deepEqual(await contentsOf(db), expected, `I/O ${io}`);
      t.is(tombstonesOf(db), 0, `I/O ${io}`);
    }
    t.true(cutOff > 40, `only ${cutOff} I/Os to cut it off at`);
  });
}

test("a leftover that looks like the data file's own generation is never taken for it", async (t) => {
  // A crash cut off the first write of `<db>.compact`, and the disk showed an old file's bytes in its place: a valid
  // header, of the generation that the data file has. Both files were taken to be the one that counts, and the next
  // checkpoint gave the leftover the data file's name. Found by seed 254812 of the simulation.
  const db = await new StoredDatabase().create();
  await db.fill(5);
  await db.machine.run(db.store.upkeep.checkpoint());
  const header = db.machine.readFile(layout.data).subarray(0, 36);
  db.machine.crash("kill");
  db.machine.writeFile(layout.compact, header);
  await db.open();
  await db.commit(put(6n, "six"));
  await db.machine.run(db.store.upkeep.checkpoint());
  t.deepEqual(dataFilesOf(db), [layout.data]);
  await db.close();
  await db.open();
  t.deepEqual(await db.present(6), [1, 2, 3, 4, 5, 6]);
});
