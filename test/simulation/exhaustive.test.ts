// Every point of short workloads; every-point.ts says which there are. The torture does this with 500 workloads.

import test from "ava";
import { plant } from "../../src/base/sabotage.ts";
import { Violation } from "./commit-model.ts";
import { crashAfterFailure, crashEverywhere, crashTwice, failEverywhere } from "./every-point.ts";
import { runWorkload, type Workload, workloadOf } from "./exhaustive-run.ts";

const workloads = 20;
/** Of the ways in which an I/O may fail one in so many is tried here; the torture tries all. */
const failuresEvery = 4;

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
    const points = await judge((workload) => failEverywhere(workload, failuresEvery));
    t.log(`${points} failed I/Os`);
    t.true(points > (workloads * 200) / failuresEvery);
  },
);

test.serial(
  "a power cut after a full disk brings nothing back that was refused, and after a failed sync takes nothing away",
  async (t) => {
    const points = await judge(crashAfterFailure, 7);
    t.log(`${points} power cuts`);
    t.true(points > workloads * 10);
  },
);

test.serial("a directory that is trusted after its sync failed is caught", async (t) => {
  const remove = plant("directory-trusted-after-failed-sync");
  try {
    await t.throwsAsync(judge(failDirectorySyncs), { instanceOf: Violation });
  } finally {
    remove();
  }
});

async function failDirectorySyncs(workload: Workload): Promise<number> {
  const { calls } = await runWorkload(workload, {});
  for (const [i, call] of calls.entries()) {
    if (call === "syncDirectory") await runWorkload(workload, { fault: { io: i + 1, kind: "syncFailure" } });
  }
  return calls.length;
}
