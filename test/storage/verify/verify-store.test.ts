// Verification of an open database: it finds every damaged byte that matters, says what it means, and changes nothing.

import test from "ava";
import { dataHeaderBytes, dataRecordHeaderBytes } from "../../../src/storage/data-format.ts";
import { SimulatedMachine } from "../../../src/platform/sim/simulated-machine.ts";
import { Turn } from "../../../src/platform/turn.ts";
import type { Finding } from "../../../src/storage/verify/finding.ts";
import { type SegmentSource, verifyWal } from "../../../src/storage/verify/verify-wal.ts";
import { encodeSegmentHeader, segmentHeaderBytes } from "../../../src/storage/wal-format.ts";
import { del, put, request } from "../sample-commits.ts";
import { layout, StoredDatabase } from "../stored-database.ts";

async function findings(db: StoredDatabase): Promise<Finding[]> {
  const found: Finding[] = [];
  let [checked, total] = [0, 0];
  const sink = {
    found: (finding: Finding) => Promise.resolve(void found.push(finding)),
    checked: (bytes: number) => void (checked += bytes),
  };
  await db.machine.run(db.store.verify(sink, (bytes) => void (total = bytes)));
  if (checked !== total) throw new Error(`${checked} of ${total} bytes were checked`);
  return found;
}

/** Documents 1 to 3, the second one written twice, a fourth deleted; in a checkpoint and behind it. */
async function sample(): Promise<StoredDatabase> {
  const db = await new StoredDatabase({ segmentBytes: 400, keepSegments: 9 }).create();
  await db.fill(3, "first");
  await db.commit(put(4n, "deleted"));
  await db.commit(del(4n));
  await db.machine.run(db.store.upkeep.checkpoint());
  await db.commit(put(2n, "second2"));
  return db;
}

function damage(db: StoredDatabase, path: string, at: (bytes: Buffer) => number): void {
  db.machine.flipBit(path, at(db.machine.readFile(path)), 0);
}

test("sound files give no findings, and every byte of them is counted", async (t) => {
  t.deepEqual(await findings(await sample()), []);
});

test("a damaged document is a warning while the log has a copy, and an error when it hasn't", async (t) => {
  const db = await sample();
  damage(db, layout.data, (bytes) => bytes.indexOf("first1"));
  t.like((await findings(db))[0], { severity: "warning", reason: "DOCUMENT_CORRUPT", id: 1n, version: 1 });
  t.is((await findings(db)).length, 1);
  for (const path of db.walFiles.filter((name) => name !== layout.activeSegment)) db.machine.removeFile(path);
  t.like((await findings(db))[0], { severity: "error", reason: "DOCUMENT_CORRUPT", file: "data/d.data", id: 1n });
});

test("damage of a record that was replaced or deleted is told, and costs nothing", async (t) => {
  for (const text of ["first2", "deleted"]) {
    const db = await sample();
    damage(db, layout.data, (bytes) => bytes.indexOf(text));
    const found = await findings(db);
    t.is(found.length, 1, text);
    t.like(found[0], { severity: "info", reason: "DEAD_RECORD_CORRUPT" });
  }
});

test("a damaged record of a request is told as what it is: that it was applied is still known", async (t) => {
  const db = await sample();
  await db.commit(put(5n, "asked"), request("some-key"));
  damage(db, layout.data, (bytes) => bytes.indexOf("some-key"));
  const found = await findings(db);
  t.is(found.length, 1);
  t.like(found[0], { severity: "warning", reason: "REQUEST_CORRUPT" });
  t.regex(found[0]?.message ?? "", /Whoever repeats it hears that it was applied/);
});

test("a damaged record header names the document that the index locates there, and the walk goes on", async (t) => {
  for (let at = 0; at < dataRecordHeaderBytes; at++) {
    const db = await sample();
    damage(db, layout.data, () => dataHeaderBytes + at);
    damage(db, layout.data, (bytes) => bytes.indexOf("first3"));
    const found = await findings(db);
    t.deepEqual(
      found.map(({ id }) => id),
      [3n, 1n],
      `byte ${at}`,
    );
  }
});

test("damage of the log that a checkpoint covers costs only copies", async (t) => {
  const db = await sample();
  const [oldest] = db.walFiles;
  damage(db, db.walFiles.find((path) => path.endsWith(".2")) ?? oldest ?? "", () => segmentHeaderBytes + 50);
  const [covered] = await findings(db);
  t.like(covered, { severity: "warning", reason: "WAL_CORRUPT" });
  t.regex(covered?.message ?? "", /A checkpoint covers them/);
});

test("a damaged index snapshot is a warning", async (t) => {
  const db = await sample();
  damage(db, layout.index, (bytes) => bytes.length - 1);
  const found = await findings(db);
  t.is(found.length, 1);
  t.like(found[0], { severity: "warning", reason: "SNAPSHOT_CORRUPT", file: "data/d.index" });
});

test("writes, a checkpoint and a compaction meanwhile are no findings", async (t) => {
  const db = await new StoredDatabase({ segmentBytes: 400, keepSegments: 0 }).create();
  await db.fill(60);
  const { store } = db;
  const found: Finding[] = [];
  const work = async (): Promise<void> => {
    const sink = { found: (finding: Finding) => Promise.resolve(void found.push(finding)), checked: () => undefined };
    const verifying = store.verify(sink, () => undefined);
    for (let id = 1; id <= 40; id++) await store.commit([put(BigInt(id), "changed")]).done;
    await store.upkeep.compact();
    for (let id = 1; id <= 40; id++) await store.commit([del(BigInt(id))]).done;
    await store.upkeep.compact();
    await verifying;
  };
  await db.machine.run(work());
  t.deepEqual(found, []);
});

test("a verification ends when the database is about to be closed", async (t) => {
  const db = await sample();
  const sink = { found: () => Promise.resolve(), checked: () => undefined };
  db.store.stopLongWork();
  await t.throwsAsync(db.machine.run(db.store.verify(sink, () => undefined)), { code: "SHUTTING_DOWN" });
});

test("segments are read one after the other, and each once", async (t) => {
  let [held, most, reads] = [0, 0, 0];
  const segments = Array.from({ length: 5 }, (_, i): SegmentSource => {
    const header = {
      databaseId: 1,
      segment: i + 1,
      firstVersion: 1,
      baseVersion: 0,
      durableBytes: 64,
      salt: 7,
      lossy: false,
    };
    const bytes = encodeSegmentHeader(header);
    return {
      name: `wal/d.wal.${i + 1}`,
      header: () => Promise.resolve(bytes),
      bytes: async () => {
        reads++;
        most = Math.max(most, ++held);
        await new Promise((resolve) => setImmediate(resolve));
        held--;
        return bytes;
      },
    };
  });
  const sink = { found: () => Promise.resolve(), checked: () => undefined };
  await verifyWal(segments, 1, 0, sink, new Turn(new SimulatedMachine(1).platform().clock));
  t.deepEqual({ most, reads }, { most: 1, reads: 5 });
});
