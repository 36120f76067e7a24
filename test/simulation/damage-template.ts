// Databases to damage: two beside each other, each with documents that only the data file has, some that only the WAL
// has, replaced ones and deleted ones, as a crash or a clean stop left them. What they hold is known commit by commit.

import type { CompactionProgress, WriteOperation } from "../../src/engine/commands.ts";
import { Engine } from "../../src/engine/engine.ts";
import { Prng } from "../../src/platform/sim/prng.ts";
import { SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import type { Observer } from "../../src/telemetry/observer.ts";

export const directory = "/db";
/** The one that gets damaged, and the one beside it. */
export const names = { damaged: "one", beside: "two" } as const;

/** How the databases came to rest. */
export const endings = ["closed", "killed", "compacted", "compacting"] as const;
export type Ending = (typeof endings)[number];

/** What a commit did to a document; null deleted it. */
export interface Change {
  readonly key: string;
  readonly version: number;
  readonly content: string | null;
}

/** A machine at rest, and every change of each of its databases, in the order of versions. */
export interface Template {
  readonly machine: SimulatedMachine;
  readonly changes: ReadonlyMap<string, readonly Change[]>;
}

const collections = ["", "second"] as const;
const documents = 60;
const writesBetween = 70;

export function openEngine(machine: SimulatedMachine, observer: Observer): Promise<Engine> {
  return Engine.open({
    directory,
    platform: machine.platform(),
    observer,
    fsyncMode: "group",
    segmentBytes: 6_000,
    checkpointBytes: 1_000_000_000,
    keepSegments: 1,
    compactionBytes: 1_000_000_000,
    compactionBatchBytes: 300,
  });
}

export const silent: Observer = { event: () => undefined, failure: () => undefined };

/** Makes one; the same ending gives the same bytes. */
export async function templateOf(ending: Ending): Promise<Template> {
  const machine = new SimulatedMachine(endings.indexOf(ending) + 1);
  const changes = new Map(Object.values(names).map((name) => [name as string, [] as Change[]]));
  const fill = async (): Promise<void> => {
    const engine = await openEngine(machine, silent);
    for (const [database, list] of changes) {
      await engine.execute({ op: "createDatabase", database });
      await engine.execute({ op: "createCollection", database, collection: "second" });
      await fillDatabase(engine, database, list, ending);
    }
    if (ending === "closed") await engine.close();
  };
  await machine.run(fill());
  machine.crash("power", "keep");
  return { machine, changes };
}

async function fillDatabase(engine: Engine, database: string, changes: Change[], ending: Ending): Promise<void> {
  const random = new Prng(endings.indexOf(ending) + 1, 300);
  await writeSome(engine, database, random, changes);
  await engine.execute({ op: "checkpointDatabase", database });
  await writeSome(engine, database, random, changes);
  if (ending === "compacted") await engine.execute({ op: "compactDatabase", database });
  if (ending === "compacting") {
    await compactPartly(engine, database);
    await engine.execute({ op: "checkpointDatabase", database });
  }
  await writeSome(engine, database, random, changes);
}

/** Begins a compaction and stops it when some documents have moved: both data files then count. */
async function compactPartly(engine: Engine, database: string): Promise<void> {
  let part = 0;
  const onProgress = ({ bytes, bytesTotal }: CompactionProgress): void => {
    part = bytes / bytesTotal;
    if (part > 0.4) engine.stopLongWork();
  };
  await engine.execute({ op: "compactDatabase", database }, { onProgress }).catch(() => undefined);
  if (part < 0.3 || part > 0.7) throw new Error(`a part of ${part} had moved when the compaction was stopped`);
}

async function writeSome(engine: Engine, database: string, random: Prng, changes: Change[]): Promise<void> {
  const live = new Set<string>();
  for (const { key, content } of changes)
    if (content === null) live.delete(key);
    else live.add(key);
  for (let i = 0; i < writesBetween; i++) {
    const collection = random.pick(collections);
    const key = `${collection}/${1 + random.below(documents)}`;
    const remove = live.has(key) && random.below(6) === 0;
    if (remove) live.delete(key);
    else live.add(key);
    const filler = "x".repeat(random.below(5) === 0 ? 700 + random.below(600) : random.below(80));
    const content = remove ? null : JSON.stringify({ mark: `${database} ${changes.length}`, filler });
    const { version } = await engine.execute({ op: "writeDocument", database, operation: operationOf(key, content) });
    changes.push({ key, version, content });
  }
}

/** The write that makes this the content of a document, or removes it. */
export function operationOf(key: string, content: string | null): WriteOperation {
  const [collection = "", number = ""] = key.split("/");
  const id = BigInt(number);
  if (content === null) return { kind: "delete", collection, id, allowMissing: true };
  return { kind: "update", collection, id, json: Buffer.from(content), allowMissing: true };
}
