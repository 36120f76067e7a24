// One seed: a disk that lies. Writes report success and land elsewhere, or nowhere; renames are taken back by the next
// power cut; bits flip under reads. It lies about the files of one of two databases, while that works, crashes and
// boots.
//
// Where it lies about data files, index snapshots or names in their directory, every document must be right or be known
// to be damaged, or the database must be refused. Where it lies about the WAL, a power cut can take the last commits
// along without a trace, as nothing else says that they ever were: then the state after some commit must come back.

import { DocDBError } from "../../src/base/errors.ts";
import { Engine } from "../../src/engine/engine.ts";
import type { FaultKind } from "../../src/platform/sim/faults.ts";
import { Prng } from "../../src/platform/sim/prng.ts";
import { SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import { silentObserver } from "../../src/telemetry/observer.ts";
import { Violation } from "./commit-model.ts";
import { judge, mismatch, readAll, requireAll, stateOf, type TrialEnd } from "./damage-judge.ts";
import { type Change, directory, names, operationOf } from "./damage-template.ts";

const lies: readonly [FaultKind, ...FaultKind[]] = ["misdirectedWrite", "lostWrite", "lostRename", "bitRot"];

/** Which files the disk lies about, and whether that can cost commits without a trace. */
const targets = [
  { files: /\/one\.(data|compact|index)/, mayForget: false },
  { files: /\/one\.(data|compact)$/, mayForget: false },
  { files: /\/one\.wal/, mayForget: true },
] as const;

const boots = 4;
const writesEach = 14;

/** What a seed came to: how often the disk lied, and how the database that it lied about ended. */
export async function runSilentFaults(seed: number): Promise<Readonly<Record<string, number>>> {
  const random = new Prng(seed, 700);
  const machine = new SimulatedMachine(seed);
  const run: Run = { machine, random, target: random.pick(targets), history: [], beside: [] };
  const lie = random.pick(lies);
  try {
    await machine.run(createDatabases(machine));
    let end: TrialEnd | undefined;
    for (let boot = 1; boot <= boots && end === undefined; boot++) {
      if (boot < boots) machine.faults.setProbability(lie, 0.02, run.target.files);
      else machine.faults.clear();
      end = await machine.run(bootOnce(run));
      machine.faults.clear();
      machine.crash(random.below(3) === 0 ? "kill" : "power");
    }
    return { lies: machine.faults.struck.length, [end ?? "unharmed"]: 1 };
  } catch (error) {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const told = machine.faults.struck.map(({ io, fault, path }) => `#${io} ${fault} ${path}`).join("; ");
    throw new Violation(`seed ${seed} (${told}): ${reason}\n${machine.trace.slice(-40).join("\n")}`);
  }
}

interface Run {
  readonly machine: SimulatedMachine;
  readonly random: Prng;
  readonly target: (typeof targets)[number];
  readonly history: Change[];
  readonly beside: Change[];
}

function openEngine(machine: SimulatedMachine): Promise<Engine> {
  return Engine.open({
    directory,
    platform: machine.platform(),
    observer: silentObserver,
    fsyncMode: "group",
    segmentBytes: 1_500,
    checkpointBytes: 4_000,
    keepSegments: 1,
    compactionBytes: 3_000,
    compactionBatchBytes: 300,
    compactionDeadRatio: 0.3,
  });
}

async function createDatabases(machine: SimulatedMachine): Promise<void> {
  const engine = await openEngine(machine);
  for (const database of Object.values(names)) {
    await engine.execute({ op: "createDatabase", database });
    await engine.execute({ op: "createCollection", database, collection: "second" });
  }
  await engine.close();
}

/** Opens, judges, and works; how the database ended, or undefined when it goes on. */
async function bootOnce(run: Run): Promise<TrialEnd | undefined> {
  const { machine, random, history, beside, target } = run;
  const engine = await openEngine(machine);
  requireAll(await readAll(engine, names.beside, beside), beside);
  if (history.length > 0) {
    const readings = await readAll(engine, names.damaged, history);
    const end = judge(engine, history, readings, target.mayForget ? 0 : Infinity);
    if (end !== "unharmed" && end !== "damaged documents") return end;
    if (stateOf(engine) !== "open") return "read-only";
  }
  await write(engine, names.beside, random, beside);
  if (!(await write(engine, names.damaged, random, history))) return "read-only";
  const problem = mismatch(history, await readAll(engine, names.damaged, history), Infinity);
  if (problem !== undefined) throw new Violation(`while it runs: ${problem}`);
  if (random.below(2) === 0) await engine.close();
  return undefined;
}

/** Writes, with checkpoints and compactions between; false when the database said that it can't go on. */
async function write(engine: Engine, database: string, random: Prng, history: Change[]): Promise<boolean> {
  for (let i = 0; i < writesEach; i++) {
    const dice = random.below(20);
    const key = `${random.pick(["", "second"] as const)}/${1 + random.below(8)}`;
    const filler = "x".repeat(random.below(5) === 0 ? 600 : random.below(60));
    const content = dice < 3 ? null : JSON.stringify({ mark: `${database} ${history.length}`, filler });
    try {
      if (dice === 19) await engine.execute({ op: "checkpointDatabase", database });
      if (dice === 18) await engine.execute({ op: "compactDatabase", database });
    } catch (error) {
      // A damaged record ends a compaction, and nothing else.
      if (!(error instanceof DocDBError)) throw error;
    }
    try {
      const { version } = await engine.execute({ op: "writeDocument", database, operation: operationOf(key, content) });
      if (version > 0) history.push({ key, version, content });
    } catch (error) {
      if (!(error instanceof DocDBError)) throw error;
      return false;
    }
  }
  return true;
}
