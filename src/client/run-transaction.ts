// Runs a transaction to its end: begins it, does the work, commits it, and begins again when another one came first.
//
// Only a conflict is answered with another attempt: it proves that nothing was applied. A commit whose answer was lost
// is asked for again with the same request id, which returns the first one's outcome; when that can't be had, the
// outcome stays unknown and the program must decide.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Isolation as WireIsolation, TransactionServiceService as Rpcs } from "../../gen/docdb/v1/transaction.ts";
import { DocDBError } from "../base/errors.ts";
import { mayHaveBeenApplied } from "./call-error.ts";
import type { Calls } from "./connection.ts";
import { pauseMs } from "./retry-policy.ts";
import { type Isolation, Transaction, type TransactionBounds, type TransactionOptions, within } from "./transaction.ts";

const defaultAttempts = 10;
/** How often a commit of unknown outcome is asked for again: with the pauses, some five seconds. */
const commitTries = 12;

const wireIsolation: Readonly<Record<Isolation, WireIsolation>> = {
  serializable: WireIsolation.SERIALIZABLE,
  snapshot: WireIsolation.SNAPSHOT,
  last_commit_wins: WireIsolation.LAST_COMMIT_WINS,
};

export async function runTransaction<R>(
  calls: Calls,
  database: string,
  work: (tx: Transaction) => Promise<R>,
  options: TransactionOptions,
): Promise<R> {
  const deadline = options.deadlineMs === undefined ? Number.POSITIVE_INFINITY : Date.now() + options.deadlineMs;
  const bounds: TransactionBounds = { deadline, signal: options.signal };
  const attempts = options.maxAttempts ?? defaultAttempts;
  for (let attempt = 1; ; attempt++) {
    try {
      return await attemptOnce(calls, database, work, options, bounds);
    } catch (error) {
      if (!(error instanceof DocDBError) || error.code !== "TRANSACTION_CONFLICT" || attempt >= attempts) throw error;
      await pause(attempt, error, bounds);
    }
  }
}

async function attemptOnce<R>(
  calls: Calls,
  database: string,
  work: (tx: Transaction) => Promise<R>,
  options: TransactionOptions,
  bounds: TransactionBounds,
): Promise<R> {
  const isolation = wireIsolation[options.isolation ?? "serializable"];
  const request = { database, isolation, idleTimeout: durationOf(options.idleTimeoutMs) };
  // One whose answer was lost times out, so that beginning another is safe.
  const tx = new Transaction(
    calls,
    database,
    await calls.read(Rpcs.beginTransaction, request, within(bounds, {})),
    bounds,
  );
  let result: R;
  try {
    result = await work(tx);
  } catch (error) {
    // The server forgets it in any case, a little later.
    await tx.rollback().catch(() => undefined);
    throw error;
  }
  await commit(tx, bounds);
  return result;
}

/** Commits, and asks again as long as the outcome is unknown. */
async function commit(tx: Transaction, bounds: TransactionBounds): Promise<void> {
  const requestId = randomUUID();
  let unknown: DocDBError | undefined;
  for (let tries = 1; ; tries++) {
    try {
      await tx.commit(requestId);
      return;
    } catch (error) {
      if (!(error instanceof DocDBError)) throw error;
      if (mayHaveBeenApplied(error)) unknown = error;
      else if (unknown === undefined || isOutcome(error)) throw error;
      // A server that was restarted may not remember: that it doesn't know the transaction proves nothing.
      const hopeless = error.code === "TRANSACTION_NOT_FOUND" || bounds.signal?.aborted === true;
      if (hopeless || tries === commitTries) throw unknown;
      await pause(tries, unknown, bounds);
    }
  }
}

/** Whether an error tells what became of the commit that was asked for again. */
function isOutcome({ code }: DocDBError): boolean {
  return code === "TRANSACTION_CONFLICT" || code === "DISK_FULL" || code === "DATABASE_READ_ONLY";
}

/** Waits before the next try; throws `error` when the deadline comes before that. */
async function pause(failures: number, error: DocDBError, { deadline, signal }: TransactionBounds): Promise<void> {
  const waitMs = pauseMs(failures, error.retryAfterMs, Math.random());
  if (Date.now() + waitMs >= deadline) throw error;
  await sleep(waitMs, undefined, signal === undefined ? {} : { signal }).catch(() => {
    throw error;
  });
}

function durationOf(spanMs: number | undefined): { seconds: bigint; nanos: number } | undefined {
  if (spanMs === undefined) return undefined;
  const seconds = Math.floor(spanMs / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round((spanMs - seconds * 1000) * 1_000_000) };
}
