// One database of a server: its collections, batches over them, and its upkeep.

import { OperationsServiceService } from "../../gen/docdb/v1/operations.ts";
import { Batch } from "./batch.ts";
import { Collection } from "./collection.ts";
import { Collections } from "./collections.ts";
import { compact, type CompactProgress } from "./compact.ts";
import type { CallOptions, Connection } from "./connection.ts";
import { Healing } from "./healing.ts";
import { runTransaction } from "./run-transaction.ts";
import type { Transaction, TransactionOptions } from "./transaction.ts";
import { verify, type VerifyProgress } from "./verify.ts";

/** What a checkpoint did. */
export interface CheckpointResult {
  /** The version up to which it covers everything. */
  readonly version: bigint;
  readonly durationMs: number;
}

/** One database. Making one costs nothing and asks nothing of the server, which opens the database on first use. */
export class Database {
  readonly name: string;
  /** Creates, lists and drops this database's collections. */
  readonly collections: Collections;
  /** Finds documents that the server's disk has damaged, and heals them. */
  readonly healing: Healing;
  readonly #connection: Connection;

  constructor(connection: Connection, name: string) {
    this.#connection = connection;
    this.name = name;
    this.collections = new Collections(connection, name);
    this.healing = new Healing(connection, name);
  }

  /**
   * The documents of a collection, as documents of type `T`. Default: the collection `_default`, which every database
   * has; others are created with `collections.create`.
   */
  collection<T = unknown>(name = "_default"): Collection<T> {
    return new Collection(this.#connection, this.name, name);
  }

  /** An empty batch of mutations of this database. */
  batch(): Batch {
    return new Batch(this.#connection, this.name);
  }

  /**
   * Runs `work` in a transaction and commits it; resolves to what `work` resolved to. All that it does through `tx`
   * happens at once or not at all. When `work` rejects, the transaction is rolled back and so does this.
   *
   * A transaction that loses against another one, or loses its server, is repeated from its start, after a pause:
   * `work` may run several times, so it should do nothing but calls of `tx`. After `maxAttempts` it rejects with what
   * the last one ended with, such as TRANSACTION_CONFLICT. OUTCOME_UNKNOWN when the server could not be asked any more
   * whether the commit was applied.
   */
  transaction<R>(work: (tx: Transaction) => Promise<R>, options: TransactionOptions = {}): Promise<R> {
    return runTransaction(this.#connection, this.name, work, options);
  }

  /**
   * Reads every byte of the database's files on the server, and yields what isn't as it should be, with the progress,
   * about every half a second; at last a message with `done`. It changes nothing. Leaving the loop stops it.
   */
  verify(options: CallOptions = {}): AsyncGenerator<VerifyProgress, void, void> {
    return verify(this.#connection, this.name, options);
  }

  /**
   * Rewrites the data file without what nobody reads any more, while reads and writes go on, and yields the progress;
   * at last a message with `done` and the bytes given back. Joins a compaction that is under way. Leaving the loop
   * stops the reports only. The server does so by itself when much of the file is dead.
   */
  compact(options: CallOptions = {}): AsyncGenerator<CompactProgress, void, void> {
    return compact(this.#connection, this.name, options);
  }

  /** Writes a checkpoint now, so that a recovery has less to replay. The server does so by itself now and then. */
  async checkpoint(options: CallOptions = {}): Promise<CheckpointResult> {
    // A second one changes nothing, so it may be repeated like a read.
    const request = { database: this.name };
    const response = await this.#connection.read(OperationsServiceService.checkpointDatabase, request, options);
    const { seconds, nanos } = response.duration ?? { seconds: 0n, nanos: 0 };
    return { version: response.version, durationMs: Number(seconds) * 1000 + nanos / 1_000_000 };
  }
}
