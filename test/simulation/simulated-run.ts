// One seed: a machine that boots, works, crashes and boots again a few times, with the engine under test on it.
// Everything random comes from the seed, so a failing seed can be run again.

import { DocDBError } from "../../src/base/errors.ts";
import { Engine } from "../../src/engine/engine.ts";
import type { EngineOptions } from "../../src/engine/engine-options.ts";
import { Prng } from "../../src/platform/sim/prng.ts";
import { SimulatedCrash, SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import { type FsyncMode, isLossy } from "../../src/storage/fsync-mode.ts";
import { silentObserver } from "../../src/telemetry/observer.ts";
import { BitRot } from "./bit-rot.ts";
import { CommitModel, type Seen, Violation } from "./commit-model.ts";
import { readDocument, runClient } from "./simulated-clients.ts";

const directory = "/db";
const databases = ["one", "two"];
const clients = 3;

/** Faults that a sound engine survives without losing anything acknowledged. */
const faults = ["writeError", "syncFailure", "syncRefusal", "noSpace", "shortWrite", "readError", "busy"] as const;

/** Which files a failing disk fails for: all, or those of one kind, and then more often. */
const failing: readonly [FailingFiles, ...FailingFiles[]] = [
  { path: undefined, probability: 0.01 },
  { path: /\.(data|compact)$/, probability: 0.06 },
  { path: /\.wal[.0-9new]*$/, probability: 0.03 },
  { path: /\.(index|catalog)[.tmp]*$/, probability: 0.06 },
];

interface FailingFiles {
  readonly path: RegExp | undefined;
  readonly probability: number;
}

interface PoolSettings {
  readonly maxOpenDatabases: number;
  readonly idleCloseMs: number;
  /** Whether each boot recovers the databases in the background. */
  readonly recovers: boolean;
}

type FileSettings = Pick<EngineOptions, "segmentBytes" | "checkpointBytes" | "keepSegments">;

/** Memory that an idle database with two used collections takes, and a little: some of the writes are refused. */
const tightMemoryBytes = 190_000;

interface Run {
  readonly machine: SimulatedMachine;
  readonly random: Prng;
  readonly mode: FsyncMode;
  readonly models: ReadonlyMap<string, CommitModel>;
  /** Set in a part of the runs on a disk that works: bits flip between boots. */
  readonly rot: BitRot | undefined;
  readonly files: FileSettings;
  readonly pool: PoolSettings;
  readonly slow: boolean;
  /** Bytes of memory that each database may hold; 0: no limit. */
  readonly databaseMemoryBytes: number;
  faulty: boolean;
}

export interface RunSummary {
  readonly crashes: number;
  /** Records that were damaged, and documents that were found damaged and could not be healed. */
  readonly hits: number;
  readonly lost: number;
  /** Failures of the disk that struck. */
  readonly faults: number;
  readonly ioCount: number;
  readonly trace: readonly string[];
}

/** Runs a seed; throws a `Violation`, with the seed and the last I/Os in its message, when a promise was broken. */
export async function runSeed(seed: number): Promise<RunSummary> {
  const random = new Prng(seed, 100);
  const chance = new Prng(seed, 101);
  // In half of the runs turns of the event loop end wherever they can.
  const slow = chance.below(2) === 0;
  const traceLines = Number(process.env["DOCDB_TRACE_LINES"] ?? 200);
  const machine = new SimulatedMachine(seed, { traceLines, slowTurns: slow ? 0.3 : 0 });
  const mode = random.pick(["group", "group", "group", "always", "interval", "none"] as const);
  const models = new Map(databases.map((name) => [name, new CommitModel()]));
  const faulty = random.below(3) === 0;
  const rot = !faulty && chance.below(4) === 0 ? new BitRot(machine, chance) : undefined;
  const pool = drawPool(new Prng(seed, 102));
  const databaseMemoryBytes = chance.below(3) === 0 ? tightMemoryBytes : 0;
  const drawn = { files: drawFiles(random), pool, slow, databaseMemoryBytes };
  const run: Run = { machine, random, mode, models, rot, faulty, ...drawn };
  let crashes = 0;
  try {
    for (let boots = 2 + random.below(4); boots > 0; boots--) {
      if (await bootOnce(run)) crashes++;
      maybeLoseSnapshot(run);
      rot?.strike();
    }
    run.faulty = false;
    machine.faults.clear();
    await machine.run(session(run, 10));
    await machine.run(session(run, 0));
  } catch (error) {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    throw new Violation(`seed ${seed} (fsync mode ${mode}): ${reason}\n${machine.trace.slice(-40).join("\n")}`);
  }
  const { ioCount, trace } = machine;
  return { crashes, faults: machine.faults.struck.length, hits: rot?.hits ?? 0, lost: rot?.lost ?? 0, ioCount, trace };
}

/** Small files, so that a run sees many of them. */
function drawFiles(random: Prng): FileSettings {
  const segmentBytes = random.pick([800, 2000, 4096] as const);
  return { segmentBytes, checkpointBytes: random.pick([2500, 6000] as const), keepSegments: random.below(2) };
}

/**
 * In a part of the runs databases are closed all the time: when idle for a moment, or because another needs the place.
 */
function drawPool(random: Prng): PoolSettings {
  const maxOpenDatabases = random.below(3) === 0 ? 1 : 100;
  return { maxOpenDatabases, idleCloseMs: random.pick([0, 1, 300_000] as const), recovers: random.below(2) === 0 };
}

/** One boot that may end in a crash. */
async function bootOnce(run: Run): Promise<boolean> {
  const { machine, random } = run;
  if (random.below(5) > 0) {
    machine.crashAtIo(machine.ioCount + 1 + random.below(300), random.below(3) === 0 ? "kill" : "power");
  }
  machine.faults.clear();
  if (run.faulty) {
    const { path, probability } = random.pick(failing);
    machine.faults.setProbability(random.pick(faults), probability, path);
  }
  const struckBefore = machine.faults.struck.length;
  try {
    await machine.run(session(run, 12));
    return false;
  } catch (error) {
    if (error instanceof SimulatedCrash) return true;
    if (error instanceof Violation || !run.faulty) throw error;
    return false;
  } finally {
    // A new process can't know that the one before saw the sync of a directory fail. Power cuts and mounting anew tell
    // it: a file system that goes on after such a failure without either is beyond us.
    const struck = machine.faults.struck.slice(struckBefore);
    if (struck.some(({ call }) => call === "syncDirectory")) machine.crash("power");
  }
}

/** A process: opens the engine, judges what recovery brought back, works, and closes. */
async function session(run: Run, operations: number): Promise<void> {
  const engine = await Engine.open({
    directory,
    platform: run.machine.platform(),
    observer: silentObserver,
    fsyncMode: run.mode,
    fsyncIntervalMs: 5,
    ...run.files,
    maxOpenDatabases: run.pool.maxOpenDatabases,
    idleCloseMs: run.pool.idleCloseMs,
    compactionBytes: 4000,
    compactionBatchBytes: 400,
    compactionDeadRatio: 0.3,
    snapshotAgeMs: 500,
    ...(run.slow ? { mutationsInPiece: 1, patchWorkInTurn: 0 } : {}),
    // Small enough that documents have to give way; in the other half of the seeds every read is one of the disk.
    cacheBytes: run.files.keepSegments === 0 ? 0 : 20_000,
    scrubIntervalMs: run.rot === undefined ? 0 : 20,
    databaseMemoryBytes: run.databaseMemoryBytes,
  });
  const recovering = run.pool.recovers ? engine.recover() : Promise.resolve();
  try {
    const all = [...run.models].map(([name, model]) => work(run, engine, name, model, operations).catch(unlessFull));
    await Promise.all(all);
  } finally {
    await engine.close();
    await recovering;
  }
  const { bytes } = engine.memory;
  if (bytes !== 0) throw new Violation(`${bytes} bytes of memory are in the books after everything was closed`);
}

/** A database that found no place while another was busy for long was not used: there is nothing to judge. */
function unlessFull(error: unknown): void {
  if (!(error instanceof DocDBError && error.code === "DATABASE_LIMIT")) throw error;
}

async function work(run: Run, engine: Engine, database: string, model: CommitModel, operations: number): Promise<void> {
  await prepare(run, engine, database, model);
  const { rot } = run;
  const read: typeof readDocument = (...document) =>
    rot === undefined ? readDocument(...document) : rot.read(...document);
  const state = new Map<string, Seen>();
  for (const key of model.keys) state.set(key, await read(engine, database, key));
  const version = await recoveredVersion(run, engine, database, state);
  if (version === undefined) return;
  model.recovered(state, version, isLossy(run.mode));
  const random = new Prng(run.random.below(2 ** 31), 7);
  const client = { database, model, random, operations, faulty: run.faulty, rotten: rot !== undefined, read };
  await Promise.all(Array.from({ length: clients }, () => runClient(engine, client)));
  model.settleSnapshotReads();
}

/** Makes sure that the database and its second collection are there; once they were, they must be. */
async function prepare(run: Run, engine: Engine, database: string, model: CommitModel): Promise<void> {
  const exists = engine.databases().some((info) => info.database === database);
  if (!exists && model.keys.length > 0) throw new Violation(`database ${database} is gone`);
  if (!exists) await engine.execute({ op: "createDatabase", database });
  try {
    await engine.execute({ op: "createCollection", database, collection: "second" });
    if (model.keys.some((key) => key.startsWith("second"))) throw new Violation("a collection is gone");
  } catch (error) {
    if (!(error instanceof DocDBError && error.code === "COLLECTION_EXISTS")) throw error;
  }
}

/** The last version that recovery brought back, or undefined when a failing disk doesn't let it be known. */
async function recoveredVersion(
  run: Run,
  engine: Engine,
  database: string,
  state: ReadonlyMap<string, Seen>,
): Promise<number | undefined> {
  try {
    const { version } = await engine.execute({ op: "checkpointDatabase", database });
    const newest = Math.max(0, ...[...state.values()].map((seen) => seen.version ?? 0));
    if (newest > version) throw new Violation(`version ${newest} is visible, but the database is at ${version}`);
    return version;
  } catch (error) {
    if (!run.faulty || error instanceof Violation) throw error;
    return undefined;
  }
}

/** Losing the index snapshot must cost time only. */
function maybeLoseSnapshot({ machine, random, rot }: Run): void {
  if (random.below(4) > 0 || rot?.hitsHeaders === true) return;
  for (const path of machine.files().keys()) if (path.endsWith(".index")) machine.removeFile(path);
}
