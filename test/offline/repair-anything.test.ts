// `docdb repair` against damage of any kind at any place: each database opens for writing afterwards or was refused and
// left alone, whatever isn't as it was had been told as lost, and a second repair finds nothing left to do.

import test from "ava";
import { DocDBError } from "../../src/base/errors.ts";
import { Engine } from "../../src/engine/engine.ts";
import { type Proposal, repairDirectory, type RepairOutcome } from "../../src/offline/repair-directory.ts";
import { Prng } from "../../src/platform/sim/prng.ts";
import { SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import { silentObserver } from "../../src/telemetry/observer.ts";

const directory = "/db";
const databases = ["one", "two"] as const;
const collections = ["", "users"] as const;
const ids = Array.from({ length: 25 }, (_, i) => BigInt(i + 1));
const ends = ["close", "power"] as const;

/** Texts, or codes of errors, by `database/collection/id`. */
type Contents = ReadonlyMap<string, string>;

interface Sample {
  readonly machine: SimulatedMachine;
  readonly contents: Contents;
}

const sampleSizes = { segmentBytes: 900, checkpointBytes: 2000, keepSegments: 1 };

async function openEngine(machine: SimulatedMachine, sizes: Partial<typeof sampleSizes> = {}): Promise<Engine> {
  const platform = machine.platform();
  return await Engine.open({ directory, platform, observer: silentObserver, fsyncMode: "group", ...sizes });
}

/** Documents in two databases, some replaced and some deleted, and a collection that was dropped. */
async function sample(end: (typeof ends)[number], compact: boolean): Promise<Sample> {
  const machine = new SimulatedMachine(1);
  const contents = new Map<string, string>();
  const work = async (): Promise<void> => {
    const engine = await openEngine(machine, sampleSizes);
    for (const database of databases) {
      await engine.execute({ op: "createDatabase", database });
      await engine.execute({ op: "createCollection", database, collection: "gone" });
      await engine.execute({ op: "createCollection", database, collection: "users" });
      await engine.execute({ op: "deleteCollection", database, collection: "gone", force: true });
      for (let n = 0; n < 60; n++) {
        const collection = collections[n % 2] as string;
        const id = ids[n % ids.length] as bigint;
        const key = `${database}/${collection}/${id}`;
        const json = JSON.stringify({ database, n, text: "x".repeat(n % 40) });
        const place = { collection, id, allowMissing: true };
        const operation =
          n % 9 === 8
            ? ({ kind: "delete", ...place } as const)
            : ({ kind: "update", ...place, json: Buffer.from(json) } as const);
        await engine.execute({ op: "writeDocument", database, operation });
        if (n % 9 === 8) contents.delete(key);
        else contents.set(key, json);
        if (compact && n === 40) await engine.execute({ op: "compactDatabase", database });
      }
    }
    if (end === "close") await engine.close();
  };
  await machine.run(work());
  machine.crash("power", "drop");
  return { machine, contents };
}

async function repair(machine: SimulatedMachine): Promise<RepairOutcome> {
  const agrees = (): Promise<boolean> => Promise.resolve(true);
  return await machine.run(repairDirectory(directory, undefined, agrees, machine.platform()));
}

/** What is there after an opening. Every one of these databases must take a write. */
async function contentsOf(machine: SimulatedMachine, which: readonly string[]): Promise<Contents> {
  const found = new Map<string, string>();
  const work = async (): Promise<void> => {
    const engine = await openEngine(machine);
    for (const database of which) {
      for (const collection of collections) await readAll(engine, database, collection, found);
      const operation = { kind: "create", collection: "", id: 0n, json: Buffer.from("{}") } as const;
      await engine.execute({ op: "writeDocument", database, operation });
    }
    await engine.close();
  };
  await machine.run(work());
  return found;
}

async function readAll(
  engine: Engine,
  database: string,
  collection: string,
  found: Map<string, string>,
): Promise<void> {
  const read = engine.execute({ op: "batchGetDocuments", database, collection, ids });
  const { outcomes } = await read.catch((error: unknown) => {
    if (error instanceof DocDBError && error.code === "COLLECTION_NOT_FOUND") return { outcomes: [] };
    throw error;
  });
  for (const [i, outcome] of outcomes.entries()) {
    const key = `${database}/${collection}/${ids[i]}`;
    if (outcome.ok) found.set(key, Buffer.from(outcome.value.json).toString());
    else if (!(outcome.error instanceof DocDBError)) throw outcome.error;
    else if (outcome.error.code !== "DOCUMENT_NOT_FOUND") found.set(key, outcome.error.code);
  }
}

function isRefused({ refusals }: Proposal, database: string): boolean {
  return refusals.some((refusal) => refusal.startsWith(`${database}: `));
}

/** What isn't as it was and wasn't told as lost. */
function unexplained(before: Contents, after: Contents, { proposal, findings }: RepairOutcome): string[] {
  const problems: string[] = [];
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const [database = "", collection = "", id = ""] = key.split("/");
    if (before.get(key) === after.get(key) || isRefused(proposal, database)) continue;
    const losses = proposal.losses.filter((loss) => loss.database === database);
    const isNamed = losses.some((loss) => String(loss.id) === id && loss.collection === (collection || "_default"));
    // A damaged document that a repair leaves as it is, is found by the check after it.
    const isFound = findings.some((finding) => finding.reason === "DOCUMENT_CORRUPT" && String(finding.id) === id);
    if (after.get(key) === "DOCUMENT_CORRUPT" && (isNamed || isFound)) continue;
    // A last group that rotted can't be told from one whose write was interrupted.
    const isTorn = proposal.findings.some(({ reason, file }) => reason === "WAL_TORN" && file.includes(database));
    if (isNamed || isTorn || losses.some((loss) => loss.id === 0n)) continue;
    problems.push(`${key}: ${before.get(key) ?? "none"} is now ${after.get(key) ?? "none"}`);
  }
  return problems;
}

const damages: Readonly<Record<string, (bytes: Buffer, random: Prng) => Buffer | undefined>> = {
  "a bit that flipped": (bytes, random) => {
    const at = random.below(bytes.length);
    bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
    return bytes;
  },
  "a stretch of zeros": (bytes, random) => {
    const at = random.below(bytes.length);
    return bytes.fill(0, at, Math.min(bytes.length, at + 1 + random.below(200)));
  },
  "a stretch of garbage": (bytes, random) => {
    const at = random.below(bytes.length);
    for (let i = at; i < Math.min(bytes.length, at + 120); i++) bytes[i] = random.below(256);
    return bytes;
  },
  "an end that is cut off": (bytes, random) => bytes.subarray(0, random.below(bytes.length)),
  "a file that is missing": () => undefined,
};

for (const [name, damage] of Object.entries(damages)) {
  test(`${name}: what isn't as it was afterwards had been told`, async (t) => {
    const random = new Prng(name.length);
    for (const end of ends) {
      for (const compact of [false, true]) {
        const { machine: pristine, contents } = await sample(end, compact);
        const paths = [...pristine.files().keys()].filter((path) => !path.endsWith("LOCK"));
        for (let trial = 0; trial < 8; trial++) {
          const machine = pristine.fork(trial);
          const path = paths[random.below(paths.length)] as string;
          const damaged = damage(Buffer.from(machine.readFile(path)), random);
          if (damaged === undefined) machine.removeFile(path);
          else machine.writeFile(path, damaged);
          const where = `${end}, ${compact ? "compacted" : "not compacted"}, trial ${trial}: ${path}`;
          const before = machine.files();
          const outcome = await repair(machine);
          const refused = databases.filter((database) => isRefused(outcome.proposal, database));
          for (const [file, bytes] of before) {
            const isLeft = refused.some((database) => file.includes(`/${database}.`));
            if (isLeft) t.deepEqual(machine.readFile(file), bytes, where);
          }
          const opened = databases.filter((database) => !refused.includes(database));
          const failed = (error: unknown): Contents => new Map([["error", String(error)]]);
          const after = await contentsOf(machine, opened).catch(failed);
          t.deepEqual(unexplained(contents, after, outcome), [], `${where}: ${outcome.proposal.steps.join(" ")}`);
          const again = await repair(machine);
          t.deepEqual(again.proposal.steps, [], where);
        }
      }
    }
  });
}

test("headers that are damaged are worked out from what stands behind them: nothing is lost", async (t) => {
  for (const end of ends) {
    const { machine: pristine, contents } = await sample(end, end === "close");
    const paths = [...pristine.files().keys()].filter((path) => /\.(data|wal(\.\d+)?)$/.test(path));
    for (const path of paths) {
      const machine = pristine.fork(1);
      machine.writeFile(path, machine.readFile(path).fill(0xa5, 0, 30));
      const outcome = await repair(machine);
      t.deepEqual([outcome.proposal.losses, outcome.proposal.refusals], [[], []], path);
      t.regex(outcome.proposal.steps[0] ?? "", /Write the header of .* anew/);
      t.deepEqual(unexplained(contents, await contentsOf(machine, databases), outcome), [], path);
    }
  }
});
