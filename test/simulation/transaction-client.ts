// A transaction of a simulated client: a few reads and writes, then a commit that is there whole or not at all. What it
// read of others must be what its snapshot has; what it wrote itself it must see.

import { DocDBError, type ErrorCode } from "../../src/base/errors.ts";
import type { Engine } from "../../src/engine/engine.ts";
import type { Prng } from "../../src/platform/sim/prng.ts";
import { type CommitModel, type Content, Violation } from "./commit-model.ts";
import { plannedWrite, randomKey, randomOperation } from "./random-writes.ts";

/** Errors of calls in a transaction that change nothing of it. */
const answers: readonly ErrorCode[] = ["DOCUMENT_EXISTS", "DOCUMENT_NOT_FOUND"];

/** Ends of a commit that prove that nothing of it was kept. */
const refusals: readonly ErrorCode[] = [
  "TRANSACTION_CONFLICT",
  "TRANSACTION_NOT_FOUND",
  "SNAPSHOT_TOO_OLD",
  "DISK_FULL",
  "MEMORY_LIMIT",
  "DATABASE_READ_ONLY",
];

export interface TransactionOptions {
  readonly database: string;
  readonly model: CommitModel;
  readonly random: Prng;
}

/** Runs one. Rejects with what a failing disk or a damaged document brings about. */
export async function runTransaction(engine: Engine, options: TransactionOptions): Promise<void> {
  const { database, model, random } = options;
  const isolation = random.pick(["serializable", "snapshot", "last_commit_wins"] as const);
  const begun = await engine.execute({ op: "beginTransaction", database, isolation }).catch((error: unknown) => {
    if (isOneOf(error, ["MEMORY_LIMIT"])) return undefined;
    throw error;
  });
  if (begun === undefined) return;
  const { transaction, version } = begun;
  const own = new Map<string, Content>();
  const number = model.nextNumber();
  for (let step = 1 + random.below(5); step > 0; step--) {
    const key = randomKey(random);
    try {
      if (random.below(2) === 0) await readOne(engine, options, { transaction, version, own }, key);
      else {
        const operation = randomOperation(random, key, `${number}.${step}`);
        await engine.execute({ op: "writeDocument", database, operation, transaction });
        own.set(key, plannedWrite(operation).content);
      }
    } catch (error) {
      // The disk may have been so slow that the transaction was idle for too long; the memory may be used up.
      if (isOneOf(error, ["TRANSACTION_NOT_FOUND", "SNAPSHOT_TOO_OLD", "MEMORY_LIMIT"])) return;
      if (!isOneOf(error, answers)) throw error;
    }
  }
  if (random.below(8) === 0) await engine.execute({ op: "rollbackTransaction", database, transaction });
  else await commit(engine, options, transaction, own);
}

async function readOne(
  engine: Engine,
  { database, model }: TransactionOptions,
  { transaction, version, own }: { transaction: string; version: number; own: ReadonlyMap<string, Content> },
  key: string,
): Promise<void> {
  const [collection = "", id = ""] = key.split("/");
  const command = { op: "getDocument", database, collection, id: BigInt(id), transaction } as const;
  const found = await engine.execute(command).catch((error: unknown) => {
    if (isOneOf(error, ["DOCUMENT_NOT_FOUND"])) return undefined;
    throw error;
  });
  const content = found === undefined ? null : Buffer.from(found.json).toString();
  if (!own.has(key)) model.observedAt(key, { content, version: found?.version }, version);
  else if (own.get(key) !== content || (found !== undefined && found.version !== 0)) {
    throw new Violation(`${key}: a transaction doesn't see what it wrote itself`);
  }
}

async function commit(
  engine: Engine,
  { database, model }: TransactionOptions,
  transaction: string,
  own: ReadonlyMap<string, Content>,
): Promise<void> {
  const attempt = model.begin([...own].map(([key, content]) => ({ key, content })));
  try {
    const { version } = await engine.execute({ op: "commitTransaction", database, transaction, requestId: "" });
    if (version === 0) model.refused(attempt);
    else model.acknowledged(attempt, version);
  } catch (error) {
    if (!isOneOf(error, refusals)) throw error;
    model.refused(attempt);
    if (isOneOf(error, ["DISK_FULL", "DATABASE_READ_ONLY"])) throw error;
  }
}

function isOneOf(error: unknown, codes: readonly ErrorCode[]): boolean {
  return error instanceof DocDBError && codes.includes(error.code);
}
