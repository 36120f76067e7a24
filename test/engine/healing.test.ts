// Healing as commands of the engine: what they answer, that they can be stopped, and that nobody waits for them.

import test from "ava";
import { DocDBError } from "../../src/base/errors.ts";
import type { EngineOptions } from "../../src/engine/engine-options.ts";
import { create, engineWithDatabase, remove, type SimulatedEngine, update } from "./simulated-engine.ts";

/** Settings under which a checkpoint leaves nothing in the WAL to heal from. */
const withoutOldWal = { segmentBytes: 1, keepSegments: 0 } as const;

/** An engine with documents 1 to 5 in database `d`, checkpointed, whose every read is one of the disk. */
async function five(options: Partial<EngineOptions> = {}): Promise<SimulatedEngine> {
  const db = await engineWithDatabase({ scrubIntervalMs: 0, cacheBytes: 0, ...options });
  for (let id = 1n; id <= 5n; id++) await db.write(create(id, `"text ${id}"`));
  await db.run({ op: "checkpointDatabase", database: "d" });
  return db;
}

function damage(db: SimulatedEngine, ...ids: number[]): void {
  for (const id of ids) {
    const position = db.machine.readFile("/db/data/d.data").indexOf(`text ${id}`);
    db.machine.flipBit("/db/data/d.data", position, 0);
  }
}

const healOne = (id: bigint, collection = "") => ({ op: "healDocument", database: "d", collection, id }) as const;
const healAll = { op: "healDatabase", database: "d" } as const;

test("a read, a batch and a list heal what they meet", async (t) => {
  const db = await five();
  damage(db, 1, 2, 3);
  t.is(await db.read(1n), '"text 1"');
  const { outcomes } = await db.run({ op: "batchGetDocuments", database: "d", collection: "", ids: [1n, 2n] });
  t.true(outcomes.every(({ ok }) => ok));
  const { items } = await db.run({ op: "listDocuments", database: "d", collection: "", after: 0n, pageSize: 10 });
  t.deepEqual(
    items.map(({ json }) => Buffer.from(json).toString()),
    [1, 2, 3, 4, 5].map((id) => `"text ${id}"`),
  );
  const { databases } = await db.run({ op: "getHealingStats", database: "d" });
  t.like(databases[0], { database: "d", corrupt: 3, healed: { wal: 3 }, quarantined: 0, checked: 0 });
});

test("a batch has the damage of one document as its outcome alone; writes need no sound document", async (t) => {
  const db = await five(withoutOldWal);
  damage(db, 2, 3);
  const { outcomes } = await db.run({ op: "batchGetDocuments", database: "d", collection: "", ids: [1n, 2n, 4n] });
  t.deepEqual(
    outcomes.map((outcome) => (outcome.ok ? "ok" : (outcome.error as DocDBError).code)),
    ["ok", "DOCUMENT_CORRUPT", "ok"],
  );
  await db.write(update(2n, '"new"'));
  await db.write(remove(3n));
  t.is(await db.read(2n), '"new"');
  t.is(await db.read(3n), "DOCUMENT_NOT_FOUND");
  t.deepEqual(await db.run(healAll), { checked: 4, total: 4, corrupt: 0, healed: 0, quarantined: 0 });
});

test("a document is checked by name; what isn't there isn't found", async (t) => {
  const db = await five(withoutOldWal);
  damage(db, 2);
  t.like(await db.run(healOne(1n)), { outcome: "intact", version: 1 });
  t.like(await db.run(healOne(2n)), { outcome: "quarantined", version: 2 });
  t.is(await db.codeOf(healOne(9n)), "DOCUMENT_NOT_FOUND");
  t.is(await db.codeOf(healOne(1n, "none")), "COLLECTION_NOT_FOUND");
});

test("a check of all documents ends early when its caller goes away, or the database is closed", async (t) => {
  const db = await engineWithDatabase({ scrubIntervalMs: 0 });
  for (let batch = 0n; batch < 4n; batch++) {
    const operations = Array.from({ length: 50 }, (_, i) => create(batch * 50n + BigInt(i) + 1n));
    await db.run({ op: "batchWrite", database: "d", operations, atomic: true });
  }
  const stop = new AbortController();
  let seen = 0;
  const stopping = db.engine.execute(healAll, {
    signal: stop.signal,
    onHealProgress: ({ checked }) => {
      seen = checked;
      stop.abort(new DocDBError("CANCELLED", "enough"));
    },
  });
  t.is((await t.throwsAsync(db.machine.run(stopping), { instanceOf: DocDBError })).code, "CANCELLED");
  t.true(seen > 0 && seen < 200, `${seen} of 200`);
  const closing = db.engine.execute(healAll, {
    onHealProgress: () => void db.engine.execute({ op: "closeDatabase", database: "d" }),
  });
  t.is((await t.throwsAsync(db.machine.run(closing), { instanceOf: DocDBError })).code, "SHUTTING_DOWN");
  t.like(await db.run(healAll), { checked: 200 });
});

test("healing gives its slot back before it begins, a read only when there is something to heal", async (t) => {
  const db = await five();
  let released = 0;
  const releaseSlot = (): void => void released++;
  const get = { op: "getDocument", database: "d", collection: "", id: 3n } as const;
  await db.machine.run(db.engine.execute(get, { releaseSlot }));
  t.is(released, 0);
  damage(db, 3);
  await db.machine.run(db.engine.execute(get, { releaseSlot }));
  t.is(released, 1);
  await db.machine.run(db.engine.execute(healAll, { releaseSlot }));
  await db.machine.run(db.engine.execute(healOne(3n), { releaseSlot }));
  t.is(released, 3);
});

test("statistics are those of the database as it is open; without a name, of all that are open", async (t) => {
  const db = await five();
  await db.run({ op: "createDatabase", database: "e" });
  const all = { op: "getHealingStats", database: "" } as const;
  t.deepEqual(
    (await db.run(all)).databases.map(({ database }) => database),
    ["d", "e"],
  );
  await db.run({ op: "closeDatabase", database: "d" });
  t.deepEqual(
    (await db.run(all)).databases.map(({ database }) => database),
    ["e"],
  );
  t.is((await db.run({ op: "getHealingStats", database: "D" })).databases[0]?.database, "d");
  t.is(await db.codeOf({ op: "getHealingStats", database: "none" }), "DATABASE_NOT_FOUND");
});

test("a backup directory heals what the WAL no longer has", async (t) => {
  const db = await five({ ...withoutOldWal, backupDirectory: "/backup" });
  await db.machine.run(db.machine.platform().fs.mkdir("/backup/data"));
  for (const [path, content] of db.machine.files()) {
    if (path === "/db/data/d.data") db.machine.writeFile(path.replace("/db/", "/backup/"), content);
  }
  await db.start();
  damage(db, 1, 5);
  t.is(await db.read(1n), '"text 1"');
  t.deepEqual(await db.run(healOne(5n)), { outcome: "healed", version: 5, source: "backup" });
});

test("a backup directory that isn't there is told of at once, and the engine starts all the same", async (t) => {
  const told: unknown[] = [];
  const observer = {
    event: (level: string, _message: string, fields?: object) => void (level === "warn" && told.push(fields)),
    failure: () => undefined,
  };
  const db = await engineWithDatabase({ backupDirectory: "/nowhere", observer });
  t.deepEqual(told, [{ backupDirectory: "/nowhere" }]);
  await db.write(create(1n, "1"));
  t.is(await db.read(1n), "1");
});

test("a database whose WAL is corrupt serves what is sound, heals nothing and changes no byte", async (t) => {
  const db = await engineWithDatabase({ scrubIntervalMs: 0 });
  for (let id = 1n; id <= 5n; id++) await db.write(create(id, `"text ${id}"`));
  await db.run({ op: "checkpointDatabase", database: "d" });
  for (let id = 6n; id <= 9n; id++) await db.write(create(id, `"text ${id}"`));
  db.machine.crash("kill");
  const wal = "/db/wal/d.wal";
  db.machine.flipBit(wal, db.machine.readFile(wal).indexOf("text 7"), 0);
  damage(db, 2);
  const before = db.machine.files();
  await db.start();
  t.is(await db.read(2n), "DOCUMENT_CORRUPT");
  t.is(await db.codeOf(healOne(2n)), "DATABASE_READ_ONLY");
  t.is(await db.codeOf(healAll), "DATABASE_READ_ONLY");
  t.is(await db.read(3n), '"text 3"');
  t.like(await db.run(healOne(6n)), { outcome: "intact" });
  t.deepEqual(db.machine.files(), before);
});
