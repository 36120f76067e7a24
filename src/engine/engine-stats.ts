// Figures about the databases of an engine, as plain data. Taken in one turn, from memory: nothing is opened and nobody
// is waited for.

import type { CacheStats } from "../storage/payload-cache.ts";
import type { StoreStats } from "../storage/store-stats.ts";
import type { DatabaseInfo } from "./commands.ts";
import type { DatabasePool, PoolCounts } from "./database-pool.ts";

export interface EngineStats {
  /** Databases by state, all of them. */
  readonly pool: PoolStats;
  /** Of all databases together. */
  readonly cache: CacheStats;
  /** The databases asked for, by name. */
  readonly databases: readonly DatabaseStats[];
}

export interface PoolStats extends PoolCounts {
  readonly databases: number;
  readonly open: number;
  readonly readOnly: number;
  readonly failed: number;
  readonly maxOpen: number;
  /** Databases that wait for a place. */
  readonly waiting: number;
  /** Databases that were not closed in good order and that the start has yet to recover. */
  readonly toRecover: number;
}

export interface DatabaseStats {
  readonly info: DatabaseInfo;
  /** Undefined for a database that isn't open. */
  readonly opened: OpenDatabaseStats | undefined;
}

export interface OpenDatabaseStats extends StoreStats {
  readonly snapshots: number;
  readonly oldVersions: number;
  readonly snapshotBytes: number;
  readonly transactions: number;
  readonly transactionBytes: number;
  /** Documents that answer DATA_LOSS. */
  readonly quarantined: number;
}

export function poolStats(databases: readonly DatabaseInfo[], pool: DatabasePool, toRecover: number): PoolStats {
  const count = (state: DatabaseInfo["state"]): number => databases.filter((info) => info.state === state).length;
  const byState = { open: count("open"), readOnly: count("read_only"), failed: count("failed") };
  const { maxOpen, waiting, counts } = pool;
  return { databases: databases.length, ...byState, maxOpen, waiting, toRecover, ...counts };
}
