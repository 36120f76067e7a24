// The round over the queues: weights, bounds of waiting, and who leaves in the middle.

import test from "ava";
import { FairQueues } from "../../src/scheduler/fair-queues.ts";

/** Queues with so many members each, named by their queue and their number in it. */
function filled(depths: Readonly<Record<string, number>>): FairQueues<string> {
  const queues = new FairQueues<string>();
  for (const [name, depth] of Object.entries(depths)) for (let i = 1; i <= depth; i++) queues.push(name, name + i);
  return queues;
}

function takeAll(queues: FairQueues<string>, count: number = Number.POSITIVE_INFINITY): string[] {
  const taken: string[] = [];
  for (let next = queues.shift(); next !== undefined; next = queues.shift()) {
    taken.push(next);
    if (taken.length === count) break;
  }
  return taken;
}

test("each queue is first in, first out", (t) => {
  t.deepEqual(takeAll(filled({ a: 3 })), ["a1", "a2", "a3"]);
  t.is(filled({}).shift(), undefined);
});

test("a queue gives more in its turn the deeper it is, but only by the logarithm, and never more than eight", (t) => {
  for (const [depth, weight] of [
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
    [15, 4],
    [16, 5],
    [100, 7],
    [10_000, 8],
    [1_000_000, 8],
  ] as const) {
    const queues = filled({ deep: depth });
    queues.push("z", "other");
    t.is(takeAll(queues).indexOf("other"), weight, `depth ${depth}`);
  }
});

test("whoever comes to an empty queue waits for one turn of each other queue at most", (t) => {
  const queues = filled({ a: 1_000, b: 1_000, c: 3 });
  takeAll(queues, 5);
  queues.push("new", "new1");
  t.true(takeAll(queues, 3 * 8 + 1).includes("new1"));
});

test("queues of the same depth get the same, whatever their order", (t) => {
  const names = Array.from({ length: 100 }, (_, i) => `d${i}`);
  const queues = filled(Object.fromEntries(names.map((name) => [name, 100])));
  takeAll(queues, 5_000);
  const depths = names.map((name) => queues.depth(name));
  t.is(queues.size, 5_000);
  t.true(Math.max(...depths) - Math.min(...depths) <= 8, `${Math.min(...depths)} to ${Math.max(...depths)} are left`);
});

test("a deep queue drains while others are asked steadily", (t) => {
  const queues = filled({ deep: 800 });
  let [rounds, others] = [0, 0];
  for (; queues.depth("deep") > 0; rounds++) {
    queues.push("a", "a");
    queues.push("b", "b");
    for (let taken = queues.shift(); ; taken = queues.shift()) {
      if (taken?.startsWith("deep") === false) others++;
      if (queues.depth("a") + queues.depth("b") === 0 || taken === undefined) break;
    }
  }
  t.is(others, 2 * rounds);
  t.true(rounds < 150, `${rounds} rounds`);
});

test("members leave from anywhere, once, and a queue without members is forgotten", (t) => {
  const queues = new FairQueues<string>();
  const places = ["1", "2", "3", "4"].map((member) => queues.push("a", member));
  const place = (i: number) => places[i] ?? queues.push("a", "never");
  t.true(queues.remove("a", place(1)));
  t.false(queues.remove("a", place(1)));
  t.true(queues.remove("a", place(3)));
  t.is(queues.depth("a"), 2);
  t.deepEqual(takeAll(queues), ["1", "3"]);
  t.false(queues.remove("a", place(0)));
  const last = queues.push("b", "5");
  t.true(queues.remove("b", last));
  t.is(queues.size, 0);
  t.deepEqual(takeAll(queues), []);
});

test("leaving takes no longer from a long queue", (t) => {
  const queues = new FairQueues<number>();
  const places = Array.from({ length: 200_000 }, (_, i) => queues.push("a", i));
  // From behind: with a search from the front this would be 10^10 steps.
  t.true(places.reverse().every((place) => queues.remove("a", place)));
  t.is(queues.size, 0);
});
