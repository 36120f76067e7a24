// Compaction copies in the order of the old data file, whatever is damaged there and whatever is written meanwhile.

import test from "ava";
import type { DocumentIndex } from "../../src/storage/document-index.ts";
import { dataHeaderBytes, dataRecordHeaderBytes, decodeDataRecordHeader } from "../../src/storage/data-format.ts";
import type { IndexEntry } from "../../src/storage/index-shard.ts";
import type { CompactionProgress } from "../../src/storage/live-copies.ts";
import { codeOf } from "../platform/machines.ts";
import { del, put, request } from "./sample-commits.ts";
import { layout, StoredDatabase, withoutOldWal } from "./stored-database.ts";

const count = 60;
/** Every id from 1 to `count`, in no order that a shard or a hash has. */
const ids = Array.from({ length: count }, (_, i) => BigInt(((i + 1) * 37) % 61));
const live = ids.filter((id) => id % 3n !== 0n);
const requestCount = ids.filter((id) => id % 3n === 1n).length;

/**
 * Documents in the order of `ids`, then every third one deleted and, again and again, one of its neighbours replaced.
 */
async function scattered(settings = {}): Promise<StoredDatabase> {
  const db = await new StoredDatabase(settings).create();
  await db.commit({ ...put(0n, "one", 1), kind: "createCollection" });
  for (const id of ids) await db.commit(put(id, `old${id}.`), put(id, `one${id}.`, 1));
  for (const id of ids) {
    if (id % 3n === 0n) await db.commit(del(id), del(id, 1));
    if (id % 3n === 1n) await db.commit(put(id, `new${id}.`), request(`key${id}`));
  }
  return db;
}

const contentOf = (id: bigint): string => `${id % 3n === 1n ? "new" : "old"}${id}.`;

function entriesOf({ collections, requests }: DocumentIndex): IndexEntry[] {
  const entries: IndexEntry[] = [];
  for (const table of [...[...collections].map((collection) => collection.table), ...requests.tables]) {
    for (const shard of table.shards) shard.forEach((_low, _high, entry) => void entries.push(entry));
  }
  return entries.filter(({ deleted }) => !deleted).sort((a, b) => a.offset - b.offset);
}

/** Versions and lengths of the live records in the order in which they stand in the data file. */
const orderIn = (db: StoredDatabase): string[] =>
  entriesOf(db.store.index).map(({ version, length }) => `version ${version}, ${length} bytes`);

async function assertWhole(db: StoredDatabase): Promise<void> {
  for (const id of live) {
    const content = await db.read(id);
    if (content !== contentOf(id)) throw new Error(`document ${id} is ${content}`);
  }
}

/** Where the record stands that has this text in it. */
function offsetOf(db: StoredDatabase, text: string): number {
  const bytes = db.machine.readFile(layout.data);
  const salt = bytes.readUInt32LE(12);
  let offset = dataHeaderBytes;
  for (;;) {
    const header = decodeDataRecordHeader(bytes, offset, salt);
    if (header === undefined) throw new Error(`no record holds ${text}`);
    if (bytes.subarray(offset, offset + header.length).includes(text)) return offset;
    offset += header.length;
  }
}

const compact = (db: StoredDatabase): Promise<CompactionProgress> => db.machine.run(db.store.upkeep.compact());

test("live records lie after a compaction in the order in which they lay before", async (t) => {
  const db = await scattered();
  const before = orderIn(db);
  t.is(before.length, live.length * 2 + requestCount);
  for (let round = 1; round <= 2; round++) {
    const { documents } = await compact(db);
    t.is(documents, live.length * 2);
    t.deepEqual(orderIn(db), before, `compaction ${round}`);
    await assertWhole(db);
  }
  // What a start finds in the file alone is the same.
  await db.close();
  db.machine.removeFile(layout.index);
  await db.open();
  t.deepEqual(orderIn(db), before);
});

test("a compaction that goes on after a stop keeps the order, and copies nothing twice", async (t) => {
  const db = await scattered();
  const before = orderIn(db);
  const whole = new StoredDatabase({}, db.machine.fork(1));
  await whole.open();
  await compact(whole);
  const onProgress = ({ documents }: CompactionProgress): void => {
    if (documents >= live.length) db.store.upkeep.stop();
  };
  t.is(await codeOf(db.machine.run(db.store.upkeep.compact(onProgress))), "SHUTTING_DOWN");
  await db.close();
  await db.open();
  t.true(db.store.upkeep.isCompacting);
  await db.machine.runUntilIdle();
  t.false(db.machine.files().has(layout.compact));
  t.deepEqual(orderIn(db), before);
  t.is(db.machine.readFile(layout.data).length, whole.machine.readFile(layout.data).length);
});

const damages = {
  "the content of a dead record": { text: "old40.", at: dataRecordHeaderBytes },
  "the header of a dead record": { text: "old40.", at: 20 },
  "the length of a dead record": { text: "old40.", at: 4 },
  "the content of a live record": { text: "new40.", at: dataRecordHeaderBytes },
  "the header of a live record": { text: "old5.", at: 20 },
} as const;

for (const [what, { text, at }] of Object.entries(damages)) {
  test(`damage of ${what} loses nothing that the WAL still has`, async (t) => {
    const db = await scattered();
    const damagedAt = offsetOf(db, text);
    const before = orderIn(db);
    const beforeDamage = entriesOf(db.store.index).filter(({ offset }) => offset < damagedAt).length;
    db.machine.flipBit(layout.data, damagedAt + at, 0);
    const { documents } = await compact(db);
    t.is(documents, live.length * 2);
    await assertWhole(db);
    t.false(db.machine.files().has(layout.compact));
    // What the walk could read lies in order: all that stands before damage, and behind a sound header all else.
    const inOrder = what === "the content of a dead record" ? before.length : beforeDamage;
    const after = orderIn(db);
    t.true(inOrder > 10);
    t.deepEqual(after.slice(0, inOrder), before.slice(0, inOrder));
    t.deepEqual(after.toSorted(), before.toSorted());
  });

  test(`damage of ${what} ends a compaction only when the record is live and no copy is left`, async (t) => {
    const db = await scattered(withoutOldWal);
    await db.close();
    await db.open();
    db.machine.flipBit(layout.data, offsetOf(db, text) + at, 0);
    if (what.includes("dead")) {
      await compact(db);
      await assertWhole(db);
      t.false(db.machine.files().has(layout.compact));
      return;
    }
    t.is(await codeOf(db.machine.run(db.store.upkeep.compact())), "DOCUMENT_CORRUPT");
    t.true(db.machine.files().has(layout.compact));
    const id = BigInt(/\d+/.exec(text)?.[0] ?? "");
    t.is(await codeOf(db.read(id)), "DOCUMENT_CORRUPT");
    await db.commit(put(id, contentOf(id)));
    await compact(db);
    await assertWhole(db);
    t.false(db.machine.files().has(layout.compact));
  });
}

test("a long read that the disk fails ends no compaction: documents are read one by one", async (t) => {
  const db = await scattered();
  const before = orderIn(db);
  db.machine.faults.failNext("readError", /d\.data$/);
  await compact(db);
  t.notDeepEqual(orderIn(db), before, "the walk's read failed");
  t.deepEqual(orderIn(db).toSorted(), before.toSorted());
  await assertWhole(db);
  t.false(db.machine.files().has(layout.compact));
});

test("what is replaced, deleted or dropped between a record's read and its copy is not copied over", async (t) => {
  // A commit is submitted whenever a batch was written, so that the next batch finds it done.
  const db = await scattered({ compactionBatchBytes: 300 });
  const replaced = new Set<bigint>();
  const deleted = new Set<bigint>();
  let commits: Promise<unknown> = Promise.resolve();
  let batches = 0;
  const rest = [...live].reverse();
  const onProgress = (): void => {
    batches++;
    for (const id of rest.splice(0, 2)) {
      const change = batches % 2 === 0 ? del(id) : put(id, `newest${id}.`);
      (batches % 2 === 0 ? deleted : replaced).add(id);
      commits = Promise.all([commits, db.store.commit([change]).done]);
    }
    if (batches === 3) {
      const drop = { ...put(0n, "", 1), kind: "dropCollection" as const };
      commits = Promise.all([commits, db.store.commit([drop]).done]);
    }
  };
  await db.machine.run(db.store.upkeep.compact(onProgress).then(() => commits));
  t.true(replaced.size > 5 && deleted.size > 5);
  for (const keepsIndex of [true, false]) {
    db.machine.crash("kill");
    if (!keepsIndex) db.machine.removeFile(layout.index);
    await db.open();
    for (const id of live) {
      const expected = deleted.has(id) ? undefined : replaced.has(id) ? `newest${id}.` : contentOf(id);
      t.is(await db.read(id), expected, `document ${id}`);
    }
    t.is(db.store.index.collection(1), undefined);
  }
});
