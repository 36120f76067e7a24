// One database of a server: its collections, batches over them, and its upkeep.

import { OperationsServiceService } from "../../gen/docdb/v1/operations.ts";
import { Batch } from "./batch.ts";
import { Collection } from "./collection.ts";
import { Collections } from "./collections.ts";
import type { CallOptions, Connection } from "./connection.ts";

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
  readonly #connection: Connection;

  constructor(connection: Connection, name: string) {
    this.#connection = connection;
    this.name = name;
    this.collections = new Collections(connection, name);
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

  /** Writes a checkpoint now, so that a recovery has less to replay. The server does so by itself now and then. */
  async checkpoint(options: CallOptions = {}): Promise<CheckpointResult> {
    // A second one changes nothing, so it may be repeated like a read.
    const request = { database: this.name };
    const response = await this.#connection.read(OperationsServiceService.checkpointDatabase, request, options);
    const { seconds, nanos } = response.duration ?? { seconds: 0n, nanos: 0 };
    return { version: response.version, durationMs: Number(seconds) * 1000 + nanos / 1_000_000 };
  }
}
