// The scrubber: when its rounds come, how fast they read, and that they end when the database is closed.

import test from "ava";
import { SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import { Pacer } from "../../src/storage/pacer.ts";
import type { StoreOptions } from "../../src/storage/store-options.ts";
import { codeOf } from "../platform/machines.ts";
import { put } from "./sample-commits.ts";
import { layout, StoredDatabase, withoutOldWal } from "./stored-database.ts";

const hour = 3_600_000;

/** Documents 1 to `count` on a machine of their own, scrubbed every hour at this rate. */
async function scrubbed(
  count: number,
  bytesPerSecond: number,
  settings: Partial<StoreOptions> = {},
): Promise<StoredDatabase> {
  const db = await new StoredDatabase(settings).create();
  for (let first = 1; first <= count; first += 100) {
    const ids = Array.from({ length: Math.min(100, count - first + 1) }, (_, i) => first + i);
    await db.commit(...ids.map((id) => put(BigInt(id), `text${id}`)));
  }
  await db.close();
  const scrubPacer = new Pacer({ ...db.machine.platform().clock }, bytesPerSecond);
  const again = new StoredDatabase({ ...settings, scrubIntervalMs: hour, scrubPacer }, db.machine);
  return await again.open();
}

function damage(db: StoredDatabase, text: string): void {
  db.machine.flipBit(layout.data, db.machine.readFile(layout.data).indexOf(text), 0);
}

test("every interval all documents are read once, and what is damaged is healed without a reader", async (t) => {
  const db = await scrubbed(300, 1e9);
  damage(db, "text77");
  await db.machine.advance(hour);
  t.like(db.store.healing.report, { scrubsCompleted: 1, checked: 300, corrupt: 1, healed: { wal: 1 } });
  t.true(db.store.healing.report.lastScrubTimeMs > 0);
  await db.machine.advance(3 * hour);
  t.like(db.store.healing.report, { scrubsCompleted: 4, checked: 1200, corrupt: 1, quarantined: 0 });
});

test("a round reads no faster than its rate, and a small document counts as a page", async (t) => {
  const db = await scrubbed(1_000, 4096 * 10);
  await db.machine.advance(hour);
  const { scrubsCompleted, lastScrubDurationMs } = db.store.healing.report;
  t.is(scrubsCompleted, 1);
  // 1,000 documents at 10 a second, but for the last batch of 32.
  t.true(lastScrubDurationMs >= 96_000 && lastScrubDurationMs < 110_000, `${lastScrubDurationMs} ms`);
});

test("closing the database ends a round at once", async (t) => {
  const db = await scrubbed(1_000, 400);
  await db.machine.advance(hour);
  const before = db.store.healing.report.checked;
  t.true(before > 0 && before < 1_000, `${before} checked`);
  await db.close();
  t.is(db.store.healing.report.scrubsCompleted, 0);
  t.deepEqual(
    db.events.filter((event) => event.includes("scrub")),
    [],
  );
});

test("damage that a read meets brings the next round forward", async (t) => {
  const db = await scrubbed(10, 1e9, withoutOldWal);
  await db.machine.advance(hour);
  t.is(db.store.healing.report.scrubsCompleted, 1);
  damage(db, "text7");
  damage(db, "text8");
  t.is(await codeOf(db.read(7n)), "DOCUMENT_CORRUPT");
  await db.machine.advance(hour / 50);
  t.like(db.store.healing.report, { scrubsCompleted: 2, corrupt: 2, quarantined: 2 });
  await db.machine.advance(hour / 2);
  t.is(db.store.healing.report.scrubsCompleted, 2);
});

test("a disk that fails to read ends no round, and leaves no document in quarantine", async (t) => {
  const db = await scrubbed(10, 1e9, withoutOldWal);
  db.machine.faults.failFrom(db.machine.ioCount + 1, "readError", /d\.data$/);
  await db.machine.advance(hour);
  t.like(db.store.healing.report, { scrubsCompleted: 1, checked: 10, quarantined: 0 });
  db.machine.faults.clear();
  t.is(await db.read(1n), "text1");
});

test("databases that share a pacer share its rate", (t) => {
  const { clock } = new SimulatedMachine(1).platform();
  const pacer = new Pacer(clock, 1_000);
  t.is(pacer.reserve(500), 0);
  t.is(Math.round(pacer.reserve(500)), 500);
  t.is(Math.round(pacer.reserve(100)), 1_000);
});
