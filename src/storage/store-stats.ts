// Figures about one open store, for whoever watches it. Taken in one turn of the event loop, from memory alone.

import type { MemoryKind } from "../base/memory-account.ts";

export interface StoreStats {
  /** The newest version that readers see. */
  readonly version: number;
  readonly documents: number;
  /** Bytes of those documents' JSON texts. */
  readonly jsonBytes: number;
  /** `_default` included. */
  readonly collections: number;
  /** Records of deletions in the data files. */
  readonly tombstones: number;
  /** Bytes of memory that the database holds, cached documents aside, and what for. */
  readonly memoryBytes: number;
  readonly memory: Readonly<Record<MemoryKind, number>>;
  readonly dataFile: DataFileStats;
  readonly wal: WalStats;
  readonly commits: CommitStats;
}

export interface DataFileStats {
  /** Bytes of the data file, and of its successor while a compaction fills that. */
  readonly bytes: number;
  /** Of those, what nobody can read any more. */
  readonly deadBytes: number;
  readonly generation: number;
  readonly lastCompaction: UpkeepRun | undefined;
}

export interface WalStats {
  readonly bytes: number;
  readonly segments: number;
  /** The segment that is appended to, or that the next commit starts. */
  readonly currentSegment: number;
  /** Bytes since the last checkpoint. */
  readonly replayBytes: number;
  readonly checkpointVersion: number;
  readonly lastCheckpoint: UpkeepRun | undefined;
}

/** Since the database was opened. */
export interface CommitStats {
  readonly commits: number;
  readonly groups: number;
  readonly fsyncs: number;
  /** Milliseconds that those took. */
  readonly fsyncMs: number;
  /** Everything up to this version is durable. */
  readonly durableVersion: number;
}

/** A checkpoint or a compaction that ended well, since the database was opened. */
export interface UpkeepRun {
  /** When it ended, milliseconds since the Unix epoch. */
  readonly endTimeMs: number;
  readonly durationMs: number;
}
