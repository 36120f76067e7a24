// Ids in order, against a sorted array.

import test from "ava";
import * as fc from "fast-check";
import { idHigh, idLow, idOf } from "../../src/base/u64.ts";
import { SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import { Prng } from "../../src/platform/sim/prng.ts";
import { Turn } from "../../src/platform/turn.ts";
import { maxIdsInBlock } from "../../src/storage/id-block.ts";
import { IdOrder } from "../../src/storage/id-order.ts";
import { sortedIds } from "../../src/storage/id-merge.ts";
import { IndexTable } from "../../src/storage/index-table.ts";

const greatest = 2n ** 64n - 1n;

function idsIn(pairs: Uint32Array): bigint[] {
  return Array.from({ length: pairs.length / 2 }, (_, i) => idOf(pairs[2 * i] as number, pairs[2 * i + 1] as number));
}

const all = (order: IdOrder): bigint[] => idsIn(order.ascending(0, 0, Number.POSITIVE_INFINITY));
const add = (order: IdOrder, id: bigint): void => order.add(idLow(id), idHigh(id));
const remove = (order: IdOrder, id: bigint): void => order.remove(idLow(id), idHigh(id));
const sorted = (ids: Iterable<bigint>): bigint[] => [...ids].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));

/** Ids that lie close together, far apart, and around the edges of the widths in which blocks write them. */
const someId = fc.oneof(
  fc.bigInt({ min: 1n, max: 3_000n }),
  fc.bigInt({ min: 2n ** 32n - 70_000n, max: 2n ** 32n + 70_000n }),
  fc.bigInt({ min: 1n, max: 2n ** 34n }),
  fc.bigInt({ min: greatest - 100_000n, max: greatest }),
  fc.bigInt({ min: 1n, max: greatest }),
);
const change = fc.record({ add: fc.boolean(), id: someId });

test("it holds what was added and not removed, in order, whatever the changes", (t) => {
  const property = fc.property(fc.array(change, { maxLength: 300 }), fc.array(someId), (changes, probes) => {
    const order = new IdOrder();
    const model = new Set<bigint>();
    for (const { add: isAdd, id } of changes) {
      if (isAdd) add(order, id);
      else remove(order, id);
      if (isAdd) model.add(id);
      else model.delete(id);
    }
    const expected = sorted(model);
    t.deepEqual(all(order), expected);
    t.is(order.count, expected.length);
    for (const id of [...probes, ...expected.slice(0, 20)]) {
      const up = expected.filter((other) => other >= id).slice(0, 7);
      const down = expected.filter((other) => other <= id).reverse();
      t.deepEqual(idsIn(order.ascending(idLow(id), idHigh(id), 7)), up);
      t.deepEqual(idsIn(order.descending(idLow(id), idHigh(id), 7)), down.slice(0, 7));
    }
  });
  fc.assert(property, { numRuns: 300 });
});

/** Ways in which the ids of a collection may come. */
const arrivals: Readonly<Record<string, (random: Prng, i: number) => bigint>> = {
  ascending: (_random, i) => BigInt(i + 1),
  descending: (_random, i) => BigInt(1_000_000 - i),
  "ascending with gaps": (random, i) => BigInt(i * 100_000 + random.below(100_000) + 1),
  random: (random) => (BigInt(random.u32()) << 32n) + BigInt(random.u32()),
  "random among few": (random) => BigInt(random.below(60_000) + 1),
};

for (const [name, idOfArrival] of Object.entries(arrivals)) {
  test(`many ids stay in order and give their memory back: ${name}`, (t) => {
    const random = new Prng(1, 1);
    const order = new IdOrder();
    const model = new Set<bigint>();
    for (let i = 0; i < 40_000; i++) {
      const id = idOfArrival(random, i);
      add(order, id);
      model.add(id);
    }
    t.deepEqual(all(order), sorted(model));
    const perId = order.memoryBytes / order.count;
    t.true(perId < (name.startsWith("random") ? 9.2 : 7), `${perId} bytes an id`);
    for (const id of model) {
      if (random.below(20) === 0) continue;
      model.delete(id);
      remove(order, id);
    }
    t.deepEqual(all(order), sorted(model));
    t.true(order.memoryBytes < 20 * model.size + 2_000, `${order.memoryBytes} bytes for ${model.size} ids`);
    for (const id of model) remove(order, id);
    t.is(order.memoryBytes, 0);
  });
}

test("ids that ascend take little more than two bytes each", (t) => {
  const order = new IdOrder();
  for (let i = 1; i <= 50 * maxIdsInBlock; i++) order.add(i, 0);
  t.true(order.memoryBytes / order.count < 2.4, `${order.memoryBytes / order.count} bytes an id`);
});

test("the ids of a whole table are sorted in turns", async (t) => {
  const machine = new SimulatedMachine(1);
  const random = new Prng(1, 1);
  const table = new IndexTable();
  const model = new Set<bigint>();
  for (let i = 0; i < 30_000; i++) {
    const id = i % 2 === 0 ? BigInt(i) : (BigInt(random.u32()) << 32n) + BigInt(random.u32());
    const deleted = random.below(5) === 0;
    const place = { version: 1, offset: 0, length: 1, parity: 0 as const, createTimeMs: 0 };
    table.set(idLow(id), idHigh(id), { ...place, deleted });
    if (!deleted) model.add(id);
  }
  const order = await machine.run(sortedIds(table, new Turn(machine.platform().clock)));
  t.deepEqual(all(order), sorted(model));
  t.deepEqual(all(await machine.run(sortedIds(new IndexTable(), new Turn(machine.platform().clock)))), []);
});
