// What an engine can be told, and what that means for each of its databases.

import { limits } from "../base/limits.ts";
import { MemoryAccount } from "../base/memory-account.ts";
import type { Platform } from "../platform/platform.ts";
import { Background } from "../platform/background.ts";
import type { FsyncMode } from "../storage/fsync-mode.ts";
import { layoutOf } from "../storage/layout.ts";
import { Pacer } from "../storage/pacer.ts";
import { PayloadCache } from "../storage/payload-cache.ts";
import type { StoreOptions } from "../storage/store-options.ts";
import { Meters } from "../telemetry/meters.ts";
import type { Observer } from "../telemetry/observer.ts";
import type { CatalogEntry } from "./catalog.ts";
import type { DatabaseInfo } from "./commands.ts";
import { DatabasePool } from "./database-pool.ts";
import { LongPatches } from "./long-patches.ts";
import { patchWorkInTurn } from "./patch/patch-cost.ts";

const mebibyte = 1024 * 1024;

export interface EngineOptions {
  /** The data directory; created when missing. */
  readonly directory: string;
  readonly platform: Platform;
  readonly observer: Observer;
  /** Where is counted what happens, for metrics. Default: nowhere that anybody looks. */
  readonly meters?: Meters | undefined;
  readonly fsyncMode: FsyncMode;
  /** Milliseconds between fsyncs in mode `interval`. Default 100. */
  readonly fsyncIntervalMs?: number;
  /** Bytes of a WAL segment. Default 64 MiB. */
  readonly segmentBytes?: number;
  /** Bytes of writes between checkpoints. Default 64 MiB. */
  readonly checkpointBytes?: number;
  /** Whether a checkpoint removes WAL segments that no recovery needs any more. Default true. */
  readonly trimAfterCheckpoint?: boolean;
  /** Older WAL segments that a checkpoint leaves. Default 2. */
  readonly keepSegments?: number;
  /** Bytes of data files from which on compaction starts by itself. Default 100 MiB. */
  readonly compactionBytes?: number;
  /** Share of dead bytes in the data files at which it does, in [0, 1]. Default 0.3. */
  readonly compactionDeadRatio?: number;
  /** Bytes that a compaction copies between two groups of commits: a millisecond's work. Default 256 KiB. */
  readonly compactionBatchBytes?: number;
  /** A copy of the data directory, from which damaged documents may be healed. It is never written to. */
  readonly backupDirectory?: string | undefined;
  /** Milliseconds between the starts of two rounds of a database's scrubber; 0 for none. Default one hour. */
  readonly scrubIntervalMs?: number;
  /** Bytes that the scrubbers of all databases together read in a second. Default 8 MiB. */
  readonly scrubBytesPerSecond?: number;
  /** Milliseconds after which the snapshot of a scan or transaction ends. Default 300,000. */
  readonly snapshotAgeMs?: number;
  /**
   * Bytes of memory that may be held, whatever for; 0: no limit. Past it the cache gives way, then what would add
   * something is refused (MEMORY_LIMIT). Default 1 GiB.
   */
  readonly memoryBytes?: number;
  /** Bytes that one database may hold, cached documents aside; 0: no limit of its own. Default 256 MiB. */
  readonly databaseMemoryBytes?: number;
  /** Bytes of documents that are kept in memory, of all databases together; 0 for none. Default 160 MiB. */
  readonly cacheBytes?: number;
  /** What the upkeep of all databases shares; whoever queues requests tells it of them. */
  readonly background?: Background | undefined;
  /** Databases open at the same time; the one used least recently gives way to another. Default 100. */
  readonly maxOpenDatabases?: number;
  /** Milliseconds after its last use at which a database is closed; 0 for never. Default 300,000. */
  readonly idleCloseMs?: number;
  /** Changes of one commit that are planned and published in one piece of work, the least that is. Default 128. */
  readonly mutationsInPiece?: number;
  /** Bytes that a patch may go through in a turn of the event loop, in the unit of `patchWork`. Default 2 MiB. */
  readonly patchWorkInTurn?: number;
  /** Told of every change of a database's state. */
  readonly onDatabaseState?: ((info: DatabaseInfo | DeletedDatabase) => void) | undefined;
}

export interface DeletedDatabase {
  readonly database: string;
  readonly state: "deleted";
}

/** What all databases of an engine share. */
export interface Shared {
  readonly background: Background;
  readonly pool: DatabasePool;
  readonly scrubPacer: Pacer;
  readonly cache: PayloadCache;
  readonly meters: Meters;
  /** The bytes of memory that everything takes. */
  readonly memory: MemoryAccount;
  readonly databaseMemoryBytes: number;
  readonly longPatches: LongPatches;
}

/** What all databases of an engine share, by its options. */
export function sharedBy(options: EngineOptions): Shared {
  const { clock, jobs } = options.platform;
  const { maxOpenDatabases: maxOpen = 100, idleCloseMs = 300_000 } = options;
  const memory = new MemoryAccount({ name: "the server", limitBytes: options.memoryBytes ?? 1024 * mebibyte });
  const patching = memory.child({ kind: "calls" });
  return {
    longPatches: new LongPatches(jobs, clock, patching, options.patchWorkInTurn ?? patchWorkInTurn),
    pool: new DatabasePool(clock, { maxOpen, idleCloseMs }),
    background: options.background ?? new Background(clock),
    scrubPacer: new Pacer(clock, options.scrubBytesPerSecond ?? 8 * mebibyte),
    memory,
    databaseMemoryBytes: options.databaseMemoryBytes ?? 256 * mebibyte,
    cache: new PayloadCache(options.cacheBytes ?? 160 * mebibyte, memory),
    meters: options.meters ?? new Meters(),
  };
}

/** How one database is kept. */
export function storeOptionsOf(
  options: EngineOptions,
  entry: CatalogEntry,
  { background, scrubPacer, cache, memory, databaseMemoryBytes, meters }: Shared,
): StoreOptions {
  const { directory, platform, observer, fsyncMode, backupDirectory } = options;
  return {
    platform,
    background,
    observer,
    meters,
    layout: layoutOf(directory, entry.name),
    databaseId: entry.id,
    fsyncMode,
    fsyncIntervalMs: options.fsyncIntervalMs ?? 100,
    segmentBytes: options.segmentBytes ?? 64 * mebibyte,
    checkpointBytes: options.checkpointBytes ?? 64 * mebibyte,
    trimAfterCheckpoint: options.trimAfterCheckpoint ?? true,
    keepSegments: options.keepSegments ?? 2,
    compactionBytes: options.compactionBytes ?? 100 * mebibyte,
    compactionDeadRatio: options.compactionDeadRatio ?? 0.3,
    compactionBatchBytes: options.compactionBatchBytes ?? 256 * 1024,
    backup: backupDirectory === undefined ? undefined : layoutOf(backupDirectory, entry.name),
    scrubIntervalMs: options.scrubIntervalMs ?? 3_600_000,
    scrubPacer,
    cache,
    mutationsInPiece: options.mutationsInPiece ?? 128,
    memory,
    memoryBytes: databaseMemoryBytes,
    snapshotAgeMs: options.snapshotAgeMs ?? limits.snapshotAgeMs,
    oldVersionBytes: limits.oldVersionBytes,
  };
}
