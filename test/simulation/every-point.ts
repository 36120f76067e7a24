// Every point of one workload: a crash at each I/O, each with what may survive it; a crash at each I/O of the recovery
// after it; each I/O failing, once and from then on. Each function returns how many points it judged.

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

/** All of the three below, for the workload with this number. */
export async function runEveryPoint(number: number): Promise<number> {
  const workload = workloadOf(number);
  return (await crashEverywhere(workload)) + (await crashTwice(workload)) + (await failEverywhere(workload));
}

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

export async function failEverywhere(workload: Workload): Promise<number> {
  const { calls } = await runWorkload(workload, {});
  for (const [i, call] of calls.entries()) {
    const [io, again] = [i + 1, i % againEvery === 0];
    // A directory whose failed sync lost its names for good can't be made sound from above.
    const kind = call === "syncDirectory" ? "syncRefusal" : "error";
    await runWorkload(workload, { fault: { io, kind }, again });
    await runWorkload(workload, { fault: { io, kind: "error", forever: true }, again });
    await runWorkload(workload, { fault: { io, kind: "noSpace", forever: true }, again });
  }
  return 3 * calls.length;
}
