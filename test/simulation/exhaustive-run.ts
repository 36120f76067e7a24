// One short workload, run again and again: the same operations in the same order, each time with another crash or
// another failed I/O. Where the simulation draws at random from long runs, this leaves no point of a short one out.

import { DocDBError, type ErrorCode } from "../../src/base/errors.ts";
import type { CommandTable, PatchOperation, WriteOperation } from "../../src/engine/commands.ts";
import { Engine } from "../../src/engine/engine.ts";
import type { FaultKind, IoKind } from "../../src/platform/sim/faults.ts";
import type { Survival } from "../../src/platform/sim/power-loss.ts";
import { Prng } from "../../src/platform/sim/prng.ts";
import { type CrashKind, SimulatedCrash, SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import { silentObserver } from "../../src/telemetry/observer.ts";
import { CommitModel, type PlannedWrite, type Seen, Violation } from "./commit-model.ts";
import { readDocument } from "./simulated-clients.ts";

const directory = "/db";
const database = "d";

/** Answers that a sound server gives too. */
const conflicts: readonly ErrorCode[] = ["DOCUMENT_EXISTS", "DOCUMENT_NOT_FOUND"];

/** Answers that prove that nothing was kept. */
const refusals: readonly ErrorCode[] = [...conflicts, "DISK_FULL", "DATABASE_READ_ONLY"];

/** What is written to see that writing works. */
const afterwards: WholeWrite = {
  kind: "update",
  collection: "",
  id: 1n,
  json: Buffer.from("after"),
  allowMissing: true,
};

/** A write that brings its whole content along. On the disk a patch is one too. */
type WholeWrite = Exclude<WriteOperation, PatchOperation>;

/** A step: writes that are asked for at the same time, each a commit of its own; or something else to do alone. */
type Step =
  | { readonly do: "write"; readonly commits: readonly (readonly WholeWrite[])[] }
  | { readonly do: "checkpoint" | "reopen" | "compact" };

export interface Workload {
  readonly seed: number;
  /** Begins on an empty disk; the others begin with an empty database, because creating one is the same every time. */
  readonly fresh: boolean;
  readonly mode: "group" | "always";
  readonly steps: readonly Step[];
}

/** What happens to a workload. I/Os are counted over all boots, from 1. */
export interface Mishap {
  readonly crash?: { readonly io: number; readonly kind: CrashKind; readonly survival?: Survival };
  /** A crash of the recovery that follows `crash`, at the n-th I/O of it. */
  readonly secondCrash?: { readonly io: number; readonly survival: Survival };
  /** With `forever` every later I/O that the fault fits fails too, until the workload has ended. */
  readonly fault?: { readonly io: number; readonly kind: FaultKind; readonly forever?: boolean };
  /** Whether the recovered database is also written to, closed, opened and judged once more. */
  readonly again?: boolean;
}

export interface RunReport {
  /** The calls of the workload, in order, when nothing stopped it. */
  readonly calls: readonly IoKind[];
  /** I/Os of the boot after the mishap. */
  readonly recoveryIos: number;
}

/** The workload of a seed: at most 12 operations on few documents, with checkpoints and changes of segments between. */
export function workloadOf(seed: number): Workload {
  const random = new Prng(seed, 200);
  const steps: Step[] = [];
  let operations = 4 + random.below(9);
  while (operations > 0) {
    const dice = random.below(10);
    if (dice === 0) steps.push({ do: "checkpoint" });
    else if (dice === 1) steps.push({ do: "reopen" });
    else if (dice === 2 && steps.length > 0) {
      // With a checkpoint before it, replay can't begin at the first version any more.
      if (random.below(2) === 0) steps.push({ do: "checkpoint" });
      steps.push({ do: "compact" });
    } else {
      const commits = Array.from({ length: 1 + random.below(3) }, () => commitOf(random, Math.min(operations, 3)));
      operations -= commits.reduce((total, commit) => total + commit.length, 0);
      steps.push({ do: "write", commits });
    }
  }
  return { seed, fresh: seed === 1, mode: random.below(4) === 0 ? "always" : "group", steps };
}

function commitOf(random: Prng, most: number): WholeWrite[] {
  const ids = new Set(Array.from({ length: 1 + random.below(most) }, () => 1 + random.below(4)));
  return [...ids].map((number): WholeWrite => {
    const id = BigInt(number);
    const collection = "";
    const dice = random.below(10);
    const json = Buffer.from("x".repeat(random.below(4) === 0 ? 600 : 10));
    if (dice < 3) return { kind: "create", collection, id, json };
    if (dice < 8) return { kind: "update", collection, id, json, allowMissing: true };
    return { kind: "delete", collection, id, allowMissing: false };
  });
}

/** Runs a workload under a mishap, recovers, and judges; throws a `Violation` that says how to run it again. */
export async function runWorkload(workload: Workload, mishap: Mishap): Promise<RunReport> {
  const machine = workload.fresh ? new SimulatedMachine(workload.seed) : (await template).fork(workload.seed);
  const model = new CommitModel();
  const calls: IoKind[] = [];
  machine.beforeIo = (_io, call): void => void calls.push(call);
  const { crash, secondCrash, fault } = mishap;
  try {
    if (fault?.forever === true) machine.faults.failFrom(fault.io, fault.kind);
    else if (fault !== undefined) machine.faults.failAt(fault.io, fault.kind);
    if (crash !== undefined) machine.crashAtIo(crash.io, crash.kind, crash.survival);
    await untilCrash(machine, firstBoot(machine, workload, model, fault?.kind), fault !== undefined);
    machine.faults.clear();
    machine.beforeIo = undefined;
    // What stayed in memory of a failed disk must not outlive a power cut unnoticed.
    if (fault !== undefined) machine.crash("power", "torn");
    const before = machine.ioCount;
    if (secondCrash !== undefined) machine.crashAtIo(before + secondCrash.io, "power", secondCrash.survival);
    // Only read, and then power is lost: what readers saw must stay, though the crash before left it in memory alone.
    if (crash?.kind === "kill") {
      await machine.run(glance(machine, workload, model));
      machine.crash("power", "drop");
    }
    const again = mishap.again === true || secondCrash !== undefined;
    await untilCrash(machine, laterBoot(machine, workload, model, again), false);
    const recoveryIos = machine.ioCount - before;
    if (again) await machine.run(laterBoot(machine, workload, model, false));
    return { calls, recoveryIos };
  } catch (error) {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const what = `workload ${workload.seed} under ${JSON.stringify(mishap)}`;
    throw new Violation(
      `${what}: ${reason}\n${machine.trace.slice(-Number(process.env["DOCDB_TRACE_LINES"] ?? 60)).join("\n")}`,
    );
  }
}

async function untilCrash(machine: SimulatedMachine, work: Promise<void>, faulty: boolean): Promise<void> {
  try {
    await machine.run(work);
  } catch (error) {
    if (error instanceof SimulatedCrash) return;
    if (error instanceof Violation || !faulty) throw error;
  }
}

async function openEngine(machine: SimulatedMachine, mode: Workload["mode"]): Promise<Engine> {
  return await Engine.open({
    directory,
    platform: machine.platform(),
    observer: silentObserver,
    fsyncMode: mode,
    segmentBytes: 700,
    checkpointBytes: 1500,
    keepSegments: 1,
  });
}

/** A machine that was shut down with an empty database on it. */
const template: Promise<SimulatedMachine> = emptyDatabase();

async function emptyDatabase(): Promise<SimulatedMachine> {
  const machine = new SimulatedMachine(1);
  const create = async (): Promise<void> => {
    const engine = await openEngine(machine, "group");
    await engine.execute({ op: "createDatabase", database });
    await engine.close();
  };
  await machine.run(create());
  machine.crash("power", "keep");
  return machine;
}

async function firstBoot(
  machine: SimulatedMachine,
  workload: Workload,
  model: CommitModel,
  fault: FaultKind | undefined,
): Promise<void> {
  const engine = await openEngine(machine, workload.mode);
  const harmless = fault === undefined || fault === "busy" || fault === "shortWrite";
  if (workload.fresh) await tolerate(harmless, engine.execute({ op: "createDatabase", database }));
  for (const step of workload.steps) await runStep(engine, model, step, harmless);
  if (fault !== undefined && !(await comesBack(machine, engine, model, fault))) return;
  await engine.close();
}

/**
 * When the disk is sound again, so is the database: at once after it was full, otherwise when it was closed and opened.
 * Only a directory whose sync failed takes a new process: then this returns false, and power is cut next.
 */
async function comesBack(
  machine: SimulatedMachine,
  engine: Engine,
  model: CommitModel,
  fault: FaultKind,
): Promise<boolean> {
  const inDoubt = machine.faults.struck.some(({ call }) => call === "syncDirectory");
  machine.faults.clear();
  await tolerate(!inDoubt, engine.execute({ op: "openDatabase", database, createIfMissing: true }));
  if (fault !== "noSpace") await tolerate(!inDoubt, engine.execute({ op: "closeDatabase", database }));
  await write(engine, model, [afterwards], !inDoubt);
  if (inDoubt) return false;
  await tolerate(true, engine.execute({ op: "checkpointDatabase", database }));
  await tolerate(true, engine.execute({ op: "compactDatabase", database }));
  await write(engine, model, [afterwards]);
  if (engine.databases()[0]?.state !== "open") throw new Violation("the database did not come back");
  return true;
}

/** Waits for something that only a failing disk may break. */
async function tolerate(mustWork: boolean, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (mustWork || !(error instanceof DocDBError)) throw new Violation(`it must work: ${String(error)}`);
  }
}

const commandOf = { checkpoint: "checkpointDatabase", reopen: "closeDatabase", compact: "compactDatabase" } as const;

async function runStep(engine: Engine, model: CommitModel, step: Step, mustWork: boolean): Promise<void> {
  if (step.do === "write") {
    await Promise.all(step.commits.map((operations) => write(engine, model, operations, mustWork)));
  } else await tolerate(mustWork, engine.execute({ op: commandOf[step.do], database }));
}

async function write(
  engine: Engine,
  model: CommitModel,
  planned: readonly WholeWrite[],
  mustWork = true,
): Promise<void> {
  const number = model.nextNumber();
  const operations = planned.map((operation, i) => withMark(operation, `${number}.${i}`));
  const attempt = model.begin(operations.map(plannedWrite));
  try {
    const request: CommandTable["batchWrite"]["request"] = { database, operations, atomic: true };
    const { outcomes } = await engine.execute({ op: "batchWrite", ...request });
    const [first] = outcomes;
    if (first?.ok !== true) throw new Violation("an atomic batch that succeeded has no outcome");
    model.acknowledged(attempt, first.value.version);
  } catch (error) {
    if (!(error instanceof DocDBError)) throw error;
    if (mustWork && !conflicts.includes(error.code)) throw new Violation(`a write must work: ${String(error)}`);
    if (refusals.includes(error.code)) model.refused(attempt);
  }
}

/** The content that tells which attempt wrote it; its length is the planned one's. */
function withMark(operation: WholeWrite, mark: string): WholeWrite {
  if (operation.kind === "delete") return operation;
  return { ...operation, json: Buffer.from(JSON.stringify({ mark, filler: Buffer.from(operation.json).toString() })) };
}

function plannedWrite(operation: WholeWrite): PlannedWrite {
  const key = `${operation.collection}/${operation.id}`;
  return { key, content: operation.kind === "delete" ? null : Buffer.from(operation.json).toString() };
}

/** Opens, and reads what came back. */
async function glance(machine: SimulatedMachine, workload: Workload, model: CommitModel): Promise<void> {
  const engine = await openEngine(machine, workload.mode);
  if (engine.databases().length === 0) return;
  for (const key of model.keys) model.observed(key, await readDocument(engine, database, key), model.floor(key));
}

/** Opens and judges what came back; with `andWrite`, writes once more to see that it can, and closes. */
async function laterBoot(
  machine: SimulatedMachine,
  workload: Workload,
  model: CommitModel,
  andWrite: boolean,
): Promise<void> {
  const engine = await openEngine(machine, workload.mode);
  if (engine.databases().length === 0) {
    if (model.keys.some((key) => model.floor(key) > 0)) throw new Violation("the database is gone");
    await engine.execute({ op: "createDatabase", database });
  }
  const state = new Map<string, Seen>();
  for (const key of model.keys) state.set(key, await readDocument(engine, database, key));
  const { version } = await engine.execute({ op: "checkpointDatabase", database });
  model.recovered(state, version, false);
  if (!andWrite) return;
  await write(engine, model, [afterwards]);
  await engine.close();
}
