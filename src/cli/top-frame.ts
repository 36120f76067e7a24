// One picture of `docdb top`: what a server did between two readings of its metrics, as lines of text.

import type { Labels, MetricsChange } from "./metrics-text.ts";
import { bytes, columns, share } from "./table.ts";

/** Databases and operations shown, those with the most calls first. */
const maxRows = 20;

/** What the picture shows. */
export function frameOf(change: MetricsChange): string[] {
  return [
    ...serverLines(change),
    "",
    ...columns([
      [
        "DATABASE",
        "STATE",
        "CALLS/s",
        "ERRORS/s",
        "p50 ms",
        "p99 ms",
        "COMMITS/s",
        "QUEUED",
        "DOCUMENTS",
        "DATA",
        "WAL",
      ],
      ...busiest(change.now.valuesOf("docdb_database_state", "database"), (database) => databaseRow(change, database)),
    ]),
    "",
    ...columns([
      ["OPERATION", "CALLS/s", "ERRORS/s", "p50 ms", "p99 ms"],
      ...busiest(change.now.valuesOf("docdb_operations_total", "operation"), (operation) =>
        operationRow(change, operation),
      ),
    ]),
  ];
}

function serverLines(change: MetricsChange): string[] {
  const { now } = change;
  const calls = change.rate("docdb_operations_total");
  const failed = calls - change.rate("docdb_operations_total", { status: "OK" });
  const hits = change.growth("docdb_cache_hits_total");
  const groups = change.rate("docdb_group_commit_size_count");
  const commits = change.rate("docdb_commits_total");
  const [version] = now.valuesOf("docdb_build_info", "version");
  const memory = now.sum("docdb_memory_bytes");
  return columns([
    ["server", `DocDB ${version ?? ""}, up ${span(now.sum("docdb_uptime_seconds"))}, ${loop(change)}`],
    [
      "calls",
      `${count(calls)}/s, ${count(failed)}/s fail, ${count(change.rate("docdb_rejected_calls_total"))}/s refused, ` +
        latency(change, "docdb_operation_duration_seconds"),
    ],
    [
      "queue",
      `${now.sum("docdb_scheduler_queued")} wait, ${now.sum("docdb_scheduler_slots_busy")} of ` +
        `${now.sum("docdb_scheduler_slots")} slots busy, ${latency(change, "docdb_queue_wait_seconds")}`,
    ],
    [
      "commits",
      `${count(commits)}/s in ${count(groups)} groups/s (${count(groups === 0 ? 0 : commits / groups)} each), fsync ` +
        latency(change, "docdb_wal_fsync_duration_seconds"),
    ],
    [
      "memory",
      `${bytes(memory)} accounted for, ${bytes(now.sum("process_resident_memory_bytes"))} resident; cache ` +
        `${bytes(now.sum("docdb_cache_bytes"))} of ${bytes(now.sum("docdb_cache_limit_bytes"))}, ` +
        `${share(hits, hits + change.growth("docdb_cache_misses_total"))} hits`,
    ],
    [
      "open",
      `${now.sum("docdb_connections")} connections, ${now.sum("docdb_transactions_open")} transactions, ` +
        `${now.sum("docdb_snapshots_open")} snapshots`,
    ],
  ]);
}

function loop({ now }: MetricsChange): string {
  const cpu = now.sum("docdb_event_loop_delay_p99_seconds") * 1_000;
  return `event loop late by ${cpu.toFixed(1)} ms (p99)`;
}

interface Row {
  readonly weight: number;
  readonly cells: string[];
}

function busiest(names: readonly string[], rowOf: (name: string) => Row): string[][] {
  const rows = names.map(rowOf).sort((a, b) => b.weight - a.weight);
  return rows.slice(0, maxRows).map(({ cells }) => cells);
}

function databaseRow(change: MetricsChange, database: string): Row {
  const { now } = change;
  const of: Labels = { database };
  const duration = "docdb_database_operation_duration_seconds";
  const calls = change.rate(`${duration}_count`, of);
  const states = now.valuesOf("docdb_database_state", "state");
  return {
    weight: calls,
    cells: [
      database,
      states.find((state) => now.sum("docdb_database_state", { database, state }) === 1) ?? "",
      count(calls),
      count(change.rate("docdb_database_errors_total", of)),
      ...quantiles(change, duration, of),
      count(change.rate("docdb_database_commits_total", of)),
      String(now.sum("docdb_database_queued", of)),
      String(now.sum("docdb_documents", of)),
      bytes(now.sum("docdb_data_file_bytes", of)),
      bytes(now.sum("docdb_wal_size_bytes", of)),
    ],
  };
}

function operationRow(change: MetricsChange, operation: string): Row {
  const calls = change.rate("docdb_operations_total", { operation });
  const good = change.rate("docdb_operations_total", { operation, status: "OK" });
  const cells = quantiles(change, "docdb_operation_duration_seconds", { operation });
  return { weight: calls, cells: [operation, count(calls), count(calls - good), ...cells] };
}

function quantiles(change: MetricsChange, metric: string, labels?: Labels): string[] {
  return [0.5, 0.99].map((quantile) => {
    const seconds = change.quantile(metric, quantile, labels);
    return seconds === undefined ? "–" : (seconds * 1_000).toFixed(2);
  });
}

function latency(change: MetricsChange, metric: string): string {
  const [median, high] = quantiles(change, metric);
  return `${median} ms p50, ${high} ms p99`;
}

function count(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: value < 10 ? 1 : 0 });
}

/** A span of seconds as people read it. */
function span(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} days`;
}
