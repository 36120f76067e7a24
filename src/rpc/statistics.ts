// GetStats: the server's figures as they go over the wire. Who gathers them is the composition root's business.

import {
  type CacheStats as WireCache,
  type CommitStats as WireCommits,
  type DatabaseStats as WireDatabase,
  type DataFileStats as WireDataFile,
  DatabaseStats as Database,
  type ErrorCount as WireErrorCount,
  FsyncMode,
  type GetStatsResponse,
  type Limits as WireLimits,
  type MemoryStats as WireMemory,
  type PoolStats as WirePool,
  type SchedulerStats as WireScheduler,
  type ServerStats as WireServer,
  type WalStats as WireWal,
} from "../../gen/docdb/v1/operations.ts";
import { limits } from "../base/limits.ts";
import type { EngineOptions } from "../engine/engine-options.ts";
import type { DatabaseStats, EngineStats, OpenDatabaseStats, PoolStats } from "../engine/engine-stats.ts";
import type { ErrorCount } from "../telemetry/error-tracker.ts";
import type { ProcessFigures, ServerFigures } from "./server-figures.ts";
import { stateOnWire } from "./database-service.ts";
import { durationOf, timestampOf } from "./times.ts";

const fsyncModes: Readonly<Record<EngineOptions["fsyncMode"], FsyncMode>> = {
  group: FsyncMode.GROUP,
  always: FsyncMode.ALWAYS,
  interval: FsyncMode.INTERVAL,
  none: FsyncMode.NONE,
};

export function statsOnWire(figures: ServerFigures): GetStatsResponse {
  const { engine, fsyncMode, errors, queuedFor } = figures;
  return {
    server: serverOnWire(figures.process),
    pool: poolOnWire(engine.pool),
    scheduler: schedulerOnWire(figures),
    memory: memoryOnWire(engine.memory),
    cache: cacheOnWire(engine.cache),
    fsyncMode: fsyncModes[fsyncMode],
    limits: limitsOnWire(),
    databases: engine.databases.map((database) => databaseOnWire(database, queuedFor(database.info.database))),
    errors: { categories: errors.categories.map(errorsOnWire), codes: errors.codes.map(errorsOnWire) },
  };
}

function serverOnWire({ startTimeMs, residentBytes, eventLoopDelayP99Ms, ...rest }: ProcessFigures): WireServer {
  return {
    ...rest,
    startTime: timestampOf(startTimeMs),
    residentBytes: BigInt(residentBytes),
    eventLoopDelayP99: durationOf(eventLoopDelayP99Ms),
  };
}

function poolOnWire({ opens, failures, idleCloses, evictions, ...now }: PoolStats): WirePool {
  return {
    ...now,
    opens: BigInt(opens),
    openFailures: BigInt(failures),
    idleCloses: BigInt(idleCloses),
    evictions: BigInt(evictions),
  };
}

function schedulerOnWire({ scheduler: stats, background }: ServerFigures): WireScheduler {
  return {
    slots: stats.slots,
    slotsBusy: stats.busySlots,
    queued: stats.queued,
    queueLimit: stats.queueTotal,
    databaseQueueLimit: stats.queuePerDatabase,
    executed: BigInt(stats.executed),
    rejected: BigInt(stats.rejected),
    dropped: BigInt(stats.dropped),
    backgroundShare: background.share,
    backgroundDuration: durationOf(background.workMs),
    backgroundPausedDuration: durationOf(background.pausedMs),
  };
}

function cacheOnWire(cache: EngineStats["cache"]): WireCache {
  return {
    documents: BigInt(cache.documents),
    bytes: BigInt(cache.bytes),
    limitBytes: BigInt(cache.limitBytes),
    hits: BigInt(cache.hits),
    misses: BigInt(cache.misses),
    evictions: BigInt(cache.evictions),
    pressureEvictions: BigInt(cache.pressureEvictions),
  };
}

function memoryOnWire({ bytes, byKind, limitBytes, databaseLimitBytes, refusals }: EngineStats["memory"]): WireMemory {
  return {
    usedBytes: BigInt(bytes),
    limitBytes: BigInt(limitBytes),
    databaseLimitBytes: BigInt(databaseLimitBytes),
    indexBytes: BigInt(byKind.index),
    cacheBytes: BigInt(byKind.cache),
    pendingWriteBytes: BigInt(byKind.pendingWrites),
    transactionBytes: BigInt(byKind.transactions),
    snapshotBytes: BigInt(byKind.snapshots),
    callBytes: BigInt(byKind.calls),
    refusals: BigInt(refusals),
  };
}

function limitsOnWire(): WireLimits {
  return {
    documentBytes: BigInt(limits.documentBytes),
    jsonDepth: limits.jsonDepth,
    batchOperations: limits.batchOperations,
    nameBytes: limits.nameBytes,
    collections: limits.collections,
    messageBytes: BigInt(limits.messageBytes),
    pageDocuments: limits.pageDocuments,
    pageBytes: BigInt(limits.pageBytes),
    requestIdBytes: limits.requestIdBytes,
    requestIdRetention: durationOf(limits.requestRetentionMs),
    pendingWriteBytes: BigInt(limits.pendingWriteBytes),
    transactionIdleTimeout: durationOf(limits.transactionIdleMaxMs),
    snapshotAge: durationOf(limits.snapshotAgeMs),
    patchOperations: limits.patchOperations,
    requestsKept: limits.requestsKept,
  };
}

function databaseOnWire({ info, opened }: DatabaseStats, queued: number): WireDatabase {
  const { database, state, stateReason } = info;
  const known = Database.fromPartial({ database, state: stateOnWire[state], stateReason, queued });
  if (opened === undefined) return known;
  return {
    ...known,
    version: BigInt(opened.version),
    documents: BigInt(opened.documents),
    jsonBytes: BigInt(opened.jsonBytes),
    collections: opened.collections,
    tombstones: BigInt(opened.tombstones),
    oldVersions: BigInt(opened.oldVersions),
    snapshots: opened.snapshots,
    transactions: opened.transactions,
    quarantined: BigInt(opened.quarantined),
    memoryBytes: BigInt(opened.memoryBytes),
    dataFile: dataFileOnWire(opened),
    wal: walOnWire(opened),
    commits: commitsOnWire(opened),
  };
}

function dataFileOnWire({
  dataFile: { bytes, deadBytes, generation, lastCompaction },
}: OpenDatabaseStats): WireDataFile {
  return {
    bytes: BigInt(bytes),
    deadBytes: BigInt(deadBytes),
    generation: BigInt(generation),
    lastCompactionTime: timestampOf(lastCompaction?.endTimeMs ?? 0),
    lastCompactionDuration: lastCompaction === undefined ? undefined : durationOf(lastCompaction.durationMs),
  };
}

function walOnWire({ wal }: OpenDatabaseStats): WireWal {
  const { lastCheckpoint } = wal;
  return {
    bytes: BigInt(wal.bytes),
    segments: wal.segments,
    currentSegment: BigInt(wal.currentSegment),
    replayBytes: BigInt(wal.replayBytes),
    checkpointVersion: BigInt(wal.checkpointVersion),
    lastCheckpointTime: timestampOf(lastCheckpoint?.endTimeMs ?? 0),
    lastCheckpointDuration: lastCheckpoint === undefined ? undefined : durationOf(lastCheckpoint.durationMs),
  };
}

function commitsOnWire({ commits }: OpenDatabaseStats): WireCommits {
  return {
    commits: BigInt(commits.commits),
    groups: BigInt(commits.groups),
    fsyncs: BigInt(commits.fsyncs),
    fsyncDuration: durationOf(commits.fsyncMs),
    durableVersion: BigInt(commits.durableVersion),
  };
}

function errorsOnWire({ name, count, perSecond, last }: ErrorCount): WireErrorCount {
  const { timeMs, code: lastCode, message: lastMessage } = last;
  return { name, count: BigInt(count), perSecond, lastTime: timestampOf(timeMs), lastCode, lastMessage };
}
