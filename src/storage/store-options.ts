// How a database is to be kept. Defaults are the engine's: see EngineOptions.

import type { DocDBError } from "../base/errors.ts";
import type { MemoryAccount } from "../base/memory-account.ts";
import type { Platform } from "../platform/platform.ts";
import type { Background } from "../platform/background.ts";
import type { OperationTimes } from "../telemetry/operation-times.ts";
import type { FsyncMode } from "./fsync-mode.ts";
import type { HealingOptions } from "./healing.ts";
import type { Layout } from "./layout.ts";
import type { PayloadCache } from "./payload-cache.ts";
import type { Meters } from "../telemetry/meters.ts";

export interface StoreOptions extends HealingOptions {
  readonly platform: Platform;
  /** What its upkeep shares with that of other databases. */
  readonly background: Background;
  /** What is counted over all databases. */
  readonly meters: Meters;
  /** Keeps what is read, for this database among others. Without one every read goes to the data file. */
  readonly cache?: PayloadCache | undefined;
  /** The account of all databases: this one has an account below it while it is open. */
  readonly memory: MemoryAccount;
  /** Bytes of memory that this database may hold, cached documents aside; 0: no limit of its own. */
  readonly memoryBytes: number;
  readonly layout: Layout;
  /** Never used before by another database of the same data directory. */
  readonly databaseId: number;
  readonly fsyncMode: FsyncMode;
  /** Milliseconds between fsyncs in mode `interval`. */
  readonly fsyncIntervalMs: number;
  /** Bytes of a WAL segment after which a new one is started. */
  readonly segmentBytes: number;
  /** Bytes of WAL after which a checkpoint is written. */
  readonly checkpointBytes: number;
  /** Whether a checkpoint removes WAL segments that no recovery needs any more. */
  readonly trimAfterCheckpoint: boolean;
  /** Older WAL segments that are kept although no recovery needs them. */
  readonly keepSegments: number;
  /** Bytes of data files from which on compaction may start by itself. */
  readonly compactionBytes: number;
  /** Share of dead bytes in the data files at which it does, in [0, 1]. */
  readonly compactionDeadRatio: number;
  /** Bytes that a compaction copies between two groups of commits at most, or one larger record. */
  readonly compactionBatchBytes: number;
  /**
   * Changes of one commit that are planned and published in one piece of work. A commit with more may be cut up: tests
   * want to see what others see in between.
   */
  readonly mutationsInPiece: number;
  /** Milliseconds after which an open snapshot ends. */
  readonly snapshotAgeMs: number;
  /** Bytes of old versions past which the oldest snapshot ends. */
  readonly oldVersionBytes: number;
}

/** Who must forget pending changes when a group of commits fails, and is told when writing ends. */
export interface StoreListener {
  /** No pending commit will become visible. Called before their promises reject. */
  onAbort(): void;
  onReadOnly(error: DocDBError): void;
}

/** What a read knows of the command that it is part of. */
export interface ReadContext {
  readonly releaseSlot?: (() => void) | undefined;
  readonly times?: OperationTimes | undefined;
}
