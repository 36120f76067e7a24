// The log of recent changes and the ranges of a read set, against simple models of them.

import test from "ava";
import * as fc from "fast-check";
import { idHigh, idLow } from "../../../src/base/u64.ts";
import { IdRanges } from "../../../src/engine/transactions/id-ranges.ts";
import { RecentChanges } from "../../../src/engine/transactions/recent-changes.ts";
import type { Mutation } from "../../../src/storage/commit.ts";

function put(id: bigint): Mutation {
  const times = { createTimeMs: 1, updateTimeMs: 1 };
  return { kind: "put", collection: 3, idLow: idLow(id), idHigh: idHigh(id), ...times, content: new Uint8Array() };
}

/** The ids of the changes after a version, or undefined when they aren't all there. */
function changesAfter(log: RecentChanges, version: number): bigint[] | undefined {
  const start = log.positionAfter(version);
  if (start === undefined) return undefined;
  return Array.from({ length: log.end - start }, (_, i) => log.at(start + i).id);
}

test("pending changes are kept, visible ones only as long as a transaction is older", (t) => {
  const log = new RecentChanges(1024);
  for (let version = 1; version <= 5; version++) log.add(put(BigInt(version)), version);
  log.trim(2);
  t.deepEqual(changesAfter(log, 0), [3n, 4n, 5n]);
  log.need(3);
  log.trim(5);
  t.deepEqual(changesAfter(log, 3), [4n, 5n]);
  log.need(undefined);
  log.trim(5);
  t.deepEqual(changesAfter(log, 3), []);
});

test("what failed is forgotten, and the versions can be given again", (t) => {
  const log = new RecentChanges(1024);
  log.need(0);
  for (let version = 1; version <= 5; version++) log.add(put(BigInt(version)), version);
  log.abort(3);
  t.is(log.aborts, 1);
  t.deepEqual(changesAfter(log, 0), [1n, 2n, 3n]);
  for (const id of [40n, 41n]) log.add(put(id), 4);
  t.deepEqual(changesAfter(log, 2), [3n, 40n, 41n]);
});

test("past its capacity the oldest go, and whoever needs them is told", (t) => {
  const log = new RecentChanges(2048);
  log.need(0);
  for (let version = 1; version <= 5_000; version++) log.add(put(BigInt(version)), version);
  t.is(changesAfter(log, 0), undefined);
  t.is(changesAfter(log, 2_000), undefined);
  t.deepEqual(changesAfter(log, 4_998), [4_999n, 5_000n]);
  t.deepEqual(changesAfter(log, 3_500)?.length, 1_500);
});

test("the creation of a collection is known while it is pending", (t) => {
  const log = new RecentChanges(1024);
  log.add({ ...put(0n), kind: "createCollection", content: Buffer.from("Users") }, 1);
  t.true(log.isBeingCreated("users"));
  log.trim(1);
  t.false(log.isBeingCreated("users"));
});

test("the log is like a list, whatever is added, trimmed and forgotten", (t) => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("add" as const), count: fc.integer({ min: 1, max: 700 }) }),
    fc.record({ do: fc.constant("trim" as const), count: fc.nat(2_000) }),
    fc.record({ do: fc.constant("abort" as const), count: fc.nat(5) }),
  );
  const holds = fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
    const log = new RecentChanges(1 << 20);
    let model: { version: number; id: bigint }[] = [];
    let [version, trimmed, next] = [0, 0, 1n];
    for (const { do: what, count } of steps) {
      if (what === "add") {
        version++;
        const ids = Array.from({ length: count }, () => next++);
        for (const id of ids) log.add(put(id), version);
        model.push(...ids.map((id) => ({ version, id })));
      } else if (what === "trim") {
        trimmed = Math.max(trimmed, Math.min(count, version));
        log.trim(trimmed);
        model = model.filter((entry) => entry.version > trimmed);
      } else {
        version = Math.max(trimmed, version - count);
        log.abort(version);
        model = model.filter((entry) => entry.version <= version);
      }
      const ids = model.map(({ id }) => id);
      if (changesAfter(log, trimmed)?.join() !== ids.join()) return false;
    }
    return true;
  });
  t.notThrows(() => fc.assert(holds, { numRuns: 100 }));
});

test("ranges contain exactly the ids that were added, and touching ones become one", (t) => {
  const range = fc.tuple(fc.nat(60), fc.nat(10));
  const holds = fc.property(fc.array(range, { maxLength: 20 }), (added) => {
    const ranges = new IdRanges();
    const model = new Set<number>();
    for (const [from, length] of added) {
      ranges.add(BigInt(from), BigInt(from + length));
      for (let id = from; id <= from + length; id++) model.add(id);
    }
    const runs = [...model].filter((id) => !model.has(id - 1)).length;
    if (ranges.count !== runs) return false;
    return Array.from({ length: 80 }, (_, id) => ranges.has(BigInt(id)) === model.has(id)).every(Boolean);
  });
  t.notThrows(() => fc.assert(holds, { numRuns: 500 }));
  const all = new IdRanges();
  all.add(1n, 2n ** 64n - 1n);
  t.true(all.has(2n ** 64n - 1n));
});
