import { setImmediate as nextTurn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import test from "ava";
import * as fc from "fast-check";
import { checksum } from "../../src/base/checksum.ts";
import type { DataFile } from "../../src/storage/data-file.ts";
import { dataRecordHeaderBytes, type DataRecord } from "../../src/storage/data-format.ts";
import { cacheEntryBytes, type CachePart, PayloadCache } from "../../src/storage/payload-cache.ts";
import type { RecordPlace } from "../../src/storage/record-place.ts";
import { create, engineWithDatabase, update } from "../engine/simulated-engine.ts";

/** Bytes of an entry with 100 bytes of content. */
const entryBytes = 100 + cacheEntryBytes;
const file = { parity: 0 } as DataFile;
const other = { parity: 1 } as DataFile;

/** Document `id` at a place of its own; its content says which version it is. */
function place(id: number, version = 1, at: DataFile = file): RecordPlace {
  const length = dataRecordHeaderBytes + 100;
  return { collection: 0, idLow: id, idHigh: 0, version, length, createTimeMs: 5, file: at, offset: 36 + id * 1_000 };
}

function record({ collection, idLow, idHigh, version, length, createTimeMs }: RecordPlace): DataRecord {
  const content = Buffer.alloc(length - dataRecordHeaderBytes, `${idLow}/${version} `);
  const contentChecksum = checksum(content);
  const header = { kind: 1, collection, idLow, idHigh, version, createTimeMs, updateTimeMs: 6, contentChecksum };
  return { ...header, content, length };
}

/** Reads as a store does: what isn't in the cache comes into it. Returns whether it was. */
function read(part: CachePart, wanted: RecordPlace): boolean {
  if (part.get(wanted) !== undefined) return true;
  part.add(wanted, record(wanted));
  return false;
}

test("what was read is in memory, byte for byte, and what wasn't is not", (t) => {
  const part = new PayloadCache(100 * entryBytes).part();
  t.false(read(part, place(1)));
  t.deepEqual(part.get(place(1)), record(place(1)));
  t.is(part.get(place(2)), undefined);
});

test("another document, version, file or creation at the same place is a miss", (t) => {
  const part = new PayloadCache(100 * entryBytes).part();
  read(part, place(1));
  const { offset } = place(1);
  for (const wanted of [
    { ...place(2), offset },
    { ...place(1), idHigh: 1 },
    { ...place(1), collection: 1 },
    place(1, 2),
    place(1, 1, other),
    { ...place(1), createTimeMs: 6 },
    { ...place(1), length: place(1).length + 1 },
  ]) {
    t.is(part.get(wanted), undefined);
  }
  // What is found there now takes the place of what was.
  read(part, place(1, 2));
  t.is(part.get(place(1, 2))?.version, 2);
  t.is(part.get(place(1)), undefined);
});

test("a cached document doesn't share bytes with what was read", (t) => {
  const part = new PayloadCache(100 * entryBytes).part();
  const found = record(place(1));
  part.add(place(1), found);
  found.content.fill(0);
  t.deepEqual(part.get(place(1)), record(place(1)));
});

test("small contents stand together in slabs, which go with the last that stands in them", async (t) => {
  const limitBytes = 2_000 * entryBytes;
  const cache = new PayloadCache(limitBytes);
  const part = cache.part();
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  const before = process.memoryUsage().arrayBuffers;
  // Every third is read again while it waits, and goes to the main queue.
  for (let id = 0; id < 20_000; id++) {
    read(part, place(id));
    if (id % 3 === 0) for (const again of [id, Math.max(0, id - 30)]) read(part, place(again));
  }
  t.true(cache.stats.documents > 1_900);
  const slabs = new Set<ArrayBufferLike>();
  let wrong = 0;
  for (let id = 0; id < 20_000; id++) {
    const found = part.get(place(id));
    if (found === undefined) continue;
    slabs.add(found.content.buffer);
    if (!found.content.equals(record(place(id)).content)) wrong++;
  }
  t.is(wrong, 0);
  t.true(slabs.size < 20, `${slabs.size} slabs`);
  slabs.clear();
  // The collector gives buffers back in its own time.
  const held = (): number => process.memoryUsage().arrayBuffers - before;
  for (let turn = 0; turn < 100 && held() > 20 * 64 * 1024; turn++) {
    collect();
    await nextTurn();
  }
  t.true(held() < 20 * 64 * 1024, `${held()} bytes for ${cache.stats.documents} contents of 100 bytes`);
});

test("a scan of everything doesn't push out what is read again and again", (t) => {
  const cache = new PayloadCache(100 * entryBytes);
  const part = cache.part();
  for (let round = 0; round < 3; round++) for (let id = 1; id <= 50; id++) read(part, place(id));
  for (let id = 1_000; id < 11_000; id++) read(part, place(id));
  let hits = 0;
  for (let id = 1; id <= 50; id++) if (part.get(place(id)) !== undefined) hits++;
  t.true(hits >= 45, `${hits} of 50 are left`);
});

test("what is popular now takes the place of what was popular before", (t) => {
  const part = new PayloadCache(100 * entryBytes).part();
  for (let round = 0; round < 5; round++) for (let id = 1; id <= 80; id++) read(part, place(id));
  for (let round = 0; round < 10; round++) for (let id = 200; id < 280; id++) read(part, place(id));
  let hits = 0;
  for (let id = 200; id < 280; id++) if (part.get(place(id)) !== undefined) hits++;
  t.true(hits >= 70, `${hits} of 80 are in memory`);
});

test("the limit holds for all databases together, and nothing is kept without one", (t) => {
  const cache = new PayloadCache(20 * entryBytes);
  const parts = [cache.part(), cache.part()];
  for (let id = 1; id <= 100; id++) for (const part of parts) read(part, place(id));
  const { documents, bytes, limitBytes, misses, evictions } = cache.stats;
  t.deepEqual([documents, bytes, limitBytes, misses, evictions], [20, 20 * entryBytes, 20 * entryBytes, 200, 180]);
  const none = new PayloadCache(0);
  read(none.part(), place(1));
  t.is(none.stats.documents, 0);
});

test("a document that would take much of the cache is not kept", (t) => {
  const cache = new PayloadCache(100 * entryBytes);
  const big = { ...place(1), length: dataRecordHeaderBytes + 5 * entryBytes };
  read(cache.part(), big);
  t.is(cache.stats.documents, 0);
});

test("a database that is closed leaves nothing behind", (t) => {
  const cache = new PayloadCache(100 * entryBytes);
  const [left, right] = [cache.part(), cache.part()];
  for (let id = 1; id <= 20; id++) for (const part of [left, right]) read(part, place(id));
  left.close();
  t.is(cache.stats.documents, 20);
  t.is(cache.stats.bytes, 20 * entryBytes);
  t.is(left.get(place(1)), undefined);
  t.is(right.get(place(1))?.idLow, 1);
});

test("whatever is read, a hit is what was asked for, and the bytes stay within the limit", (t) => {
  const step = fc.record({ id: fc.nat(30), version: fc.integer({ min: 1, max: 3 }), part: fc.nat(1), at: fc.nat(1) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const cache = new PayloadCache(21 * entryBytes);
      const parts = [cache.part(), cache.part()];
      for (const { id, version, part, at } of steps) {
        // Documents share places, as after two compactions.
        const wanted = { ...place(id, version, at === 0 ? file : other), offset: 36 + (id % 10) * 1_000 };
        const from = parts[part] as CachePart;
        const found = from.get(wanted);
        if (found === undefined) from.add(wanted, record(wanted));
        else t.deepEqual(found, record(wanted));
        t.true(cache.stats.bytes <= cache.stats.limitBytes);
        t.is(cache.stats.bytes, cache.stats.documents * entryBytes);
      }
    }),
  );
});

test("an engine answers from memory, at once, only what is the newest and what it may tell", async (t) => {
  const db = await engineWithDatabase();
  const get = { op: "getDocument", database: "d", collection: "", id: 1n } as const;
  await db.write(create(1n, '"first"'));
  t.is(db.engine.readNow(get), undefined);
  t.is(await db.read(1n), '"first"');
  t.is(Buffer.from(db.engine.readNow(get)?.json ?? "").toString(), '"first"');
  const writing = db.engine.execute({ op: "writeDocument", database: "d", operation: update(1n, '"second"') });
  // The update isn't durable yet.
  t.is(Buffer.from(db.engine.readNow(get)?.json ?? "").toString(), '"first"');
  await db.machine.run(writing);
  t.is(db.engine.readNow(get), undefined);
  t.is(await db.read(1n), '"second"');
  t.is(Buffer.from(db.engine.readNow(get)?.json ?? "").toString(), '"second"');
  t.is(db.engine.readNow({ ...get, transaction: "any" }), undefined);
  const closing = db.engine.execute({ op: "closeDatabase", database: "d" });
  t.is(db.engine.readNow(get), undefined);
  await db.machine.run(closing);
  t.is(db.engine.readNow(get), undefined);
});
