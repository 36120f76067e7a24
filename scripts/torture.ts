// npm run torture: the simulation at the large size. It goes on where it stopped, on as many processes as there are
// cores, and ends at the first seed that breaks a promise, with what is needed to run that seed again.
//
//   npm run torture                      the next 100,000 seeds
//   npm run torture -- --seeds 5000      fewer
//   npm run torture -- --from 4711       from this seed on, wherever the last run stopped
//
// Position: node_modules/.cache/docdb/torture.json has the first seed that no run has passed yet.

import { fork } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { runSeed } from "../test/simulation/simulated-run.ts";

const position = new URL("../node_modules/.cache/docdb/torture.json", import.meta.url);
/** Seeds that a process takes at a time. */
const portion = 250;

/** What a process tells about its portion: how many crashes the seeds had, or which one failed and how. */
type Report = { readonly crashes: number } | { readonly seed: number; readonly message: string };

if (process.send === undefined) await direct();
else process.on("message", (first: number) => void work(first));

/** Hands out portions and keeps the position. */
async function direct(): Promise<void> {
  const { values } = parseArgs({ options: { seeds: { type: "string", default: "100000" }, from: { type: "string" } } });
  const from = values.from === undefined ? savedPosition() : Number(values.from);
  const end = from + Number(values.seeds);
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(end)) throw new Error("--seeds and --from take numbers");
  console.log(`seeds ${from} to ${end - 1}, ${availableParallelism()} at a time`);
  const started = Date.now();
  const underWay = new Set<number>();
  let next = from;
  let passed = 0;
  let crashes = 0;
  const runOne = (first: number): Promise<Report> =>
    new Promise((resolve, reject) => {
      const child = fork(import.meta.filename);
      child.once("message", (report: Report) => {
        child.kill();
        resolve(report);
      });
      child.once("error", reject);
      child.once("exit", () => reject(new Error(`the process with seeds from ${first} on ended without a report`)));
      child.send(first);
    });
  const worker = async (): Promise<void> => {
    while (next < end) {
      const first = next;
      next += portion;
      underWay.add(first);
      const report = await runOne(first);
      if ("seed" in report) {
        console.error(`seed ${report.seed} failed: DOCDB_SIMULATION_FIRST=${report.seed} DOCDB_SIMULATION_SEEDS=1 \\`);
        console.error(`  npx ava test/simulation/simulation.test.ts\n${report.message}`);
        process.exit(1);
      }
      underWay.delete(first);
      crashes += report.crashes;
      passed += portion;
      save(Math.min(next, ...underWay));
      if (passed % 5000 === 0) {
        console.log(`${passed} seeds, ${crashes} crashes, ${((Date.now() - started) / 60_000).toFixed(1)} min`);
      }
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  console.log(`all ${passed} passed, with ${crashes} crashes, in ${((Date.now() - started) / 60_000).toFixed(1)} min`);
}

/** Runs a portion in this process. */
async function work(first: number): Promise<void> {
  let crashes = 0;
  for (let seed = first; seed < first + portion; seed++) {
    try {
      crashes += (await runSeed(seed)).crashes;
    } catch (error) {
      if (process.connected) process.send?.({ seed, message: error instanceof Error ? error.message : String(error) });
      return;
    }
  }
  if (process.connected) process.send?.({ crashes });
}

function savedPosition(): number {
  try {
    return (JSON.parse(readFileSync(position, "utf8")) as { next: number }).next;
  } catch {
    return 1;
  }
}

function save(next: number): void {
  mkdirSync(new URL(".", position), { recursive: true });
  writeFileSync(position, JSON.stringify({ next }));
}
