// Metrics of calls: how many, how they end, how long they take, and what they wait for.

import type { ErrorCode } from "../base/errors.ts";
import type { Metric, Sample } from "./exposition.ts";
import { byLabel, counter, gauge, type MetricFigures, ofDatabases, times } from "./metric-figures.ts";

/** Why calls are refused although nothing is wrong with them. */
const rejections = [
  "QUEUE_FULL",
  "MEMORY_LIMIT",
  "TOO_MANY_SNAPSHOTS",
  "DISK_FULL",
  "DATABASE_READ_ONLY",
  "SERVER_STARTING",
  "SHUTTING_DOWN",
] as const satisfies readonly ErrorCode[];

export function callMetrics(figures: MetricFigures): Metric[] {
  return [...operationMetrics(figures), ...errorMetrics(figures), ...schedulerMetrics(figures)];
}

function operationMetrics({ calls, inFlight, pipelines, heldBack }: MetricFigures): Metric[] {
  const operations = calls.operations.filter(({ durations }) => durations.count > 0);
  const databases = [...calls.databases.all];
  return [
    counter(
      "docdb_operations_total",
      "Calls that have ended, by RPC and gRPC status; pipelined ones count like any other.",
      operations.flatMap(({ name, ok, errors }): Sample[] => [
        { labels: { operation: name, status: "OK" }, value: ok },
        ...[...errors].map(([status, value]) => ({ labels: { operation: name, status }, value })),
      ]),
    ),
    {
      name: "docdb_operation_duration_seconds",
      help: "How long calls took, by RPC, from their arrival to their answer.",
      type: "histogram",
      unit: "milliseconds",
      samples: operations.map(({ name, durations, exemplars }) => {
        return { labels: { operation: name }, histogram: durations, exemplars };
      }),
    },
    {
      name: "rpc_server_call_duration_seconds",
      help: "The same under the name of OpenTelemetry's semantic conventions (rpc.server.call.duration).",
      type: "histogram",
      unit: "milliseconds",
      samples: operations.map(({ method, durations }) => {
        return { labels: { rpc_system_name: "grpc", rpc_method: method }, histogram: durations };
      }),
    },
    {
      name: "docdb_database_operation_duration_seconds",
      help: "How long calls took, by database.",
      type: "histogram",
      unit: "milliseconds",
      samples: databases.map(([database, { durations }]) => ({ labels: { database }, histogram: durations })),
    },
    counter(
      "docdb_database_errors_total",
      "Calls that ended in an error, by database.",
      databases.map(([database, { errors }]) => ({ labels: { database }, value: errors })),
    ),
    gauge("docdb_calls_in_flight", "Calls in flight; a pipeline counts as one.", inFlight),
    gauge("docdb_pipeline_streams", "Streams of DocumentService.Pipeline that are open.", pipelines),
    gauge(
      "docdb_connections_held_back",
      "Connections that aren't read for now: they bring many calls for databases with long queues.",
      heldBack,
    ),
  ];
}

function errorMetrics({ errors }: MetricFigures): Metric[] {
  const codes = new Map<string, number>(errors.codes.map(({ name, count }) => [name, count]));
  const known = new Map<string, number>(errors.categories.map(({ name, count }) => [name, count]));
  const categories = ["transient", "permanent", "critical", "validation"];
  return [
    counter(
      "docdb_errors_total",
      "Errors that calls or parts of them ended in, or that work in the background met, by category.",
      byLabel("category", Object.fromEntries(categories.map((name) => [name, known.get(name) ?? 0]))),
    ),
    counter(
      "docdb_errors_by_code_total",
      "The same errors by code, which is the reason in google.rpc.ErrorInfo.",
      byLabel("code", Object.fromEntries(codes)),
    ),
    counter(
      "docdb_rejected_calls_total",
      "Calls that were refused for want of room, or because the server or the database takes none, by reason.",
      byLabel("reason", Object.fromEntries(rejections.map((code) => [code, codes.get(code) ?? 0]))),
    ),
  ];
}

function schedulerMetrics(figures: MetricFigures): Metric[] {
  const { scheduler, queuedFor, calls } = figures;
  return [
    gauge("docdb_scheduler_slots", "Commands that can be executed at the same time.", scheduler.slots),
    gauge("docdb_scheduler_slots_busy", "Slots in use.", scheduler.busySlots),
    gauge("docdb_scheduler_queued", "Commands that wait for a slot, over all databases.", scheduler.queued),
    gauge("docdb_scheduler_queue_limit", "Commands that may wait, over all databases.", scheduler.queueTotal),
    gauge(
      "docdb_database_queued",
      "Commands that wait for a slot, by database.",
      ofDatabases(figures, ({ info }) => queuedFor(info.database)),
    ),
    gauge("docdb_database_queue_limit", "Commands that may wait for one database.", scheduler.queuePerDatabase),
    times(
      "docdb_queue_wait_seconds",
      "How long commands waited for a slot; reads that are answered from memory need none.",
      calls.queueWaits,
    ),
    counter(
      "docdb_commands_executed_total",
      "Commands that were executed, from memory or in a slot.",
      scheduler.executed,
    ),
    counter(
      "docdb_commands_dropped_total",
      "Commands that left the queue because their callers had gone.",
      scheduler.dropped,
    ),
  ];
}
