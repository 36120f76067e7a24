// Every point of one workload: a crash at each I/O, each with what may survive it; a crash at each I/O of the recovery
// after it; each I/O failing, once and from then on. Each function returns how many points it judged.

import { fits } from "../../src/platform/sim/faults.ts";
import { type Mishap, runWorkload, type Workload, workloadOf } from "./exhaustive-run.ts";

/** One in so many crashes gets a second crash, at every I/O of its recovery. */
const secondCrashEvery = 20;
/** After one in so many points the recovered database is written to, closed and judged once more. */
const againEvery = 10;

const crashes: readonly Omit<NonNullable<Mishap["crash"]>, "io">[] = [
  { kind: "power", survival: "drop" },
  { kind: "power", survival: "keep" },
  { kind: "power", survival: "torn" },
  { kind: "kill" },
];

/** What may happen to an I/O, once or from then on. */
const failures: readonly Omit<NonNullable<Mishap["fault"]>, "io">[] = [
  { kind: "error" },
  { kind: "error", forever: true },
  { kind: "syncFailure" },
  { kind: "syncFailure", forever: true },
  { kind: "syncRefusal" },
  { kind: "noSpace" },
  { kind: "noSpace", forever: true },
  { kind: "noNameSpace" },
  { kind: "shortWrite" },
  { kind: "busy" },
];

/** All of the four below, for the workload with this number. */
export async function runEveryPoint(number: number): Promise<number> {
  const workload = workloadOf(number);
  let points = 0;
  for (const judge of [crashEverywhere, crashTwice, failEverywhere, crashAfterFailure]) points += await judge(workload);
  return points;
}

/**
 * After how many I/Os power is cut when a write failed, and when a sync did: a checkpoint that believes it takes long.
 */
const cutsAfter = { write: [1, 2, 3, 4, 5, 6, 7, 8], datasync: [12, 24, 36] } as const;

export async function crashEverywhere(workload: Workload): Promise<number> {
  const { calls } = await runWorkload(workload, {});
  for (let io = 1; io <= calls.length; io++) {
    const again = io % againEvery === 0;
    for (const crash of crashes) await runWorkload(workload, { crash: { io, ...crash }, again });
  }
  return calls.length * crashes.length;
}

export async function crashTwice(workload: Workload): Promise<number> {
  const { calls } = await runWorkload(workload, {});
  let points = 0;
  for (let io = secondCrashEvery; io <= calls.length; io += secondCrashEvery) {
    const crash = { io, kind: "power", survival: "keep" } as const;
    const { recoveryIos } = await runWorkload(workload, { crash, again: true });
    for (let second = 1; second <= recoveryIos; second++) {
      const survival = second % 2 === 0 ? "drop" : "torn";
      await runWorkload(workload, { crash, secondCrash: { io: second, survival } });
    }
    points += recoveryIos;
  }
  return points;
}

/** Every I/O failing in every way that fits it, or in one of so many `every` ways. */
export async function failEverywhere(workload: Workload, every = 1): Promise<number> {
  const { calls } = await runWorkload(workload, {});
  let points = 0;
  for (const [i, call] of calls.entries()) {
    for (const [j, failure] of failures.entries()) {
      if (!fits(failure.kind, call) || (i + j + workload.seed) % every > 0) continue;
      await runWorkload(workload, { fault: { io: i + 1, ...failure }, again: i % againEvery === 0 });
      points++;
    }
  }
  return points;
}

/**
 * Each write failing, and a power cut soon after: what was taken back must not come back. And each sync of a file
 * failing: what it dropped must not be missed after a power cut that comes when others have succeeded.
 */
export async function crashAfterFailure(workload: Workload): Promise<number> {
  const { calls } = await runWorkload(workload, {});
  let points = 0;
  for (const [i, call] of calls.entries()) {
    if (call !== "write" && call !== "datasync") continue;
    const fault = { io: i + 1, kind: call === "write" ? "noSpace" : "syncFailure" } as const;
    for (const later of cutsAfter[call]) {
      const survival = call === "datasync" ? "drop" : later % 2 === 0 ? "subset" : "torn";
      await runWorkload(workload, { fault, crash: { io: i + 1 + later, kind: "power", survival } });
      points++;
    }
  }
  return points;
}
