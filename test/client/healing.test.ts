// Healing through the client, on a real server whose files are damaged under it.

import test from "ava";
import { DocDBError } from "../../src/client/index.ts";
import { damagedServer, withoutOldWal } from "../server/damaged-server.ts";

test("one document is checked: intact, healed, or not there", async (t) => {
  const { db, damage } = await damagedServer(t);
  t.deepEqual(await db.healing.heal("_default", 2), { outcome: "intact", version: 2n, source: undefined });
  await damage(2);
  t.deepEqual(await db.healing.heal("_default", 2n), { outcome: "healed", version: 2n, source: "wal" });
  t.is((await db.collection().getOrThrow(2)).json, '"text 2"');
  const missing = await t.throwsAsync(db.healing.heal("_default", 9), { instanceOf: DocDBError });
  t.is(missing.code, "DOCUMENT_NOT_FOUND");
  const nowhere = await t.throwsAsync(db.healing.heal("none", 1), { instanceOf: DocDBError });
  t.is(nowhere.code, "COLLECTION_NOT_FOUND");
});

test("a document without a copy is quarantined: reads of it reject, until it is written again", async (t) => {
  const { db, damage } = await damagedServer(t, withoutOldWal);
  await db.checkpoint();
  await damage(3);
  t.deepEqual(await db.healing.heal("_default", 3), { outcome: "quarantined", version: 3n, source: undefined });
  const error = await t.throwsAsync(db.collection().get(3), { instanceOf: DocDBError });
  t.is(error.code, "DOCUMENT_CORRUPT");
  t.is((await db.collection().getOrThrow(4)).json, '"text 4"');
  await db.collection().update(3, "again");
  t.is((await db.collection().getOrThrow(3)).json, '"again"');
  t.like(await db.healing.stats(), { corrupt: 1n, quarantined: 0n });
});

test("all documents are checked, with progress, and the statistics tell of it", async (t) => {
  const { db, damage } = await damagedServer(t);
  for (const id of [1, 4]) await damage(id);
  const progress = await Array.fromAsync(db.healing.healAll());
  t.deepEqual(progress.at(-1), { checked: 5n, total: 5n, corrupt: 2n, healed: 2n, quarantined: 0n, done: true });
  const stats = await db.healing.stats();
  t.like(stats, {
    database: "app",
    checked: 5n,
    corrupt: 2n,
    healedFromWal: 2n,
    healedFromBackup: 0n,
    quarantined: 0n,
  });
  t.true(stats.lastCorruptionTime instanceof Date);
  t.is(stats.lastScrubTime, undefined);
  t.is(stats.lastScrubDurationMs, undefined);
  t.deepEqual(await db.client.databases.healingStats(), [stats]);
});

test("the scrubber finds and heals what nobody reads", async (t) => {
  const { db, damage } = await damagedServer(t, { scrubIntervalMs: 50 });
  await damage(4);
  let stats = await db.healing.stats();
  for (let attempt = 0; stats.healedFromWal === 0n && attempt < 200; attempt++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    stats = await db.healing.stats();
  }
  t.like(stats, { corrupt: 1n, healedFromWal: 1n, quarantined: 0n });
});
