// Runs a transaction to its end: begins it, does the work, commits it, and begins again when that came to nothing.
//
// It is repeated as a whole when that is proven: another transaction came first, or the server was lost in the middle,
// or knows nothing of a commit that it would have on record. A commit whose answer was lost is asked for again with its
// request id, which returns the first one's outcome; when that can't be had, it stays unknown and the program decides.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Isolation as WireIsolation, TransactionServiceService as Rpcs } from "../../gen/docdb/v1/transaction.ts";
import { DocDBError } from "../base/errors.ts";
import { mayHaveBeenApplied } from "./call-error.ts";
import type { Calls } from "./connection.ts";
import { pauseMs } from "./retry-policy.ts";
import {
  type Isolation,
  timedOut,
  Transaction,
  type TransactionBounds,
  type TransactionOptions,
  within,
} from "./transaction.ts";

const defaultAttempts = 10;

const wireIsolation: Readonly<Record<Isolation, WireIsolation>> = {
  serializable: WireIsolation.SERIALIZABLE,
  snapshot: WireIsolation.SNAPSHOT,
  last_commit_wins: WireIsolation.LAST_COMMIT_WINS,
};

/** What an attempt came to; `again` says that nothing of it was or will be applied, so that another may follow. */
type Attempt<R> =
  | { readonly ok: true; readonly result: R }
  | { readonly ok: false; readonly error: unknown; readonly again: boolean };

export async function runTransaction<R>(
  calls: Calls,
  database: string,
  work: (tx: Transaction) => Promise<R>,
  options: TransactionOptions,
): Promise<R> {
  const deadline = options.deadlineMs === undefined ? Number.POSITIVE_INFINITY : Date.now() + options.deadlineMs;
  const bounds: TransactionBounds = { deadline, signal: options.signal };
  const attempts = options.maxAttempts ?? defaultAttempts;
  for (let number = 1; ; number++) {
    const attempt = await attemptOnce(calls, database, work, options, bounds, number > 1);
    if (attempt.ok) return attempt.result;
    if (!attempt.again || number >= attempts) throw attempt.error;
    await pause(number, attempt.error, bounds);
  }
}

/** `begunBefore`: the server has been there, so that it is waited for when it isn't now. */
async function attemptOnce<R>(
  calls: Calls,
  database: string,
  work: (tx: Transaction) => Promise<R>,
  options: TransactionOptions,
  bounds: TransactionBounds,
  begunBefore: boolean,
): Promise<Attempt<R>> {
  const isolation = wireIsolation[options.isolation ?? "serializable"];
  const request = { database, isolation, idleTimeout: durationOf(options.idleTimeoutMs) };
  let tx: Transaction;
  try {
    // One whose answer was lost times out, so that beginning another is safe.
    const begun = await calls.read(Rpcs.beginTransaction, request, within(bounds, {}));
    tx = new Transaction(calls, database, begun, bounds);
  } catch (error) {
    const away = error instanceof DocDBError && error.status === "UNAVAILABLE";
    return { ok: false, error, again: begunBefore && away };
  }
  let result: R;
  try {
    result = await work(tx);
  } catch (error) {
    const again = tx.wasLostBy(error);
    // The server forgets it in any case, a little later.
    const rolledBack = tx.rollback().catch(() => undefined);
    if (!again) await rolledBack;
    return { ok: false, error, again };
  }
  try {
    await tx.commit(randomUUID());
    return { ok: true, result };
  } catch (error) {
    return failedCommit(error);
  }
}

function failedCommit(error: unknown): Attempt<never> {
  if (!(error instanceof DocDBError)) return { ok: false, error, again: false };
  const { code, status, metadata } = error;
  if (!mayHaveBeenApplied(error)) {
    const unknownThere = code === "TRANSACTION_NOT_FOUND" && metadata["outcome"] === "nothing" && !timedOut(error);
    return { ok: false, error, again: code === "TRANSACTION_CONFLICT" || status === "UNAVAILABLE" || unknownThere };
  }
  if (code !== "TRANSACTION_NOT_FOUND") return { ok: false, error, again: false };
  const message = "The server doesn't know any more what became of the commit. Read what it would have written.";
  return { ok: false, error: new DocDBError("OUTCOME_UNKNOWN", message, { cause: error, metadata }), again: false };
}

/** Waits before the next attempt; throws `error` when the deadline comes before that. */
async function pause(failures: number, error: unknown, { deadline, signal }: TransactionBounds): Promise<void> {
  const askedMs = error instanceof DocDBError ? error.retryAfterMs : undefined;
  const waitMs = pauseMs(failures, askedMs, Math.random());
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
