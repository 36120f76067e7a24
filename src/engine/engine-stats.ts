// Figures about the databases of an engine, as plain data. Taken in one turn, from memory: nothing is opened and nobody
// is waited for.

import type { CacheStats } from "../storage/payload-cache.ts";
import type { StoreStats } from "../storage/store-stats.ts";
import type { DatabaseInfo } from "./commands.ts";

export interface EngineStats {
  /** Databases by state, all of them. */
  readonly pool: PoolStats;
  /** Of all databases together. */
  readonly cache: CacheStats;
  /** The databases asked for, by name. */
  readonly databases: readonly DatabaseStats[];
}

export interface PoolStats {
  readonly databases: number;
  readonly open: number;
  readonly readOnly: number;
  readonly failed: number;
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

export function poolStats(databases: readonly DatabaseInfo[]): PoolStats {
  const count = (state: DatabaseInfo["state"]): number => databases.filter((info) => info.state === state).length;
  return { databases: databases.length, open: count("open"), readOnly: count("read_only"), failed: count("failed") };
}
