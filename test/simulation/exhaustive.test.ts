// Every point of short workloads; every-point.ts says which there are. The torture does this with 500 workloads.

import test from "ava";
import { crashEverywhere, crashTwice, failEverywhere } from "./every-point.ts";
import { type Workload, workloadOf } from "./exhaustive-run.ts";

const workloads = 20;

/** Judges one in `every` workloads, and returns how many points that were. */
async function judge(points: (workload: Workload) => Promise<number>, every = 1): Promise<number> {
  let total = 0;
  for (let number = 1; number <= workloads; number += every) total += await points(workloadOf(number));
  return total;
}

test.serial("a crash at any I/O loses nothing that was acknowledged", async (t) => {
  const points = await judge(crashEverywhere);
  t.log(`${points} crashes`);
  t.true(points > workloads * 100);
});

test.serial("a crash at any I/O of a recovery leaves what the next recovery needs", async (t) => {
  const points = await judge(crashTwice, 7);
  t.log(`${points} second crashes`);
  t.true(points > workloads * 10);
});

test.serial(
  "any I/O may fail, once or for good: nothing acknowledged is lost, and nothing refused comes back",
  async (t) => {
    const points = await judge(failEverywhere);
    t.log(`${points} failed I/Os`);
    t.true(points > workloads * 75);
  },
);
