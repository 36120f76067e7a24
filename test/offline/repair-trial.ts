// One trial of `docdb check` and `docdb repair`: bytes of any files of a data directory are changed, the directory is
// checked and repaired, and then opened and read. Each document must be as it was, or answer DATA_LOSS, or what became
// of it must have been told; both databases must take writes; and a second repair must find nothing left to do.

import { checkDirectory } from "../../src/offline/check-directory.ts";
import type { Loss } from "../../src/offline/lost-commits.ts";
import { repairDirectory, type RepairOutcome } from "../../src/offline/repair-directory.ts";
import { Prng } from "../../src/platform/sim/prng.ts";
import type { SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import type { Finding } from "../../src/storage/verify/finding.ts";
import { Violation } from "../simulation/commit-model.ts";
import { damage } from "../simulation/damage.ts";
import { readAll, type Reading, same, shown } from "../simulation/damage-judge.ts";
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
} from "../simulation/damage-template.ts";

/** How a trial ended: as it was, with DATA_LOSS or losses that were told, or left alone with the reason. */
export type RepairEnd = "as it was" | "losses told" | "refused";

const databases = Object.values(names);
const templates = new Map<Ending, Promise<Template>>();

/** Runs a trial; throws a `Violation` that says what was damaged and what came of it. */
export async function runRepairTrial(seed: number): Promise<RepairEnd> {
  const random = new Prng(seed, 700);
  const ending = random.pick(endings);
  let template = templates.get(ending);
  if (template === undefined) templates.set(ending, (template = templateOf(ending)));
  const { machine: sound, changes } = await template;
  const machine = sound.fork(seed);
  const described = `seed ${seed}: ${ending}, ${damageSome(machine, random).join("; ")}`;
  const told: string[] = [];
  try {
    return await judgeRepair(machine, changes, told);
  } catch (error) {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    throw new Violation(`${described}: ${reason}\n${told.join("\n")}`);
  }
}

/** Two bits of any files; sometimes more, and sometimes the index snapshots are gone too. */
function damageSome(machine: SimulatedMachine, random: Prng): string[] {
  const done: string[] = [];
  const kind = random.below(4);
  if (kind === 0) {
    for (const path of machine.files().keys()) if (path.endsWith(".index")) machine.removeFile(path);
    done.push("no snapshots");
  }
  const paths = [...machine.files().keys()].filter((path) => !path.endsWith("LOCK"));
  for (let count = 2; count > 0; count--) {
    const path = random.pick(paths as [string, ...string[]]);
    const bytes = machine.readFile(path);
    if (kind === 1 && count === 1) {
      const damaged = damage(bytes, random, false);
      machine.writeFile(path, damaged.bytes);
      done.push(`${path} ${damaged.what}`);
    } else {
      const at = random.below(bytes.length);
      machine.flipBit(path, at, random.below(8));
      done.push(`${path}, a bit at ${at}`);
    }
  }
  return done;
}

async function judgeRepair(
  machine: SimulatedMachine,
  changes: Template["changes"],
  told: string[],
): Promise<RepairEnd> {
  const findings: Finding[] = [];
  const found = (finding: Finding): Promise<void> => Promise.resolve(void findings.push(finding));
  await machine.run(checkDirectory(directory, { found, checked: () => undefined }, machine.platform()));
  for (const { severity, file, offset, reason, message } of findings) {
    told.push(`${severity} ${file}, offset ${offset}, ${reason}: ${message}`);
  }
  const before = machine.files();
  const outcome = await repair(machine);
  const { steps, losses, refusals } = outcome.proposal;
  told.push(...refusals, ...steps, ...losses.map((loss) => `loss ${loss.collection}/${loss.id}: ${loss.message}`));
  const opened = databases.filter((database) => !refusals.some((refusal) => refusal.startsWith(`${database}: `)));
  for (const [path, bytes] of before) {
    const isLeft = databases.some((name) => !opened.includes(name) && path.includes(`/${name}.`));
    if (isLeft && !machine.readFile(path).equals(bytes)) throw new Violation(`${path} was changed all the same`);
  }
  let end: RepairEnd = opened.length < databases.length ? "refused" : "as it was";
  const readings = await contentsOf(machine, opened, changes);
  for (const database of opened) {
    const history = changes.get(database) ?? [];
    const differences = differencesOf(history, readings.get(database) ?? new Map());
    if (differences.length > 0 && end === "as it was") end = "losses told";
    explain(database, differences, outcome);
  }
  const again = await repair(machine);
  if (again.proposal.steps.length > 0) throw new Violation(`a second repair: ${again.proposal.steps.join(" ")}`);
  return end;
}

async function repair(machine: SimulatedMachine): Promise<RepairOutcome> {
  const agrees = (): Promise<boolean> => Promise.resolve(true);
  return await machine.run(repairDirectory(directory, undefined, agrees, machine.platform()));
}

/** What both databases have after an opening; each must take a write. */
async function contentsOf(
  machine: SimulatedMachine,
  opened: readonly string[],
  changes: Template["changes"],
): Promise<Map<string, Map<string, Reading>>> {
  const readings = new Map<string, Map<string, Reading>>();
  const work = async (): Promise<void> => {
    const engine = await openEngine(machine, silent);
    for (const database of opened) {
      readings.set(database, await readAll(engine, database, changes.get(database) ?? []));
      await engine.execute({ op: "writeDocument", database, operation: operationOf("/999", "{}") });
    }
    await engine.close();
  };
  await machine.run(work());
  machine.crash("power", "drop");
  return readings;
}

interface Difference {
  readonly key: string;
  readonly reading: Reading;
  /** The last change of the document. */
  readonly last: Change;
  /** Whether the document ever was what it is now. */
  readonly everWas: boolean;
}

function differencesOf(history: readonly Change[], readings: ReadonlyMap<string, Reading>): Difference[] {
  const differences: Difference[] = [];
  for (const [key, reading] of readings) {
    const states = history.filter((change) => change.key === key).map((change) => ({ change, is: readingOf(change) }));
    const { change: last, is } = states.at(-1) as (typeof states)[number];
    if (same(reading, is)) continue;
    const everWas = reading.kind !== "found" || states.some((state) => same(reading, state.is));
    differences.push({ key, reading, last, everWas });
  }
  return differences;
}

function readingOf({ content, version }: Change): Reading {
  return content === null ? { kind: "missing" } : { kind: "found", content, version };
}

/** Throws when something isn't as it was and wasn't told. */
function explain(database: string, differences: readonly Difference[], { proposal }: RepairOutcome): void {
  const losses = proposal.losses.filter((loss) => loss.database === database);
  // Documents that may be concerned by what is told of bytes whose documents nobody knows.
  let unknown = losses.reduce((sum, { message }) => sum + Number(/up to (\d+) changes/.exec(message)?.[1] ?? 0), 0);
  const torn = proposal.findings.filter(({ reason, file }) => reason === "WAL_TORN" && file === `wal/${database}.wal`);
  for (const { key, reading, last, everWas } of differences) {
    const what = `${database}/${key}, last changed at version ${last.version}, is ${shown(reading)}`;
    if (!everWas) throw new Violation(`${what}: it never was that`);
    if (losses.some((loss) => isNamed(loss, key))) continue;
    if (reading.kind === "damaged" && last.content !== null) continue;
    const isBehindTorn = torn.some(({ version, severity }) => severity !== "info" && last.version >= version);
    const isBehindCut = losses.some(({ id, version, message }) => {
      return id === 0n && last.version >= version && /^(Commits \d+ to \d+ |Whatever was|No checkpoint)/.test(message);
    });
    if (isBehindTorn || isBehindCut || unknown-- > 0) continue;
    throw new Violation(`${what}, and nobody was told`);
  }
}

function isNamed(loss: Loss, key: string): boolean {
  const [collection = "", id = ""] = key.split("/");
  return String(loss.id) === id && loss.collection === (collection || "_default");
}
