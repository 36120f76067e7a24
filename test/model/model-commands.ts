// The commands that the model test draws from: each knows what it does to the model and demands the same of the engine.

import { isDeepStrictEqual } from "node:util";
import {
  type Arbitrary,
  array,
  type AsyncCommand,
  boolean,
  constant,
  constantFrom,
  integer,
  oneof,
  record,
  tuple,
} from "fast-check";
import type { Command as EngineCommand, CommandName, Precondition, WriteOperation } from "../../src/engine/commands.ts";
import type { SimulatedEngine } from "../engine/simulated-engine.ts";
import { Violation } from "../simulation/commit-model.ts";
import type { DatabaseModel } from "./database-model.ts";

export type ModelCommand = AsyncCommand<DatabaseModel, SimulatedEngine>;

const database = "d";
/** Milliseconds after which the database is closed when nobody uses it. */
export const idleCloseMs = 10_000;
const collectionNames = ["", "users", "orders"] as const;
const droppable = ["users", "orders"] as const;

/** A command without a condition: any may come at any time. */
function command(name: string, run: ModelCommand["run"]): ModelCommand {
  return { check: () => true, run, toString: () => name };
}

function demand(what: string, found: unknown, wanted: unknown): void {
  if (isDeepStrictEqual(found, wanted)) return;
  throw new Violation(`${what}: found ${String(found)}, wanted ${String(wanted)}`);
}

/** The version that a write gave must be a new one. */
function demandNewer(model: DatabaseModel, version: number): void {
  if (version <= model.version) throw new Violation(`version ${version} was given out after ${model.version}`);
  model.version = version;
}

function write(operation: WriteOperation): ModelCommand {
  return command(describe(operation), async (model, real) => {
    const refusal = model.refusalOf(operation);
    const asked = { op: "writeDocument", database, operation } as const;
    if (refusal !== undefined) return demand(describe(operation), await real.codeOf(asked), refusal);
    const { version } = await real.run(asked);
    if (version > 0) demandNewer(model, version);
    demand("whether it got a version", version > 0, model.apply(operation, version));
  });
}

/** Creates a document whose id the engine assigns: one that no document of the collection ever had. */
function append(collection: string, content: Buffer): ModelCommand {
  return command(`append to ${collection}`, async (model, real) => {
    const asked = { kind: "create", collection, id: 0n, json: content } as const;
    const refusal = model.refusalOf(asked);
    if (refusal !== undefined) {
      return demand("an append", await real.codeOf({ op: "writeDocument", database, operation: asked }), refusal);
    }
    const { id, version } = await real.write(asked);
    if (id <= model.greatestId(collection)) throw new Violation(`id ${id} of ${collection} was given out before`);
    demandNewer(model, version);
    model.apply({ ...asked, id }, version);
  });
}

function atomicBatch(operations: readonly WriteOperation[]): ModelCommand {
  return command(`atomic [${operations.map(describe).join(", ")}]`, async (model, real) => {
    const asked = { op: "batchWrite", database, operations, atomic: true } as const;
    const trial = model.copy();
    // Operations see the ones before them under the version that the batch will have, which the model can't tell.
    if (operations.some((operation) => namesVersionAfter(model.version, operation))) return;
    for (const operation of operations) {
      const refusal = trial.refusalOf(operation);
      if (refusal !== undefined) return demand("an atomic batch", await real.codeOf(asked), refusal);
      trial.apply(operation, -1);
    }
    const { outcomes } = await real.run(asked);
    const versions = outcomes.map((outcome) => (outcome.ok ? outcome.value.version : -1)).filter((v) => v !== 0);
    const [version] = versions;
    if (version !== undefined) demandNewer(model, version);
    demand("the versions of an atomic batch", new Set(versions).size, version === undefined ? 0 : 1);
    const applied = model.copy();
    for (const operation of operations) applied.apply(operation, version ?? 0);
    model.become(applied);
  });
}

function namesVersionAfter(version: number, { precondition }: WriteOperation): boolean {
  return precondition !== undefined && "version" in precondition && precondition.version > version;
}

function batchOfSingles(operations: readonly WriteOperation[]): ModelCommand {
  return command(`each [${operations.map(describe).join(", ")}]`, async (model, real) => {
    const { outcomes } = await real.run({ op: "batchWrite", database, operations, atomic: false });
    for (const [i, operation] of operations.entries()) {
      const outcome = outcomes[i];
      if (outcome === undefined) throw new Violation(`operation ${i} of a batch has no outcome`);
      const refusal = model.refusalOf(operation) ?? "none";
      const code = outcome.ok ? "none" : (outcome.error as { code?: string }).code;
      demand(`operation ${i} of a batch, ${describe(operation)}`, code, refusal);
      if (!outcome.ok) continue;
      const { version } = outcome.value;
      if (version > 0) demandNewer(model, version);
      model.apply(operation, version);
    }
  });
}

function read(collection: string, id: bigint): ModelCommand {
  return command(`read ${collection}/${id}`, async (model, real) => {
    const known = model.collections.has(collection) ? model.document(collection, id)?.json : "COLLECTION_NOT_FOUND";
    demand(`document ${collection}/${id}`, await real.read(id, collection), known ?? "DOCUMENT_NOT_FOUND");
  });
}

function list(collection: string, after: bigint, pageSize: number): ModelCommand {
  return command(`list ${collection} after ${after}`, async (model, real) => {
    const asked = { op: "listDocuments", database, collection, after, pageSize } as const;
    const documents = model.collections.get(collection);
    if (documents === undefined) return demand("a list", await real.codeOf(asked), "COLLECTION_NOT_FOUND");
    const wanted = [...documents.keys()].filter((id) => id > after).toSorted((a, b) => (a < b ? -1 : 1));
    const { items, more } = await real.run(asked);
    demand(
      "the ids of a list",
      items.map(({ id }) => id),
      wanted.slice(0, pageSize),
    );
    demand("whether a list goes on", more, wanted.length > pageSize);
  });
}

function createCollection(collection: string): ModelCommand {
  return command(`create collection ${collection}`, async (model, real) => {
    const exists = model.collections.has(collection);
    const code = await real.codeOf({ op: "createCollection", database, collection });
    demand(`creating collection ${collection}`, code, exists ? "COLLECTION_EXISTS" : "none");
    if (!exists) model.collections.set(collection, new Map());
  });
}

function dropCollection(collection: string, force: boolean): ModelCommand {
  return command(`drop collection ${collection}${force ? " by force" : ""}`, async (model, real) => {
    const documents = model.collections.get(collection);
    const full = documents !== undefined && documents.size > 0 && !force;
    const wanted = documents === undefined ? "COLLECTION_NOT_FOUND" : full ? "COLLECTION_NOT_EMPTY" : "none";
    demand(
      `dropping ${collection}`,
      await real.codeOf({ op: "deleteCollection", database, collection, force }),
      wanted,
    );
    if (wanted === "none") model.drop(collection);
  });
}

/** A command that changes nothing that anybody can see. */
function invisible(name: CommandName & ("checkpointDatabase" | "compactDatabase" | "closeDatabase")): ModelCommand {
  return command(name, async (_model, real) => {
    await real.run({ op: name, database } satisfies EngineCommand);
  });
}

/** Starts again in some way; afterwards everything is as it was. */
function boot(name: string, start: (real: SimulatedEngine) => Promise<unknown>): ModelCommand {
  return command(name, async (model, real) => {
    await start(real);
    await demandAll(model, real);
  });
}

/** Every document is there, with its version, and no other. */
export async function demandAll(model: DatabaseModel, real: SimulatedEngine): Promise<void> {
  for (const collection of collectionNames) {
    const documents = model.collections.get(collection);
    if (documents === undefined) {
      const code = await real.codeOf({ op: "getCollection", database, collection });
      demand(`collection ${collection}`, code, "COLLECTION_NOT_FOUND");
      continue;
    }
    const { items } = await real.run({ op: "listDocuments", database, collection, after: 0n, pageSize: 1000 });
    const found = items.map(({ id, json, version }) => `${id} v${version} ${Buffer.from(json).toString()}`);
    const wanted = [...documents].map(([id, { json, version }]) => `${id} v${version} ${json}`);
    demand(`all of collection ${collection}`, found.toSorted(), wanted.toSorted());
  }
}

/** Makes the only open database give way. */
async function useAnother(real: SimulatedEngine): Promise<void> {
  await real.run({ op: "openDatabase", database: "other", createIfMissing: true });
}

function describe({ kind, collection, id }: WriteOperation): string {
  return `${kind} ${collection}/${id}`;
}

const collection = constantFrom(...collectionNames);
/** Few, so that they meet; some of one shard, some beyond 2^53. */
const id = constantFrom(1n, 2n, 3n, 257n, 513n, 2n ** 53n + 1n, 2n ** 64n - 1n);
const json = oneof(
  integer({ min: 0, max: 99_999 }).map((n) => Buffer.from(`{"n":${n}}`)),
  integer({ min: 100, max: 1500 }).map((length) => Buffer.from(`"${"x".repeat(length)}"`)),
);
/** Versions are hit rarely, but also missed rarely enough: those of the first writes are known. */
const precondition: Arbitrary<Precondition | undefined> = oneof(
  { arbitrary: constant(undefined), weight: 6 },
  boolean().map((exists) => ({ exists })),
  integer({ min: 1, max: 12 }).map((version) => ({ version })),
);
const members = integer({ min: 0, max: 9_999 }).map((n) => Buffer.from(`{"p${n % 5}":${n}}`));
const operation: Arbitrary<WriteOperation> = record({
  dice: integer({ min: 0, max: 11 }),
  collection,
  id,
  json,
  precondition,
  members,
}).map(({ dice, json: content, members: text, ...rest }) => {
  if (dice < 3) return { kind: "create", ...rest, json: content };
  if (dice < 7) return { kind: "update", ...rest, json: content, allowMissing: dice > 4 };
  if (dice < 10) return { kind: "delete", ...rest, allowMissing: dice > 8 };
  return { kind: "patch", ...rest, patch: { form: "mergePatch", text } };
});
const operations = array(operation, { minLength: 1, maxLength: 6 });

/** Every command, each as often as its weight says. */
export const commands: Arbitrary<ModelCommand>[] = weighted([
  [6, operation.map(write)],
  [2, tuple(collection, json).map(([name, content]) => append(name, content))],
  [2, operations.map(atomicBatch)],
  [2, operations.map(batchOfSingles)],
  [2, tuple(collection, id).map(([name, document]) => read(name, document))],
  [1, tuple(collection, id, integer({ min: 1, max: 4 })).map(([name, after, size]) => list(name, after, size))],
  [2, constantFrom(...droppable).map(createCollection)],
  [1, tuple(constantFrom(...droppable), boolean()).map(([name, force]) => dropCollection(name, force))],
  [2, constantFrom("checkpointDatabase", "compactDatabase", "closeDatabase").map(invisible)],
  [1, constant(boot("nobody comes for a while", (real) => real.machine.advance(2 * idleCloseMs)))],
  [1, constant(boot("another database takes the place", useAnother))],
  [1, constant(boot("restart", (real) => real.restart()))],
  [1, constant(boot("crash", (real) => real.crash()))],
  [1, constant(boot("crash and lose the index snapshot", (real) => real.crashWithoutSnapshot()))],
]);

function weighted(table: readonly (readonly [number, Arbitrary<ModelCommand>])[]): Arbitrary<ModelCommand>[] {
  return table.flatMap(([weight, arbitrary]) => Array.from({ length: weight }, () => arbitrary));
}
