import test from "ava";
import * as fc from "fast-check";
import { idHigh, idLow, idOf } from "../../src/base/u64.ts";
import { type IndexEntry, IndexShard } from "../../src/storage/index-shard.ts";
import { IndexTable } from "../../src/storage/index-table.ts";

/** Ids that collide in shards, and ids beyond 2^53 and in all corners. */
const ids = fc.oneof(
  fc.bigInt({ min: 1n, max: 40n }),
  fc.bigInt({ min: 1n, max: 30n }).map((n) => n * 256n),
  fc.bigInt({ min: 2n ** 53n - 5n, max: 2n ** 53n + 5n }),
  fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }),
  fc.bigInt({ min: 0n, max: 9n }).map((n) => 2n ** 64n - 1n - n),
  fc.bigInt({ min: 0n, max: 9n }).map((n) => (n + 1n) << 32n),
);

const entries: fc.Arbitrary<IndexEntry> = fc.record(
  {
    version: fc.nat(2 ** 31 - 1).map((n) => n * 2 ** 16 + 1),
    offset: fc.nat(2 ** 31 - 1).map((n) => n * 2 ** 16 + 3),
    length: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    parity: fc.constantFrom(0, 1),
    deleted: fc.boolean(),
    createTimeMs: fc.maxSafeNat(),
  },
  { noNullPrototype: true },
);

const plain: IndexEntry = { version: 1, offset: 1, length: 1, parity: 1, deleted: false, createTimeMs: 0 };

function tableOf(changes: readonly (readonly [bigint, IndexEntry])[]): IndexTable {
  const table = new IndexTable();
  for (const [id, entry] of changes) table.set(idLow(id), idHigh(id), entry);
  return table;
}

test("a table finds what a Map finds, and counts what it counts", (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(ids, entries), { maxLength: 200 }), fc.array(ids), (changes, others) => {
      const table = tableOf(changes);
      const map = new Map(changes);
      for (const id of [...map.keys(), ...others]) t.deepEqual(table.get(idLow(id), idHigh(id)), map.get(id));
      const live = [...map.values()].filter((entry) => !entry.deleted);
      t.is(table.live, live.length);
      t.is(table.tombstones, map.size - live.length);
      t.is(
        table.liveRecordBytes,
        live.reduce((total, entry) => total + entry.length, 0),
      );
    }),
    { numRuns: 200 },
  );
});

test("a shard that was dumped and loaded is the same, and goes on growing", (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(ids, entries), { minLength: 1, maxLength: 60 }), (changes) => {
      const [original, copy] = [new IndexShard(), new IndexShard()];
      for (const [id, entry] of changes) original.set(idLow(id), idHigh(id), entry);
      copy.load(Buffer.from(original.dump()));
      const found = new Map<bigint, IndexEntry>();
      copy.forEach((low, high, entry) => found.set(idOf(low, high), entry));
      t.is(found.size, new Map(changes).size);
      for (const [id, entry] of new Map(changes)) t.deepEqual(found.get(id), entry);
      t.deepEqual(
        [copy.live, copy.tombstones, copy.liveRecordBytes],
        [original.live, original.tombstones, original.liveRecordBytes],
      );
      for (let n = 1; n <= 40; n++) copy.set(n, 77, { ...plain, version: n });
      for (let n = 1; n <= 40; n++) t.is(copy.get(n, 77)?.version, n);
      for (const [id, entry] of found) t.deepEqual(copy.get(idLow(id), idHigh(id)), entry);
    }),
    { numRuns: 100 },
  );
});

test("a dump is a copy once it was made into one: later changes don't reach a loaded shard", (t) => {
  const [original, copy] = [new IndexShard(), new IndexShard()];
  original.set(1, 0, plain);
  copy.load(original.dump());
  original.set(1, 0, { ...plain, version: 2, deleted: true });
  t.is(copy.get(1, 0)?.version, 1);
  t.is(copy.live, 1);
});

test("100,000 documents take at most 48 bytes of memory each, with ids in a row or anywhere", (t) => {
  const count = 100_000;
  for (const highOf of [() => 0, (n: number) => Math.imul(n, 0x9e37_79b1) >>> 0]) {
    const table = new IndexTable();
    for (let n = 1; n <= count; n++) {
      table.set(n, highOf(n), { ...plain, version: n, offset: n });
      if (n === count || n % 20_000 === 0)
        t.true(table.memory.bytes / n <= 48, `${table.memory.bytes / n} bytes at ${n}`);
    }
    t.is(table.live, count);
  }
});
