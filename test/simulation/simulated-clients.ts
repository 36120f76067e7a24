// Concurrent clients of an engine on a simulated machine: they write, read and tell the model what they were answered.

import { DocDBError, type ErrorCode } from "../../src/base/errors.ts";
import type { WriteOperation } from "../../src/engine/commands.ts";
import type { Engine } from "../../src/engine/engine.ts";
import type { Prng } from "../../src/platform/sim/prng.ts";
import { type CommitModel, type Seen, Violation } from "./commit-model.ts";
import { collections, plannedWrite, randomKey, randomOperation } from "./random-writes.ts";
import { readSnapshot } from "./snapshot-reader.ts";
import { runTransaction } from "./transaction-client.ts";

/** Answers that prove that nothing was kept. */
const refusals: readonly ErrorCode[] = [
  "DOCUMENT_EXISTS",
  "DOCUMENT_NOT_FOUND",
  "VERSION_MISMATCH",
  "DISK_FULL",
  "MEMORY_LIMIT",
  "DATABASE_READ_ONLY",
  "DATABASE_LIMIT",
];

/** Answers that can come only from a failing disk. */
const diskFailures: readonly ErrorCode[] = ["DISK_FULL", "IO_ERROR", "DATABASE_READ_ONLY", "DATABASE_CORRUPT"];

export interface ClientOptions {
  readonly database: string;
  readonly model: CommitModel;
  readonly random: Prng;
  readonly operations: number;
  /** Whether the disk may fail. */
  readonly faulty: boolean;
  /** Whether documents may be damaged. */
  readonly rotten: boolean;
  /** Reads a document; what is lost for good counts as found. */
  readonly read: typeof readDocument;
}

/** One client: a number of operations, one after the other. Ends early when the database can't be written any more. */
export async function runClient(engine: Engine, options: ClientOptions): Promise<void> {
  for (let i = 0; i < options.operations; i++) {
    const dice = options.random.below(100);
    let alive = true;
    if (dice < 32) await readOne(engine, options);
    else if (dice < 35) {
      await tolerate(options, () => readSnapshot(engine, collections, options, () => writeSome(engine, options)));
    } else if (dice < 85) alive = await writeSome(engine, options);
    else if (dice < 91) await tolerate(options, () => runTransaction(engine, options));
    else if (dice < 92) {
      await tolerate(options, () => engine.execute({ op: "compactDatabase", database: options.database }));
    } else if (dice < 96)
      await tolerate(options, () => engine.execute({ op: "checkpointDatabase", database: options.database }));
    else await listSome(engine, options);
    if (!alive) return;
  }
}

export async function readDocument(engine: Engine, database: string, key: string): Promise<Seen> {
  const [collection = "", id = ""] = key.split("/");
  try {
    const found = await engine.execute({ op: "getDocument", database, collection, id: BigInt(id) });
    return { content: Buffer.from(found.json).toString(), version: found.version };
  } catch (error) {
    if (error instanceof DocDBError && error.code === "DOCUMENT_NOT_FOUND")
      return { content: null, version: undefined };
    throw error;
  }
}

async function readOne(engine: Engine, options: ClientOptions): Promise<void> {
  const key = randomKey(options.random);
  const floor = options.model.floor(key);
  await tolerate(options, async () => {
    options.model.observed(key, await options.read(engine, options.database, key), floor);
  });
}

async function listSome(engine: Engine, options: ClientOptions): Promise<void> {
  const { database, model, random } = options;
  const collection = random.pick(collections);
  await tolerate(options, async () => {
    const page = await engine.execute({ op: "listDocuments", database, collection, after: 0n, pageSize: 5 });
    let last = 0n;
    for (const { id, json, version } of page.items) {
      if (id <= last) throw new Violation(`a list gave id ${id} after ${last}`);
      last = id;
      model.observed(`${collection}/${id}`, { content: Buffer.from(json).toString(), version }, 0);
    }
  });
}

async function writeSome(engine: Engine, options: ClientOptions): Promise<boolean> {
  const { database, model, random } = options;
  const count = random.below(4) === 0 ? 2 + random.below(3) : 1;
  const keys = new Set(Array.from({ length: count }, () => randomKey(random)));
  const number = model.nextNumber();
  const operations = [...keys].map((key, i) => randomOperation(random, key, `${number}.${i}`));
  const writes = operations.map(plannedWrite);
  const attempt = model.begin(writes);
  try {
    const version = await apply(engine, database, operations);
    if (version === 0) model.refused(attempt);
    else model.acknowledged(attempt, version);
    return true;
  } catch (error) {
    if (!(error instanceof DocDBError)) throw error;
    // A patch has to read what it patches.
    const damaged = options.rotten && error.code === "DOCUMENT_CORRUPT";
    if (damaged || refusals.includes(error.code)) model.refused(attempt);
    if (damaged) return true;
    if (diskFailures.includes(error.code) && !options.faulty) throw error;
    if (!refusals.includes(error.code) && !diskFailures.includes(error.code)) throw error;
    return error.code !== "DATABASE_READ_ONLY" && error.code !== "IO_ERROR";
  }
}

async function apply(engine: Engine, database: string, operations: WriteOperation[]): Promise<number> {
  const [operation] = operations;
  if (operations.length === 1 && operation !== undefined) {
    return (await engine.execute({ op: "writeDocument", database, operation })).version;
  }
  const { outcomes } = await engine.execute({ op: "batchWrite", database, operations, atomic: true });
  const versions = new Set(outcomes.map((outcome) => (outcome.ok ? outcome.value.version : -1)));
  versions.delete(0);
  if (versions.size > 1) throw new Violation("an atomic batch has more than one version");
  return [...versions][0] ?? 0;
}

/** Runs something that a failing disk may break, or a damaged document. */
async function tolerate(options: ClientOptions, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof DocDBError && error.code === "DATABASE_LIMIT") return;
    const damaged = options.rotten && error instanceof DocDBError && error.code === "DOCUMENT_CORRUPT";
    if (!damaged && (!options.faulty || error instanceof Violation)) throw error;
  }
}
