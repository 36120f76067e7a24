// One trial: a file of one of two databases is damaged; the engine then opens and reads everything. Each document must
// be right, or be reported as damaged, or the database must say that it can't be trusted; the one beside it is
// complete.
//
// What no system can tell is allowed for: when the last groups of the active WAL segment are damaged and nothing sound
// follows them, this is what an interrupted write looks like, and the state before them comes back.

import { DocDBError } from "../../src/base/errors.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { Prng } from "../../src/platform/sim/prng.ts";
import type { SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import { decodeSegmentHeader } from "../../src/storage/wal-format.ts";
import { readSegment } from "../../src/storage/wal-reader.ts";
import type { Observer } from "../../src/telemetry/observer.ts";
import { Violation } from "./commit-model.ts";
import { damage } from "./damage.ts";
import { isOf, judge, readAll, type Reading, requireAll, same, shown, stateOf, type TrialEnd } from "./damage-judge.ts";
import {
  type Change,
  directory,
  type Ending,
  endings,
  names,
  openEngine,
  operationOf,
  silent,
  type Template,
  templateOf,
} from "./damage-template.ts";

/** How much may have gone for a reason that looks like an interrupted write. */
interface Allowance {
  /** The last version that must be there all the same. */
  readonly floor: number;
  /** Whether what is left looks as if nothing had been there: then nobody can tell. */
  readonly mayBeSilent: boolean;
}

const activeWal = `${directory}/wal/${names.damaged}.wal`;
const templates = new Map<Ending, Promise<Template>>();

/** Runs a trial; throws a `Violation` that says what was damaged and what came of it. */
export async function runTrial(seed: number): Promise<TrialEnd> {
  const random = new Prng(seed, 400);
  const ending = random.pick(endings);
  let template = templates.get(ending);
  if (template === undefined) templates.set(ending, (template = templateOf(ending)));
  const { machine: sound, changes } = await template;
  const machine = sound.fork(seed);
  const lostSnapshot = random.below(3) === 0;
  if (lostSnapshot) for (const path of machine.files().keys()) if (path.endsWith(".index")) machine.removeFile(path);
  const paths = [...machine.files().keys()].filter((path) => path.includes(`/${names.damaged}.`));
  const path = random.pick(paths as [string, ...string[]]);
  const { bytes, what } = damage(machine.readFile(path), random, !lostSnapshot);
  machine.writeFile(path, bytes);
  const described = `seed ${seed}: ${ending}${lostSnapshot ? ", no snapshot" : ""}, ${path} ${what}`;
  try {
    const floor = path === activeWal ? await lastSoundVersion(sound.readFile(path), bytes) : Infinity;
    const mayBeSilent = /^(truncated|zeroed)/.test(what);
    return await judgeTrial(machine, changes, { floor, mayBeSilent }, random);
  } catch (error) {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    throw new Violation(`${described}: ${reason}\n${machine.trace.slice(-30).join("\n")}`);
  }
}

async function judgeTrial(
  machine: SimulatedMachine,
  changes: Template["changes"],
  allowance: Allowance,
  random: Prng,
): Promise<TrialEnd> {
  const history = changes.get(names.damaged) ?? [];
  const beside = changes.get(names.beside) ?? [];
  const events: string[] = [];
  const observer: Observer = { event: (_level, message) => void events.push(message), failure: () => undefined };
  let end: TrialEnd = "unharmed";
  const firstBoot = async (): Promise<void> => {
    const engine = await openEngine(machine, observer);
    const readings = await readAll(engine, names.damaged, history);
    end = judge(engine, history, readings, allowance.floor);
    const told = events.includes("discarded the torn end of the WAL");
    if (end === "earlier state" && !told && !allowance.mayBeSilent) throw new Violation("commits went without a word");
    requireAll(await readAll(engine, names.beside, beside), beside);
    if (stateOf(engine) === "open" && random.below(2) === 0) await workOn(engine, history, readings);
    await engine.close();
  };
  const secondBoot = async (): Promise<void> => {
    const engine = await openEngine(machine, silent);
    requireAll(await readAll(engine, names.beside, beside), beside);
    await engine.close();
  };
  await machine.run(firstBoot());
  machine.crash("power", "drop");
  await machine.run(secondBoot());
  return end;
}

/** Writes to a database that says that it is sound, has its files kept, and looks whether all is still as it was. */
async function workOn(engine: Engine, history: readonly Change[], before: ReadonlyMap<string, Reading>): Promise<void> {
  const database = names.damaged;
  const [[key] = [""]] = [...before];
  const content = JSON.stringify({ mark: "written after the damage" });
  const { version } = await engine.execute({ op: "writeDocument", database, operation: operationOf(key, content) });
  await tolerate(engine.execute({ op: "checkpointDatabase", database }));
  await tolerate(engine.execute({ op: "compactDatabase", database }));
  await engine.execute({ op: "closeDatabase", database });
  const after = await readAll(engine, database, history);
  for (const [other, reading] of before) {
    const wanted: Reading = other === key ? { kind: "found", content, version } : reading;
    const found = after.get(other);
    const healed = wanted.kind === "damaged" && found?.kind === "found" && isOf(history, other, found);
    if (!healed && !same(found, wanted)) {
      throw new Violation(`${other} was ${shown(wanted)}, and after a write ${shown(found)}`);
    }
  }
}

async function tolerate(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof DocDBError)) throw error;
  }
}

/** The last version of the last group that the damage left alone, of those in a segment. */
async function lastSoundVersion(sound: Buffer, damaged: Buffer): Promise<number> {
  const header = decodeSegmentHeader(sound);
  if (typeof header === "string") throw new Error(header);
  let version = header.baseVersion;
  await readSegment(sound, header, ({ offset, end, lastVersion }) => {
    if (sound.subarray(offset, end).equals(damaged.subarray(offset, end))) version = lastVersion;
    return true;
  });
  return version;
}
