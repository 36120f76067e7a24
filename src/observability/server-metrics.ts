// Metrics of the server as a whole: its databases' states, memory, connections, and its process.

import type { DatabaseState } from "../engine/commands.ts";
import type { OpenDatabaseStats, PoolStats } from "../engine/engine-stats.ts";
import type { Metric } from "./exposition.ts";
import { byDatabase, byLabel, counter, gauge, type MetricFigures, ofDatabases } from "./metric-figures.ts";

const states: readonly DatabaseState[] = ["open", "closed", "read_only", "failed"];

export function serverMetrics(figures: MetricFigures): Metric[] {
  return [...databaseMetrics(figures), ...memoryMetrics(figures), ...processMetrics(figures)];
}

function databaseMetrics(figures: MetricFigures): Metric[] {
  const { databases } = figures.engine;
  const count = (state: DatabaseState): number => databases.filter(({ info }) => info.state === state).length;
  const inState = (state: DatabaseState) =>
    ofDatabases(figures, ({ info }) => Number(info.state === state)).map(({ labels, value }) => {
      return { labels: { ...labels, state }, value };
    });
  return [
    gauge(
      "docdb_databases",
      "Databases, by state.",
      byLabel("state", Object.fromEntries(states.map((state) => [state, count(state)]))),
    ),
    ...poolMetrics(figures.engine.pool),
    gauge("docdb_database_state", "1 for the state that a database is in, 0 for the others.", states.flatMap(inState)),
  ];
}

function poolMetrics({ maxOpen, waiting, toRecover, opens, failures, idleCloses, evictions }: PoolStats): Metric[] {
  return [
    gauge("docdb_databases_max_open", "Databases that may be open at once; 0: no bound.", maxOpen),
    gauge("docdb_databases_waiting", "Databases that wait for a place among the open ones.", waiting),
    gauge("docdb_databases_to_recover", "Databases that the start has yet to recover.", toRecover),
    counter("docdb_database_opens_total", "Databases opened, each time.", opens),
    counter("docdb_database_open_failures_total", "Openings of databases that failed.", failures),
    counter(
      "docdb_database_closes_total",
      "Databases that the server closed by itself, by why: nobody used them, or another needed the place.",
      byLabel("reason", { idle: idleCloses, evicted: evictions }),
    ),
  ];
}

function memoryMetrics(figures: MetricFigures): Metric[] {
  const { engine } = figures;
  const { byKind, limitBytes, refusals } = engine.memory;
  const memoryOf = ({ memoryBytes }: OpenDatabaseStats): number => memoryBytes;
  return [
    gauge(
      "docdb_memory_bytes",
      "Bytes of memory that are accounted for, by what they are for.",
      byLabel("kind", {
        index: byKind.index,
        cache: byKind.cache,
        pending_writes: byKind.pendingWrites,
        transactions: byKind.transactions,
        snapshots: byKind.snapshots,
        calls: byKind.calls,
      }),
    ),
    gauge("docdb_database_memory_bytes", "The same by database, the cache left out.", byDatabase(figures, memoryOf)),
    gauge("docdb_memory_limit_bytes", "Bytes of memory that may be accounted for; 0: no limit.", limitBytes),
    counter("docdb_memory_refusals_total", "What was refused because memory was used up.", refusals),
  ];
}

function processMetrics({ process: own, fsyncMode }: MetricFigures): Metric[] {
  const { user, system } = process.cpuUsage();
  const memory = process.memoryUsage();
  const one = (labels: Record<string, string>) => [{ labels, value: 1 }];
  return [
    gauge(
      "docdb_build_info",
      "1, with the versions of DocDB and Node.js.",
      one({ version: own.version, node_version: own.nodeVersion }),
    ),
    gauge("docdb_fsync_mode_info", "1, with the fsync mode.", one({ mode: fsyncMode })),
    gauge("docdb_uptime_seconds", "Seconds since the server started.", (Date.now() - own.startTimeMs) / 1_000),
    gauge("docdb_connections", "Client connections open.", own.connections),
    gauge(
      "docdb_event_loop_delay_p99_seconds",
      "The 99th percentile of the event loop's delay over the last half to whole minute.",
      own.eventLoopDelayP99Ms / 1_000,
    ),
    gauge(
      "process_start_time_seconds",
      "When the process started, in seconds since the Unix epoch.",
      own.startTimeMs / 1_000,
    ),
    counter(
      "process_cpu_seconds_total",
      "CPU time that the process used, in the kernel too.",
      (user + system) / 1_000_000,
    ),
    gauge("process_resident_memory_bytes", "Bytes of memory that the process holds.", memory.rss),
    gauge("nodejs_heap_size_total_bytes", "Bytes of the JavaScript heap.", memory.heapTotal),
    gauge("nodejs_heap_size_used_bytes", "Bytes of the JavaScript heap that are in use.", memory.heapUsed),
    gauge("nodejs_external_memory_bytes", "Bytes outside the JavaScript heap that it holds on to.", memory.external),
  ];
}
