// The server's statistics, as a program reads them. Counts and bytes are numbers, versions are bigint, times are Dates,
// spans of time are milliseconds. Counters start at 0 with the server, those of a database when it was opened.

import {
  type DatabaseStats as WireDatabase,
  type ErrorCount as WireErrorCount,
  FsyncMode,
  type GetStatsResponse,
  type PoolStats as WirePool,
  OperationsServiceService as Rpcs,
} from "../../gen/docdb/v1/operations.ts";
import type { Duration } from "../../gen/google/protobuf/duration.ts";
import type { Timestamp } from "../../gen/google/protobuf/timestamp.ts";
import type { CallOptions, Connection } from "./connection.ts";
import { type DatabaseState, stateNames } from "./databases.ts";
import { dateOf } from "./document.ts";

/** Everything that a server tells about itself. proto/docdb/v1/operations.proto says what each figure means. */
export interface ServerStats {
  readonly server: {
    readonly version: string;
    readonly startTime: Date;
    readonly processId: number;
    readonly nodeVersion: string;
    readonly connections: number;
    readonly residentBytes: number;
    readonly eventLoopDelayP99Ms: number;
    readonly dataDirectory: string;
  };
  readonly pool: PoolStats;
  readonly scheduler: {
    readonly slots: number;
    readonly slotsBusy: number;
    readonly queued: number;
    readonly executed: number;
    readonly rejected: number;
    readonly dropped: number;
  };
  readonly memory: {
    readonly usedBytes: number;
    /** 0: no limit. */
    readonly limitBytes: number;
    readonly databaseLimitBytes: number;
    readonly indexBytes: number;
    readonly cacheBytes: number;
    readonly pendingWriteBytes: number;
    readonly transactionBytes: number;
    readonly snapshotBytes: number;
    readonly callBytes: number;
    /** Calls and operations refused because the server or a database was at its limit. */
    readonly refusals: number;
  };
  readonly fsyncMode: "group" | "always" | "interval" | "none" | "unknown";
  /** Those asked for, by name. */
  readonly databases: readonly DatabaseStats[];
  readonly errors: { readonly categories: readonly ErrorCount[]; readonly codes: readonly ErrorCount[] };
}

export interface PoolStats {
  /** Databases that exist, and of those the ones in each state; the others are closed. */
  readonly databases: number;
  readonly open: number;
  readonly readOnly: number;
  readonly failed: number;
  /** Databases that may be open at once; 0: no bound. */
  readonly maxOpen: number;
  /** Databases that calls wait for, because as many are open as may be. */
  readonly waiting: number;
  /** Databases that were not closed in good order, and that the start has yet to recover. */
  readonly toRecover: number;
  /** Since the start of the server: openings, those that failed, and what was closed by itself and why. */
  readonly opens: number;
  readonly openFailures: number;
  readonly idleCloses: number;
  readonly evictions: number;
}

export interface DatabaseStats {
  readonly name: string;
  readonly state: DatabaseState;
  readonly stateReason: string;
  /** Calls that wait for a slot. */
  readonly queued: number;
  /** Undefined for a database that isn't open. */
  readonly opened: OpenDatabaseStats | undefined;
}

export interface OpenDatabaseStats {
  readonly version: bigint;
  readonly documents: number;
  readonly jsonBytes: number;
  readonly collections: number;
  readonly tombstones: number;
  readonly oldVersions: number;
  readonly snapshots: number;
  readonly transactions: number;
  readonly quarantined: number;
  readonly memoryBytes: number;
  readonly dataFile: {
    readonly bytes: number;
    readonly deadBytes: number;
    readonly generation: number;
    readonly lastCompactionTime: Date | undefined;
    readonly lastCompactionMs: number | undefined;
  };
  readonly wal: {
    readonly bytes: number;
    readonly segments: number;
    readonly currentSegment: number;
    readonly replayBytes: number;
    readonly checkpointVersion: bigint;
    readonly lastCheckpointTime: Date | undefined;
    readonly lastCheckpointMs: number | undefined;
  };
  readonly commits: {
    readonly commits: number;
    readonly groups: number;
    readonly fsyncs: number;
    readonly fsyncMs: number;
    readonly durableVersion: bigint;
  };
}

export interface ErrorCount {
  /** A category (`transient`) or a code (`DISK_FULL`). */
  readonly name: string;
  readonly count: number;
  /** Over the last minute. */
  readonly perSecond: number;
  readonly lastTime: Date;
  readonly lastCode: string;
  readonly lastMessage: string;
}

function poolFrom(pool: WirePool | undefined): PoolStats {
  return {
    databases: pool?.databases ?? 0,
    open: pool?.open ?? 0,
    readOnly: pool?.readOnly ?? 0,
    failed: pool?.failed ?? 0,
    maxOpen: pool?.maxOpen ?? 0,
    waiting: pool?.waiting ?? 0,
    toRecover: pool?.toRecover ?? 0,
    opens: Number(pool?.opens ?? 0),
    openFailures: Number(pool?.openFailures ?? 0),
    idleCloses: Number(pool?.idleCloses ?? 0),
    evictions: Number(pool?.evictions ?? 0),
  };
}

/** Asks for the statistics with those of one database, or of all with an empty name. */
export async function getStats(connection: Connection, database: string, options: CallOptions): Promise<ServerStats> {
  const wire = await connection.read(Rpcs.getStats, { database }, options);
  const { server, pool, scheduler, memory } = wire;
  return {
    server: {
      version: server?.version ?? "",
      startTime: dateOf(server?.startTime),
      processId: server?.processId ?? 0,
      nodeVersion: server?.nodeVersion ?? "",
      connections: server?.connections ?? 0,
      residentBytes: Number(server?.residentBytes),
      eventLoopDelayP99Ms: spanOf(server?.eventLoopDelayP99) ?? 0,
      dataDirectory: server?.dataDirectory ?? "",
    },
    pool: poolFrom(pool),
    scheduler: {
      slots: scheduler?.slots ?? 0,
      slotsBusy: scheduler?.slotsBusy ?? 0,
      queued: scheduler?.queued ?? 0,
      executed: Number(scheduler?.executed),
      rejected: Number(scheduler?.rejected),
      dropped: Number(scheduler?.dropped),
    },
    memory: {
      usedBytes: Number(memory?.usedBytes),
      limitBytes: Number(memory?.limitBytes),
      databaseLimitBytes: Number(memory?.databaseLimitBytes),
      indexBytes: Number(memory?.indexBytes),
      cacheBytes: Number(memory?.cacheBytes),
      pendingWriteBytes: Number(memory?.pendingWriteBytes),
      transactionBytes: Number(memory?.transactionBytes),
      snapshotBytes: Number(memory?.snapshotBytes),
      callBytes: Number(memory?.callBytes),
      refusals: Number(memory?.refusals),
    },
    fsyncMode: fsyncModeNames[wire.fsyncMode] ?? "unknown",
    databases: wire.databases.map(databaseOf),
    errors: errorsOf(wire),
  };
}

function databaseOf(wire: WireDatabase): DatabaseStats {
  const { database: name, state, stateReason, queued } = wire;
  return { name, state: stateNames[state] ?? "unknown", stateReason, queued, opened: openedOf(wire) };
}

function openedOf(wire: WireDatabase): OpenDatabaseStats | undefined {
  const { dataFile, wal, commits } = wire;
  if (dataFile === undefined || wal === undefined || commits === undefined) return undefined;
  return {
    version: wire.version,
    documents: Number(wire.documents),
    jsonBytes: Number(wire.jsonBytes),
    collections: wire.collections,
    tombstones: Number(wire.tombstones),
    oldVersions: Number(wire.oldVersions),
    snapshots: wire.snapshots,
    transactions: wire.transactions,
    quarantined: Number(wire.quarantined),
    memoryBytes: Number(wire.memoryBytes),
    dataFile: {
      bytes: Number(dataFile.bytes),
      deadBytes: Number(dataFile.deadBytes),
      generation: Number(dataFile.generation),
      lastCompactionTime: timeOf(dataFile.lastCompactionTime),
      lastCompactionMs: spanOf(dataFile.lastCompactionDuration),
    },
    wal: {
      bytes: Number(wal.bytes),
      segments: wal.segments,
      currentSegment: Number(wal.currentSegment),
      replayBytes: Number(wal.replayBytes),
      checkpointVersion: wal.checkpointVersion,
      lastCheckpointTime: timeOf(wal.lastCheckpointTime),
      lastCheckpointMs: spanOf(wal.lastCheckpointDuration),
    },
    commits: {
      commits: Number(commits.commits),
      groups: Number(commits.groups),
      fsyncs: Number(commits.fsyncs),
      fsyncMs: spanOf(commits.fsyncDuration) ?? 0,
      durableVersion: commits.durableVersion,
    },
  };
}

function errorsOf({ errors }: GetStatsResponse): ServerStats["errors"] {
  const countOf = (wire: WireErrorCount): ErrorCount => ({
    name: wire.name,
    count: Number(wire.count),
    perSecond: wire.perSecond,
    lastTime: dateOf(wire.lastTime),
    lastCode: wire.lastCode,
    lastMessage: wire.lastMessage,
  });
  return { categories: errors?.categories.map(countOf) ?? [], codes: errors?.codes.map(countOf) ?? [] };
}

function timeOf(time: Timestamp | undefined): Date | undefined {
  return time === undefined ? undefined : dateOf(time);
}

function spanOf(span: Duration | undefined): number | undefined {
  return span === undefined ? undefined : Number(span.seconds) * 1000 + span.nanos / 1_000_000;
}

const fsyncModeNames: Readonly<Record<number, ServerStats["fsyncMode"]>> = {
  [FsyncMode.GROUP]: "group",
  [FsyncMode.ALWAYS]: "always",
  [FsyncMode.INTERVAL]: "interval",
  [FsyncMode.NONE]: "none",
};
