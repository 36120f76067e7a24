// What opening makes of files that are missing, damaged or foreign. Crashes are the business of test/simulation.

import test, { type ExecutionContext } from "ava";
import { checksum } from "../../src/base/checksum.ts";
import { segmentHeaderBytes } from "../../src/storage/wal-format.ts";
import { del, put } from "./sample-commits.ts";
import { layout, StoredDatabase, withoutOldWal } from "./stored-database.ts";

const small = { segmentBytes: 300, keepSegments: 2 };

/** A database with documents 1 to 9 in several segments, none of them covered by a checkpoint; its process is gone. */
async function manySegments(): Promise<StoredDatabase> {
  const db = await new StoredDatabase(small).create();
  await db.fill(9);
  db.machine.crash("power", "drop");
  return db;
}

/** Opening must fail with this message, change no byte, and fail the same way again. */
async function refuses(t: ExecutionContext, db: StoredDatabase, message: RegExp): Promise<void> {
  const before = db.machine.files();
  for (let attempt = 1; attempt <= 2; attempt++) {
    const error = await db.openError();
    t.is(error.code, "DATABASE_CORRUPT");
    t.regex(error.message, message);
    t.regex(error.message, /Nothing was changed/);
    t.deepEqual(db.machine.files(), before);
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

test("a missing data file is refused by name", async (t) => {
  const db = await manySegments();
  db.machine.removeFile(layout.data);
  await refuses(t, db, /\/data\/d\.data: the data file is missing/);
});

test("a missing active segment is refused, whether or not older ones are there", async (t) => {
  for (const db of [await manySegments(), await new StoredDatabase().create()]) {
    db.machine.removeFile(layout.activeSegment);
    await refuses(t, db, /\/wal\/d\.wal: the active WAL segment is missing/);
  }
});

test("any missing older segment is refused, and the message says which", async (t) => {
  const { walFiles } = await manySegments();
  t.true(walFiles.length >= 5, walFiles.join());
  // The first one was made with the database and never had a commit in it.
  for (const path of walFiles.filter((name) => name !== layout.activeSegment && !name.endsWith(".1"))) {
    const db = await manySegments();
    db.machine.removeFile(path);
    await refuses(t, db, new RegExp(`segment ${path.split(".").at(-1)} is missing`));
  }
});

test("a data file that is shorter than the checkpoint is refused", async (t) => {
  const db = await new StoredDatabase().create();
  await db.fill(5);
  await db.close();
  const data = db.machine.readFile(layout.data);
  db.machine.writeFile(layout.data, data.subarray(0, data.length - 1));
  await refuses(t, db, /bytes, but the last checkpoint covers/);
});

test("however much was written before a clean close, the next opening reads only a little of the WAL", async (t) => {
  const db = await new StoredDatabase({ segmentBytes: 64_000_000 }).create();
  for (let id = 1n; id <= 3n; id++) await db.commit(put(id, `"${"x".repeat(500_000)}"`));
  t.true(db.machine.readFile(layout.activeSegment).length > 1_500_000);
  await db.close();
  let opened = 0;
  db.machine.beforeIo = (_io, call, path) => void (call === "open" && path.includes("/wal/") && opened++);
  await db.open();
  t.true(db.machine.readFile(layout.activeSegment).length < 500);
  // The headers of three segments, and the active one once: there is nothing to replay.
  t.is(opened, 4);
  t.is(db.store.visibleVersion, 3);
});

test("a deleted index snapshot costs nothing but time", async (t) => {
  const db = await new StoredDatabase(small).create();
  await db.fill(6);
  await db.commit(del(2n));
  await db.machine.run(db.store.upkeep.checkpoint());
  await db.commit(put(7n, "x7"));
  await db.close();
  db.machine.removeFile(layout.index);
  await db.open();
  t.deepEqual(await db.present(8), [1, 3, 4, 5, 6, 7]);
  t.is(await db.commit(put(8n, "x8")), 9);
  t.true(db.events.some((event) => event.startsWith("rebuilding the index")));
});

test("a rebuilt index is written at the next clean close, though nothing was written: one start pays", async (t) => {
  const db = await new StoredDatabase(small).create();
  await db.fill(3);
  await db.close();
  db.machine.removeFile(layout.index);
  await db.open();
  await db.close();
  const rebuilds = (): number => db.events.filter((event) => event.startsWith("rebuilding the index")).length;
  t.is(rebuilds(), 1);
  t.true(db.machine.files().has(layout.index));
  await db.open();
  t.is(rebuilds(), 1);
  t.deepEqual(await db.present(4), [1, 2, 3]);
});

test("a snapshot with any damaged byte is passed over: the same documents are there", async (t) => {
  const db = await new StoredDatabase().create();
  await db.fill(3);
  await db.close();
  const files = db.machine.files();
  const sound = files.get(layout.index) as Buffer;
  for (let at = 0; at < sound.length; at += 7) {
    for (const [path, content] of files) db.machine.writeFile(path, content);
    db.machine.flipBit(layout.index, at, at % 8);
    await db.open();
    t.deepEqual(
      [await db.read(1n), await db.read(2n), await db.read(3n), await db.read(4n)],
      ["x1", "x2", "x3", undefined],
    );
    await db.close();
  }
});

test("a torn last group is dropped, and everything before it is there", async (t) => {
  const db = await new StoredDatabase().create();
  await db.fill(4);
  db.machine.crash("power", "drop");
  const wal = db.machine.readFile(layout.activeSegment);
  db.machine.writeFile(layout.activeSegment, wal.subarray(0, wal.length - 1));
  await db.open();
  t.is(db.store.readOnly, undefined);
  t.deepEqual(await db.present(4), [1, 2, 3]);
  t.is(await db.commit(put(4n, "again")), 4);
});

test("a WAL damaged in the middle is served read-only as far as it is proven, and no byte of it changes", async (t) => {
  const db = await new StoredDatabase().create();
  await db.fill(6);
  db.machine.crash("power", "drop");
  const wal = db.machine.readFile(layout.activeSegment);
  const groupBytes = (wal.length - segmentHeaderBytes) / 6;
  db.machine.flipBit(layout.activeSegment, segmentHeaderBytes + Math.floor(2.5 * groupBytes), 0);
  const before = db.machine.files();
  await db.open();
  t.deepEqual(await db.present(6), [1, 2]);
  const reason = db.store.readOnly;
  t.is(reason?.code, "DATABASE_READ_ONLY");
  t.regex(
    reason?.message ?? "",
    new RegExp(`/wal/d\\.wal, offset ${segmentHeaderBytes + 2 * groupBytes}.*after version 2`),
  );
  await t.throwsAsync(db.commit(put(7n, "x")), { message: /read-only/ });
  await t.throwsAsync(db.machine.run(db.store.upkeep.checkpoint()), { message: /read-only/ });
  t.true(db.events.includes("the WAL is corrupt"));
  await db.close();
  t.deepEqual(db.machine.files(), before);
});

test("damage in an older segment is served read-only, whatever byte it is at", async (t) => {
  const sound = await manySegments();
  const path = sound.walFiles.find((name) => name.endsWith(".3")) ?? "";
  const { length } = sound.machine.readFile(path);
  for (let at = segmentHeaderBytes; at < length; at += 23) {
    const db = await manySegments();
    db.machine.flipBit(path, at, 1);
    const before = db.machine.files();
    await db.open();
    const present = await db.present(9);
    t.is(db.store.readOnly?.code, "DATABASE_READ_ONLY");
    t.true(present.length > 0 && present.length < 9);
    t.deepEqual(present, range(1, present.length));
    await db.close();
    t.deepEqual(db.machine.files(), before);
  }
});

test("damage before the checkpoint takes nothing away that the data file has", async (t) => {
  const db = await new StoredDatabase(small).create();
  await db.fill(9);
  await db.machine.run(db.store.upkeep.checkpoint());
  await db.commit(put(10n, "x10"));
  db.machine.crash("power", "drop");
  const oldest = db.walFiles.find((name) => name !== layout.activeSegment) ?? "";
  db.machine.flipBit(oldest, segmentHeaderBytes + 80, 1);
  await db.open();
  t.deepEqual(await db.present(10), range(1, 10));
  t.is(db.store.readOnly, undefined);
});

test("damage before the checkpoint in a segment that replay needs: the data is served, and it says so", async (t) => {
  const db = await new StoredDatabase().create();
  await db.fill(6);
  await db.machine.run(db.store.upkeep.checkpoint());
  await db.commit(put(7n, "x7"));
  db.machine.crash("power", "drop");
  db.machine.flipBit(layout.activeSegment, segmentHeaderBytes + 80, 1);
  await db.open();
  const present = await db.present(7);
  t.deepEqual(present.slice(0, 6), range(1, 6));
  if (present.length < 7) t.regex(db.store.readOnly?.message ?? "", /after version 6/);
});

test("a damaged segment header is refused", async (t) => {
  for (const suffix of ["d.wal", "d.wal.2"]) {
    const db = await manySegments();
    db.machine.flipBit(`/wal/${suffix}`, 30, 3);
    await refuses(t, db, new RegExp(`${suffix.replaceAll(".", "\\.")}: the segment header fails its checksum`));
  }
});

test("a damaged record behind the index is an error of that document alone", async (t) => {
  const db = await new StoredDatabase(withoutOldWal).create();
  await db.fill(3);
  await db.close();
  db.machine.flipBit(layout.data, 36 + 10, 0);
  await db.open();
  const error = await t.throwsAsync(db.read(1n));
  t.is((error as { code?: string } | undefined)?.code, "DOCUMENT_CORRUPT");
  t.is(await db.read(2n), "x2");
  await db.close();
  db.machine.removeFile(layout.index);
  t.regex((await db.openError()).message, /the record at offset 36 is damaged/);
});

/** Writes another format version into a header, with a checksum that fits. */
function reversion(db: StoredDatabase, path: string, crcOffset: number): void {
  const bytes = db.machine.readFile(path);
  bytes.writeUInt32LE(9, 8);
  bytes.writeUInt32LE(checksum(bytes.subarray(0, crcOffset)), crcOffset);
  db.machine.writeFile(path, bytes);
}

test("a WAL or data file of an unknown format version is refused, and the message names it", async (t) => {
  const wal = await manySegments();
  reversion(wal, layout.activeSegment, 60);
  await refuses(t, wal, /WAL format 9 is unknown; this version reads 1/);
  const data = await manySegments();
  reversion(data, layout.data, 32);
  await refuses(t, data, /data format 9 is unknown; this version reads 2/);
});

test("an index snapshot of an unknown format version is passed over", async (t) => {
  const db = await new StoredDatabase().create();
  await db.fill(3);
  await db.close();
  reversion(db, layout.index, 24);
  await db.open();
  t.deepEqual(await db.present(3), [1, 2, 3]);
});

test("files of another database are refused, though they are sound", async (t) => {
  const other = await new StoredDatabase({ databaseId: 2 }).create();
  await other.fill(3);
  await other.close();
  for (const path of [layout.data, layout.activeSegment]) {
    const db = await new StoredDatabase().create();
    await db.fill(2);
    await db.close();
    db.machine.writeFile(path, other.machine.readFile(path));
    await refuses(t, db, /it belongs to database 2, not 1/);
  }
});

test("a segment under the name of another one is refused", async (t) => {
  const db = await manySegments();
  db.machine.writeFile("/wal/d.wal.2", db.machine.readFile("/wal/d.wal.3"));
  await refuses(t, db, /d\.wal\.2: it says that it is segment 3/);
});

test("checkpoints leave at most as many older segments as are to be kept, and take them by number", async (t) => {
  for (const keepSegments of [0, 1, 3]) {
    const db = await new StoredDatabase({ segmentBytes: 300, keepSegments }).create();
    await db.fill(24);
    const numbers = (): number[] =>
      db.walFiles.map((path) => Number(path.split(".wal.")[1] ?? Number.POSITIVE_INFINITY)).sort((a, b) => a - b);
    t.true(numbers().includes(11), "there are two-digit segments");
    const newest = numbers().at(-2) as number;
    await db.machine.run(db.store.upkeep.checkpoint());
    const left = numbers().slice(0, -1);
    t.true(left.length <= keepSegments, left.join());
    t.deepEqual(
      left,
      left.map((_, i) => (left.at(-1) as number) - left.length + 1 + i),
    );
    if (keepSegments > 0) t.true((left.at(-1) as number) >= newest);
    db.machine.crash("power", "drop");
    await db.open();
    t.deepEqual(await db.present(24), range(1, 24));
  }
});

test("without trimming a checkpoint leaves every segment", async (t) => {
  const db = await new StoredDatabase({ segmentBytes: 300, keepSegments: 0, trimAfterCheckpoint: false }).create();
  await db.fill(24);
  const before = db.walFiles;
  await db.machine.run(db.store.upkeep.checkpoint());
  t.true(before.length > 5);
  const left = db.walFiles;
  t.deepEqual(
    before.filter((path) => !left.includes(path)),
    [],
  );
});

test("segments are read in the order of their numbers: .10 after .2", async (t) => {
  const db = await new StoredDatabase({ segmentBytes: 100 }).create();
  for (let n = 1; n <= 14; n++) await db.commit(put(1n, `content ${n}`));
  db.machine.crash("power", "drop");
  t.true(db.walFiles.includes("/wal/d.wal.10"));
  await db.open();
  t.is(await db.read(1n), "content 14");
});

test("starting again and again changes nothing and lets no file grow", async (t) => {
  const db = await manySegments();
  await db.open();
  await db.close();
  await db.open();
  await db.close();
  const files = db.machine.files();
  for (let start = 1; start <= 5; start++) {
    await db.open();
    if (start % 2 === 0) await db.close();
    else db.machine.crash("kill");
  }
  t.deepEqual(db.machine.files(), files);
});

test("crashes without a write between them let no file grow", async (t) => {
  const db = await manySegments();
  await db.open();
  const total = (): number => [...db.machine.files().values()].reduce((sum, file) => sum + file.length, 0);
  db.machine.crash("power", "keep");
  await db.open();
  const once = total();
  for (let start = 1; start <= 10; start++) {
    db.machine.crash("power", "keep");
    await db.open();
  }
  t.true(total() <= once + segmentHeaderBytes, `${once} bytes became ${total()}`);
});

test("after a crash in a lossy mode no version is given twice", async (t) => {
  const db = await new StoredDatabase({ fsyncMode: "none" }).create();
  await db.fill(5);
  db.machine.crash("power", "drop");
  await db.open();
  t.true((await db.commit(put(1n, "x"))) > 5);
  await db.close();
  await db.open();
  const version = await db.commit(put(1n, "y"));
  t.is(await db.commit(put(1n, "z")), version + 1);
});
