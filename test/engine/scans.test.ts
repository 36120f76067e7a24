// Lists and scans: documents in the order of ids, as of now and as of a snapshot.

import test from "ava";
import * as fc from "fast-check";
import { DocDBError } from "../../src/base/errors.ts";
import { limits, maxDocumentId } from "../../src/base/limits.ts";
import { create, engineWithDatabase, remove, type SimulatedEngine, update } from "./simulated-engine.ts";

interface Scan {
  readonly snapshot: string;
  readonly collection?: string;
  readonly reverse?: boolean;
  readonly from?: bigint;
  readonly pageSize?: number;
  readonly pageBytes?: number;
}

/** Ids and texts of a scan, page after page. */
async function scan(db: SimulatedEngine, { snapshot, ...options }: Scan): Promise<[bigint, string][]> {
  const { collection = "", reverse = false, pageSize = 100, pageBytes = 1_000_000 } = options;
  const found: [bigint, string][] = [];
  let from = options.from ?? (reverse ? maxDocumentId : 1n);
  for (;;) {
    const bounds = { from, reverse, pageSize, pageBytes };
    const page = await db.run({ op: "scanDocuments", database: "d", collection, snapshot, ...bounds });
    if (page.failure !== undefined) throw page.failure.error;
    for (const { id, json } of page.items) found.push([id, Buffer.from(json).toString()]);
    if (page.next === undefined) return found;
    from = page.next;
  }
}

const open = async (db: SimulatedEngine): Promise<string> =>
  (await db.run({ op: "openSnapshot", database: "d" })).snapshot;
const close = (db: SimulatedEngine, snapshot: string): Promise<object> =>
  db.run({ op: "closeSnapshot", database: "d", snapshot });

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "none";
  } catch (error) {
    return error instanceof DocDBError ? error.code : String(error);
  }
}

test("a scan gives the documents of its snapshot in id order, either way, from an id on", async (t) => {
  const db = await engineWithDatabase();
  const ids = [1n, 2n, 255n, 256n, 2n ** 32n, 2n ** 53n + 1n, maxDocumentId];
  for (const id of ids.toReversed()) await db.write(create(id, `"${id}"`));
  const snapshot = await open(db);
  await db.write(remove(2n));
  await db.write(update(255n, '"changed"'));
  await db.write(create(3n));
  const expected = ids.map((id): [bigint, string] => [id, `"${id}"`]);
  t.deepEqual(await scan(db, { snapshot }), expected);
  t.deepEqual(await scan(db, { snapshot, pageSize: 2 }), expected);
  t.deepEqual(await scan(db, { snapshot, pageBytes: 1 }), expected);
  t.deepEqual(await scan(db, { snapshot, reverse: true, pageSize: 3 }), expected.toReversed());
  t.deepEqual(await scan(db, { snapshot, from: 3n }), expected.slice(2));
  t.deepEqual(await scan(db, { snapshot, from: 256n, reverse: true }), expected.slice(0, 4).reverse());
});

test("a damaged document ends a page behind what is sound, and the scan can go on behind it", async (t) => {
  const db = await engineWithDatabase({ segmentBytes: 1, keepSegments: 0 });
  for (let id = 1n; id <= 5n; id++) await db.write(create(id, `"text ${id}"`));
  // No copy is left to heal it from.
  await db.run({ op: "checkpointDatabase", database: "d" });
  db.machine.flipBit("/db/data/d.data", db.machine.readFile("/db/data/d.data").indexOf("text 3"), 0);
  const snapshot = await open(db);
  const bounds = { collection: "", snapshot, reverse: false, pageSize: 10, pageBytes: 10_000 };
  const first = await db.run({ op: "scanDocuments", database: "d", from: 1n, ...bounds });
  t.deepEqual(
    first.items.map(({ id }) => id),
    [1n, 2n],
  );
  t.is(first.failure?.id, 3n);
  t.is((first.failure?.error as DocDBError | undefined)?.code, "DOCUMENT_CORRUPT");
  t.deepEqual(await scan(db, { snapshot, from: first.next ?? 0n }), [
    [4n, '"text 4"'],
    [5n, '"text 5"'],
  ]);
  t.is(
    await db.codeOf({ op: "listDocuments", database: "d", collection: "", after: 0n, pageSize: 10 }),
    "DOCUMENT_CORRUPT",
  );
});

test("a snapshot that was closed, grew too old or outlived its database says so", async (t) => {
  const db = await engineWithDatabase();
  await db.write(create(1n));
  const closed = await open(db);
  await close(db, closed);
  await close(db, closed);
  t.is(await codeOf(scan(db, { snapshot: closed })), "SNAPSHOT_TOO_OLD");
  const aged = await open(db);
  await db.machine.advance(limits.snapshotAgeMs + 1);
  t.is(await codeOf(scan(db, { snapshot: aged })), "SNAPSHOT_TOO_OLD");
  const before = await open(db);
  await db.run({ op: "closeDatabase", database: "d" });
  await close(db, before);
  t.is((await db.run({ op: "getDatabase", database: "d" })).state, "closed");
  t.is(await codeOf(scan(db, { snapshot: before })), "SNAPSHOT_TOO_OLD");
  t.is(await codeOf(scan(db, { snapshot: await open(db), collection: "none" })), "COLLECTION_NOT_FOUND");
});

test("a collection that was dropped and made anew has none of its old documents, nor after a crash", async (t) => {
  const db = await engineWithDatabase();
  const collection = "c";
  await db.run({ op: "createCollection", database: "d", collection });
  for (let id = 1n; id <= 3n; id++) await db.write(create(id, '"old"', collection));
  const before = await open(db);
  await db.run({ op: "deleteCollection", database: "d", collection, force: true });
  await db.run({ op: "createCollection", database: "d", collection });
  await db.write(create(2n, '"new"', collection));
  const after = await open(db);
  await db.run({ op: "compactDatabase", database: "d" });
  t.deepEqual(await scan(db, { snapshot: before, collection }), [
    [1n, '"old"'],
    [2n, '"old"'],
    [3n, '"old"'],
  ]);
  t.deepEqual(await scan(db, { snapshot: after, collection }), [[2n, '"new"']]);
  for (let restart = 0; restart < 2; restart++) {
    await db.crash();
    const { documents } = await db.run({ op: "getCollection", database: "d", collection });
    t.is(documents, 1);
    t.deepEqual(await scan(db, { snapshot: await open(db), collection }), [[2n, '"new"']]);
    const next = BigInt(3 + restart);
    t.is((await db.write(create(0n, '"next"', collection))).id, next);
    await db.write(remove(next, collection));
  }
});

type Step = { readonly kind: "put" | "delete" | "open" | "close" | "list" | "scan" | "compact"; readonly n: number };

const weights = { put: 8, delete: 5, open: 3, close: 2, list: 1, scan: 2, compact: 1 } as const;
const steps = fc.array(
  fc.oneof(
    ...Object.entries(weights).map(([kind, weight]) => ({
      weight,
      arbitrary: fc.record({ kind: fc.constant(kind as Step["kind"]), n: fc.nat(30) }),
    })),
  ),
  { maxLength: 60 },
);

test("lists and scans agree with a model that copies the whole state", async (t) => {
  const run = async (all: readonly Step[]): Promise<void> => {
    const db = await engineWithDatabase();
    const state = new Map<bigint, string>();
    const snapshots: { snapshot: string; state: [bigint, string][] }[] = [];
    const contents = (): [bigint, string][] => [...state].sort(([a], [b]) => (a < b ? -1 : 1));
    const check = async (number: number, pageSize: number): Promise<void> => {
      const chosen = snapshots[number % snapshots.length];
      if (chosen === undefined) return;
      const reverse = pageSize % 2 === 0;
      const expected = reverse ? chosen.state.toReversed() : chosen.state;
      t.deepEqual(await scan(db, { snapshot: chosen.snapshot, reverse, pageSize }), expected);
    };
    for (const [i, { kind, n }] of all.entries()) {
      const id = BigInt((n % 8) * 250 + 1);
      if (kind === "put") {
        await db.write(update(id, `${i}`));
        state.set(id, `${i}`);
      } else if (kind === "delete") {
        await db.run({ op: "writeDocument", database: "d", operation: { ...remove(id), allowMissing: true } as never });
        state.delete(id);
      } else if (kind === "open") snapshots.push({ snapshot: await open(db), state: contents() });
      else if (kind === "close") {
        for (const { snapshot } of snapshots.splice(n % 4, 1)) await close(db, snapshot);
      } else if (kind === "compact") await db.run({ op: "compactDatabase", database: "d" });
      else if (kind === "scan") await check(n, 1 + (n % 5));
      else {
        const list = { database: "d", collection: "", after: 0n, pageSize: 100 };
        const { items, more } = await db.run({ op: "listDocuments", ...list });
        const listed = items.map(({ id: its, json }): [bigint, string] => [its, Buffer.from(json).toString()]);
        t.deepEqual(listed, contents());
        t.false(more);
      }
    }
    for (const number of snapshots.keys()) await check(number, 2 + (number % 2));
  };
  await fc.assert(fc.asyncProperty(steps, run), { numRuns: 60 });
});
