// Figures about the databases of an engine, as plain data. Taken in one turn, from memory: nothing is opened and nobody
// is waited for.

import type { MemoryAccount, MemoryKind } from "../base/memory-account.ts";
import type { CacheStats } from "../storage/payload-cache.ts";
import type { StoreStats } from "../storage/store-stats.ts";
import type { DatabaseInfo } from "./commands.ts";
import type { DatabasePool, PoolCounts } from "./database-pool.ts";

export interface EngineStats {
  /** Databases by state, all of them. */
  readonly pool: PoolStats;
  /** Of all databases together. */
  readonly cache: CacheStats;
  /** Of all databases together. */
  readonly memory: MemoryStats;
  /** The databases asked for, by name. */
  readonly databases: readonly DatabaseStats[];
}

export interface MemoryStats {
  readonly bytes: number;
  readonly byKind: Readonly<Record<MemoryKind, number>>;
  /** 0: no limit. */
  readonly limitBytes: number;
  readonly databaseLimitBytes: number;
  /** What was refused because of a limit, the server's or a database's, since the start. */
  readonly refusals: number;
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
  readonly transactions: number;
  /** Documents that answer DATA_LOSS. */
  readonly quarantined: number;
}

export function memoryStats(memory: MemoryAccount, databaseLimitBytes: number): MemoryStats {
  const { bytes, limitBytes, refusals } = memory;
  return { bytes, byKind: memory.byKind(), limitBytes, databaseLimitBytes, refusals };
}

export function poolStats(databases: readonly DatabaseInfo[], pool: DatabasePool, toRecover: number): PoolStats {
  const count = (state: DatabaseInfo["state"]): number => databases.filter((info) => info.state === state).length;
  const byState = { open: count("open"), readOnly: count("read_only"), failed: count("failed") };
  const { maxOpen, waiting, counts } = pool;
  return { databases: databases.length, ...byState, maxOpen, waiting, toRecover, ...counts };
}
