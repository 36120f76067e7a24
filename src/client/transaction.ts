// A transaction as a program sees it: the same collections and batches as a database has, but what is done through them
// is part of the transaction. It is a way of calling the server that adds the transaction to every request.

import { TransactionServiceService as Rpcs } from "../../gen/docdb/v1/transaction.ts";
import { DocDBError } from "../base/errors.ts";
import { Batch } from "./batch.ts";
import { Collection } from "./collection.ts";
import type { CallOptions, Calls } from "./connection.ts";
import type { Rpc } from "./pipeline-encoding.ts";

/**
 * How far a transaction is kept apart from others.
 * - `serializable`: as if transactions ran one after the other. What it read must still be so when it commits.
 * - `snapshot`: of two transactions that write the same document, the first to commit wins. Allows write skew.
 * - `last_commit_wins`: writes are applied without any check. Allows lost updates.
 */
export type Isolation = "serializable" | "snapshot" | "last_commit_wins";

export interface TransactionOptions {
  /** Default: `serializable`. */
  readonly isolation?: Isolation | undefined;
  /** How often it is tried in all before its failure is given back. Default: 10. */
  readonly maxAttempts?: number | undefined;
  /** Milliseconds without a call after which the server rolls it back. Default: 30,000. Longest: 300,000. */
  readonly idleTimeoutMs?: number | undefined;
  /** Milliseconds for all of it, repetitions included. Default: only each call has the connection's deadline. */
  readonly deadlineMs?: number | undefined;
  /** Gives it up: calls in it reject with CANCELLED, and it is rolled back. A commit already sent may be applied. */
  readonly signal?: AbortSignal | undefined;
}

/** What bounds the calls of one transaction. */
export interface TransactionBounds {
  /** Milliseconds since the epoch; `Infinity` for none. */
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
}

/** One attempt at a transaction. `db.transaction` makes it, and commits it or rolls it back. */
export class Transaction implements Calls {
  /** The version of the database that it reads. */
  readonly version: bigint;
  readonly #id: string;
  readonly #database: string;
  readonly #calls: Calls;
  readonly #bounds: TransactionBounds;
  /** Those of its own calls: what else fails in the work says nothing of the transaction. */
  readonly #errors = new WeakSet<DocDBError>();

  constructor(
    calls: Calls,
    database: string,
    begun: { transactionId: string; version: bigint },
    bounds: TransactionBounds,
  ) {
    this.#calls = calls;
    this.#database = database;
    this.#id = begun.transactionId;
    this.version = begun.version;
    this.#bounds = bounds;
  }

  /**
   * The documents of a collection in this transaction. Documents that it wrote have version 0 until it is committed.
   * Default: the collection `_default`.
   */
  collection<T = unknown>(name = "_default"): Collection<T> {
    return new Collection(this, this.#database, name);
  }

  /** An empty batch of mutations of this transaction: one call for many of them. */
  batch(): Batch {
    return new Batch(this, this.#database);
  }

  /** Calls an RPC as part of the transaction. Collections and batches do so; programs needn't. */
  read<Request, Response>(rpc: Rpc<Request, Response>, request: Request, options: CallOptions): Promise<Response> {
    return this.#watched(this.#calls.read(rpc, { ...request, transactionId: this.#id }, within(this.#bounds, options)));
  }

  /** Like `read`, for an RPC that changes something. */
  write<Request, Response>(rpc: Rpc<Request, Response>, request: Request, options: CallOptions): Promise<Response> {
    return this.#watched(
      this.#calls.write(rpc, { ...request, transactionId: this.#id }, within(this.#bounds, options)),
    );
  }

  /** Like `read`, for an RPC that answers with a stream. */
  async *stream<Request, Response>(
    rpc: Rpc<Request, Response>,
    request: Request,
    options: CallOptions,
  ): AsyncGenerator<Response, void, void> {
    try {
      yield* this.#calls.stream(rpc, { ...request, transactionId: this.#id }, within(this.#bounds, options));
    } catch (error) {
      throw this.#noted(error);
    }
  }

  /**
   * Whether this is the error of a call in it that tells that the transaction is gone, because the server was restarted
   * or the connection broke: then nothing of it was or will be applied.
   */
  wasLostBy(error: unknown): boolean {
    if (!(error instanceof DocDBError) || !this.#errors.has(error)) return false;
    return error.status === "UNAVAILABLE" || (error.code === "TRANSACTION_NOT_FOUND" && !timedOut(error));
  }

  /**
   * Sends the commit; resolves to its version, 0 when nothing was written. `db.transaction` calls it after the work.
   */
  async commit(requestId: string): Promise<bigint> {
    const request = { database: this.#database, transactionId: this.#id, requestId };
    return (await this.#calls.write(Rpcs.commitTransaction, request, within(this.#bounds, {}))).version;
  }

  /** Rolls it back. `db.transaction` calls it when the work has failed. */
  async rollback(): Promise<void> {
    await this.#calls.write(Rpcs.rollbackTransaction, { database: this.#database, transactionId: this.#id }, {});
  }

  async #watched<Response>(call: Promise<Response>): Promise<Response> {
    try {
      return await call;
    } catch (error) {
      throw this.#noted(error);
    }
  }

  #noted(error: unknown): unknown {
    if (error instanceof DocDBError) this.#errors.add(error);
    return error;
  }
}

/** Whether a transaction was rolled back because it was idle: another attempt would take as long. */
export function timedOut({ metadata }: DocDBError): boolean {
  return metadata["idle_timeout_ms"] !== undefined;
}

/** Options of a call that ends no later than its transaction must. */
export function within(bounds: TransactionBounds, options: CallOptions): CallOptions {
  const left = bounds.deadline - Date.now();
  const deadlineMs = options.deadlineMs ?? Number.POSITIVE_INFINITY;
  const signals = [bounds.signal, options.signal].filter((signal) => signal !== undefined);
  return {
    ...(Number.isFinite(left) || options.deadlineMs !== undefined ? { deadlineMs: Math.min(left, deadlineMs) } : {}),
    ...(signals.length === 0 ? {} : { signal: signals.length === 1 ? signals[0] : AbortSignal.any(signals) }),
  };
}
