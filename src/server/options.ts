// What a server can be told, with the defaults of `docdb serve`.

import type { MetricsAddress } from "../observability/metrics-endpoint.ts";
import type { FsyncMode } from "../storage/fsync-mode.ts";

/** Bytes of what the flags call a megabyte. */
export const mebibyte: number = 1024 * 1024;

export interface ServerOptions {
  /** Directory of the databases; created when missing. */
  readonly dataDirectory: string;
  /** Path of the Unix socket, at most 107 bytes. Its directory must exist and be safe from others. */
  readonly socket: string;
  /** When a write is acknowledged. */
  readonly fsyncMode: FsyncMode;
  /** Milliseconds between fsyncs in mode `interval`. */
  readonly fsyncIntervalMs: number;
  /** Bytes of a WAL segment after which the next group starts a new one. */
  readonly segmentBytes: number;
  /** Bytes of WAL after which a checkpoint is written. */
  readonly checkpointBytes: number;
  /** Whether a checkpoint removes WAL segments that no recovery needs any more. */
  readonly trimAfterCheckpoint: boolean;
  /** Older WAL segments that are kept all the same. */
  readonly keepSegments: number;
  /** Bytes of data files from which on a database is compacted by itself, */
  readonly compactionBytes: number;
  /** when at least this share of them is dead, in (0, 1]. */
  readonly compactionDeadRatio: number;
  /** A copy of the data directory, from which damaged documents may be healed; it is never written to. */
  readonly backupDirectory: string | undefined;
  /** Milliseconds between the starts of two rounds of a database's scrubber; 0 for none. */
  readonly scrubIntervalMs: number;
  /** Bytes that the scrubbers of all databases together read in a second. */
  readonly scrubBytesPerSecond: number;
  /** Bytes of memory that may be held, whatever for; 0: no limit. */
  readonly memoryBytes: number;
  /** Bytes that one database may hold, cached documents aside; 0: no limit of its own. */
  readonly databaseMemoryBytes: number;
  /** Bytes of documents that are kept in memory, of all databases together; 0 for none. At most `memoryBytes`. */
  readonly cacheBytes: number;
  /** Databases that may be open at the same time. */
  readonly maxOpenDatabases: number;
  /** Milliseconds after its last use at which a database is closed; 0 for never. */
  readonly idleCloseMs: number;
  /** Commands that execute at the same time. */
  readonly slots: number;
  /** Commands that may wait for one database. */
  readonly queuePerDatabase: number;
  /** Commands that may wait altogether. */
  readonly queueTotal: number;
  /** Share of the time that checkpoints, compactions and scrubs take at most while requests come, in (0, 1]. */
  readonly backgroundShare: number;
  /** Connections at the same time. */
  readonly maxConnections: number;
  /** Calls in flight on one connection. */
  readonly maxConcurrentStreams: number;
  /** Whether calls are counted and timed, for metrics. */
  readonly metrics: boolean;
  /** Where metrics are served over HTTP; undefined: nowhere. */
  readonly metricsAddress: MetricsAddress | undefined;
  /** Milliseconds from which on an operation is logged as slow; Infinity: none is. */
  readonly slowOperationMs: number;
  /** Milliseconds that a client has to say that it speaks HTTP/2. */
  readonly greetingMs: number;
  /** Milliseconds that a client has to send a whole request, or to take a message of an answer. */
  readonly slowClientMs: number;
  /** Milliseconds that calls in flight get to finish when the server stops. */
  readonly drainMs: number;
}

/** All values of `fsyncMode`, the default first. */
export const fsyncModes: readonly FsyncMode[] = ["group", "always", "interval", "none"];

export const defaultOptions: ServerOptions = {
  dataDirectory: "./data",
  socket: "/tmp/docdb.sock",
  fsyncMode: "group",
  fsyncIntervalMs: 100,
  segmentBytes: 64 * mebibyte,
  checkpointBytes: 64 * mebibyte,
  trimAfterCheckpoint: true,
  keepSegments: 2,
  compactionBytes: 100 * mebibyte,
  compactionDeadRatio: 0.3,
  backupDirectory: undefined,
  scrubIntervalMs: 3_600_000,
  scrubBytesPerSecond: 8 * mebibyte,
  memoryBytes: 1_024 * mebibyte,
  databaseMemoryBytes: 256 * mebibyte,
  cacheBytes: 160 * mebibyte,
  maxOpenDatabases: 100,
  idleCloseMs: 5 * 60_000,
  slots: 4,
  queuePerDatabase: 4_096,
  queueTotal: 16_384,
  backgroundShare: 0.25,
  maxConnections: 1_000,
  maxConcurrentStreams: 1_000,
  metrics: true,
  metricsAddress: undefined,
  slowOperationMs: 1_000,
  greetingMs: 10_000,
  slowClientMs: 300_000,
  drainMs: 10_000,
};
