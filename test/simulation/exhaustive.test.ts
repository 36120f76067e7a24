// Every point of short workloads: a crash at each I/O, a crash at each I/O of the recovery after it, and each I/O
// failing.

import test from "ava";
import { type Mishap, runWorkload, workloadOf } from "./exhaustive-run.ts";

/** How many workloads; the long run takes 500. */
const workloads = Number(process.env["DOCDB_EXHAUSTIVE_WORKLOADS"] ?? 20);

/** One in so many workloads, and of those one in so many crashes, gets a second crash in its recovery. */
const recoveriesEvery = 7;
const firstCrashEvery = 20;
/** After one in so many crashes the recovered database is written to, closed and judged once more. */
const againEvery = 10;

const crashes: readonly Omit<NonNullable<Mishap["crash"]>, "io">[] = [
  { kind: "power", survival: "drop" },
  { kind: "power", survival: "keep" },
  { kind: "power", survival: "torn" },
  { kind: "kill" },
];

test.serial("a crash at any I/O loses nothing that was acknowledged", async (t) => {
  let points = 0;
  for (let seed = 1; seed <= workloads; seed++) {
    const workload = workloadOf(seed);
    const { calls } = await runWorkload(workload, {});
    for (let io = 1; io <= calls.length; io++) {
      for (const crash of crashes)
        await runWorkload(workload, { crash: { io, ...crash }, again: io % againEvery === 0 });
      points += crashes.length;
    }
  }
  t.log(`${workloads} workloads, ${points} crashes`);
  t.true(points > workloads * 100);
});

test.serial("a crash at any I/O of a recovery leaves what the next recovery needs", async (t) => {
  let points = 0;
  for (let seed = 1; seed <= workloads; seed += recoveriesEvery) {
    const workload = workloadOf(seed);
    const { calls } = await runWorkload(workload, {});
    for (let io = firstCrashEvery; io <= calls.length; io += firstCrashEvery) {
      const crash = { io, kind: "power", survival: "keep" } as const;
      const { recoveryIos } = await runWorkload(workload, { crash, again: true });
      for (let second = 1; second <= recoveryIos; second++) {
        const survival = second % 2 === 0 ? "drop" : "torn";
        await runWorkload(workload, { crash, secondCrash: { io: second, survival } });
        points++;
      }
    }
  }
  t.log(`${points} second crashes`);
  t.true(points > workloads * 10);
});

test.serial("any I/O may fail: nothing acknowledged is lost, and nothing refused comes back", async (t) => {
  let points = 0;
  for (let seed = 1; seed <= workloads; seed++) {
    const workload = workloadOf(seed);
    const { calls } = await runWorkload(workload, {});
    for (const [i, call] of calls.entries()) {
      // A directory whose failed sync lost its names for good can't be made sound from above.
      const kind = call === "syncDirectory" ? "syncRefusal" : "error";
      await runWorkload(workload, { fault: { io: i + 1, kind }, again: i % againEvery === 0 });
      points++;
    }
  }
  t.log(`${points} failed I/Os`);
  t.true(points > workloads * 25);
});
