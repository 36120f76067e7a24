// Metrics of what is stored, and of the work that keeps it: commits, reads, cache, checkpoints, compaction, healing.

import type { OpenDatabaseStats } from "../engine/engine-stats.ts";
import type { Metric } from "./exposition.ts";
import { byDatabase, byLabel, counter, gauge, type MetricFigures, times } from "./metric-figures.ts";

export function storageMetrics(figures: MetricFigures): Metric[] {
  return [
    ...commitMetrics(figures),
    ...cacheMetrics(figures),
    ...contentMetrics(figures),
    ...fileMetrics(figures),
    ...upkeepMetrics(figures),
    ...healingMetrics(figures),
    ...transactionMetrics(figures),
  ];
}

function commitMetrics(figures: MetricFigures): Metric[] {
  const { groupSizes, appends, fsyncs, walBytes } = figures.meters;
  return [
    counter("docdb_commits_total", "Commits that became visible.", groupSizes.sum),
    counter(
      "docdb_database_commits_total",
      "The same by database, since it was opened.",
      byDatabase(figures, ({ commits }) => commits.commits),
    ),
    {
      name: "docdb_group_commit_size",
      help: "Commits in a group: those that shared one write and one fsync.",
      type: "histogram",
      unit: "count",
      samples: [{ labels: {}, histogram: groupSizes }],
    },
    times(
      "docdb_wal_append_duration_seconds",
      "How long it took to write a group to the WAL and the data file.",
      appends,
    ),
    times("docdb_wal_fsync_duration_seconds", "How long fsyncs of the WAL took.", fsyncs),
    counter("docdb_wal_written_bytes_total", "Bytes of commits written to WALs.", walBytes),
  ];
}

function cacheMetrics({ engine: { cache }, calls }: MetricFigures): Metric[] {
  return [
    counter("docdb_cache_hits_total", "Reads of documents that were answered from memory.", cache.hits),
    counter("docdb_cache_misses_total", "Reads of documents that had to go to the data file.", cache.misses),
    counter("docdb_cache_evictions_total", "Documents that gave way to others in the cache.", cache.evictions),
    gauge("docdb_cache_documents", "Documents in the cache.", cache.documents),
    gauge("docdb_cache_bytes", "Bytes of memory that the cache takes.", cache.bytes),
    gauge("docdb_cache_limit_bytes", "Bytes of memory that the cache may take.", cache.limitBytes),
    times(
      "docdb_read_duration_seconds",
      "How long commands read from the disk; those that read nothing from it don't count.",
      calls.reads,
    ),
  ];
}

function contentMetrics(figures: MetricFigures): Metric[] {
  const documents = figures.engine.databases.reduce((sum, { opened }) => sum + (opened?.documents ?? 0), 0);
  return [
    {
      name: "docdb_documents_total",
      help: "Documents in all open databases. It goes up and down; docdb_documents has them by database.",
      type: "untyped",
      samples: [{ labels: {}, value: documents }],
    },
    gauge(
      "docdb_documents",
      "Documents, by database.",
      byDatabase(figures, (stats) => stats.documents),
    ),
    gauge(
      "docdb_json_bytes",
      "Bytes of the documents' JSON texts, by database.",
      byDatabase(figures, (stats) => stats.jsonBytes),
    ),
    gauge(
      "docdb_collections",
      "Collections, by database.",
      byDatabase(figures, (stats) => stats.collections),
    ),
    gauge(
      "docdb_tombstones",
      "Records of deletions in the data files, by database.",
      byDatabase(figures, (stats) => stats.tombstones),
    ),
    gauge(
      "docdb_old_versions",
      "Old versions of documents that a snapshot may still read, by database.",
      byDatabase(figures, (stats) => stats.oldVersions),
    ),
  ];
}

function fileMetrics(figures: MetricFigures): Metric[] {
  return [
    gauge(
      "docdb_data_file_bytes",
      "Bytes of the data files, by database.",
      byDatabase(figures, ({ dataFile }) => dataFile.bytes),
    ),
    gauge(
      "docdb_data_file_dead_bytes",
      "Bytes of the data files that nobody can read any more, by database.",
      byDatabase(figures, ({ dataFile }) => dataFile.deadBytes),
    ),
    gauge(
      "docdb_wal_size_bytes",
      "Bytes of all WAL segments, by database.",
      byDatabase(figures, ({ wal }) => wal.bytes),
    ),
    gauge(
      "docdb_wal_segments",
      "WAL segments, by database.",
      byDatabase(figures, ({ wal }) => wal.segments),
    ),
    gauge(
      "docdb_wal_replay_bytes",
      "Bytes of WAL since the last checkpoint, which a recovery would replay, by database.",
      byDatabase(figures, ({ wal }) => wal.replayBytes),
    ),
  ];
}

function upkeepMetrics(figures: MetricFigures): Metric[] {
  const { checkpoints, compactions, reclaimedBytes } = figures.meters;
  const ended = (of: (stats: OpenDatabaseStats) => { readonly endTimeMs: number } | undefined) =>
    byDatabase(figures, (stats) => (of(stats)?.endTimeMs ?? 0) / 1_000);
  return [
    times("docdb_checkpoint_duration_seconds", "How long checkpoints took that ended well.", checkpoints.durations),
    counter("docdb_checkpoint_failures_total", "Checkpoints that failed.", checkpoints.failed),
    gauge(
      "docdb_last_checkpoint_timestamp_seconds",
      "When the last checkpoint since the database was opened ended, by database; 0: there was none.",
      ended(({ wal }) => wal.lastCheckpoint),
    ),
    times("docdb_compaction_duration_seconds", "How long compactions took that ended well.", compactions.durations),
    counter("docdb_compaction_failures_total", "Compactions that failed or were stopped.", compactions.failed),
    counter(
      "docdb_background_work_seconds_total",
      "Time that checkpoints, compactions and scrubs worked, short waits for the disk included.",
      figures.background.workMs / 1_000,
    ),
    counter(
      "docdb_background_paused_seconds_total",
      "Time in which they gave way to requests.",
      figures.background.pausedMs / 1_000,
    ),
    counter("docdb_compaction_reclaimed_bytes_total", "Bytes that compactions gave back.", reclaimedBytes),
    gauge(
      "docdb_last_compaction_timestamp_seconds",
      "When the last compaction since the database was opened ended, by database; 0: there was none.",
      ended(({ dataFile }) => dataFile.lastCompaction),
    ),
  ];
}

function healingMetrics(figures: MetricFigures): Metric[] {
  const { healings, healed, corrupt, checked, scrubs } = figures.meters.healing;
  return [
    counter("docdb_healing_operations_total", "Attempts to heal a document that seemed damaged.", healings),
    counter(
      "docdb_documents_healed_total",
      "Documents healed, by where the copy came from.",
      byLabel("source", healed),
    ),
    counter("docdb_documents_corrupt_total", "Documents found damaged.", corrupt),
    counter("docdb_documents_checked_total", "Documents checked by a scrubber or on demand.", checked),
    counter("docdb_scrubs_total", "Rounds in which a scrubber checked all documents of a database.", scrubs),
    gauge(
      "docdb_documents_quarantined",
      "Documents that answer DATA_LOSS, by database.",
      byDatabase(figures, (stats) => stats.quarantined),
    ),
  ];
}

function transactionMetrics(figures: MetricFigures): Metric[] {
  const { begun, committed, rolledBack, conflicted, timedOut } = figures.meters.transactions;
  const outcomes = { committed, rolled_back: rolledBack, conflict: conflicted, timed_out: timedOut };
  return [
    counter("docdb_transactions_begun_total", "Transactions that were begun.", begun),
    counter("docdb_transactions_total", "Transactions that have ended, by how.", byLabel("outcome", outcomes)),
    gauge(
      "docdb_transactions_open",
      "Transactions open, by database.",
      byDatabase(figures, (stats) => stats.transactions),
    ),
    gauge(
      "docdb_snapshots_open",
      "Snapshots open, of scans and transactions, by database.",
      byDatabase(figures, (stats) => stats.snapshots),
    ),
  ];
}
