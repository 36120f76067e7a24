// The composition root: builds everything that a server is, from the platform up, and takes it down in order.
//
// Start: data directory (its lock first), scheduler, services, socket; then, while it serves, the recovery of databases
// that were not closed in good order. Stop: no new connections and no new calls,
// health says so, calls in flight end, databases are checkpointed and closed, the lock is released.

import { readFile } from "node:fs/promises";
import { DocDBError } from "../base/errors.ts";
import { Engine } from "../engine/engine.ts";
import { realPlatform } from "../platform/real/real-platform.ts";
import { Asking } from "../rpc/asking.ts";
import { CallMemory } from "../rpc/call-memory.ts";
import { CallGate } from "../rpc/call-gate.ts";
import { metricsText, type TextFormat } from "../observability/exposition.ts";
import { metricsOf } from "../observability/metrics.ts";
import { MetricsEndpoint } from "../observability/metrics-endpoint.ts";
import { HealthBoard } from "../rpc/health-board.ts";
import { ReplyRooms } from "../rpc/reply-room.ts";
import { addServices, docdbServices } from "../rpc/services.ts";
import type { ServerFigures } from "../rpc/server-figures.ts";
import { Background } from "../platform/background.ts";
import { Scheduler } from "../scheduler/scheduler.ts";
import { CallMeters } from "../telemetry/call-meters.ts";
import { unwatched, Watch } from "../telemetry/call-watch.ts";
import { ErrorTracker } from "../telemetry/error-tracker.ts";
import { Meters } from "../telemetry/meters.ts";
import { SlowOperations } from "../telemetry/slow-operations.ts";
import { noTracer, type Tracer } from "../telemetry/tracer.ts";
import type { Observer } from "../telemetry/observer.ts";
import { Listener } from "./listener.ts";
import type { ServerOptions } from "./options.ts";
import { ProcessStatistics } from "./process-statistics.ts";
import { checkSocketPath } from "./socket-file.ts";
import { inheritedSocket } from "./socket-activation.ts";

/** A server that answers. */
export interface RunningServer {
  /** The path that it listens on. */
  readonly socket: string;
  /** Where metrics are served over HTTP, if they are. */
  readonly metricsUrl: string | undefined;
  /** Stops gracefully: finishes calls (for `drainMs` at most), checkpoints, and releases the data directory. */
  close(): Promise<void>;
}

/** What a reflection client may learn, beside the generated code. */
const descriptors = new URL("../../gen/descriptors.binpb", import.meta.url);

/** How long connections get to close when their calls have ended. */
const connectionGraceMs = 1_000;

/**
 * Starts a server. `tracer` records calls, if any are to be recorded.
 *
 * ALREADY_RUNNING, INVALID_SETTING, DATABASE_CORRUPT (of the catalog); nothing is left behind then.
 */
export async function startServer(
  options: ServerOptions,
  log: Observer,
  tracer: Tracer = noTracer,
): Promise<RunningServer> {
  const inherited = inheritedSocket(process.env, process.pid);
  if (inherited === undefined) checkSocketPath(options.socket);
  const platform = realPlatform();
  const observer = new ErrorTracker(log, platform.clock);
  const health = new HealthBoard(docdbServices);
  const background = new Background(platform.clock, options.backgroundShare);
  const meters = new Meters();
  const calls = new CallMeters((database) => engine.nameOf(database));
  const engine = await Engine.open({
    directory: options.dataDirectory,
    platform,
    observer,
    background,
    meters,
    fsyncMode: options.fsyncMode,
    fsyncIntervalMs: options.fsyncIntervalMs,
    segmentBytes: options.segmentBytes,
    checkpointBytes: options.checkpointBytes,
    trimAfterCheckpoint: options.trimAfterCheckpoint,
    keepSegments: options.keepSegments,
    compactionBytes: options.compactionBytes,
    compactionDeadRatio: options.compactionDeadRatio,
    backupDirectory: options.backupDirectory,
    scrubIntervalMs: options.scrubIntervalMs,
    scrubBytesPerSecond: options.scrubBytesPerSecond,
    memoryBytes: options.memoryBytes,
    databaseMemoryBytes: options.databaseMemoryBytes,
    cacheBytes: options.cacheBytes,
    maxOpenDatabases: options.maxOpenDatabases,
    idleCloseMs: options.idleCloseMs,
    onDatabaseState: ({ database, state }) => {
      health.setDatabase(database, state);
      if (state === "deleted") calls.databases.forget(database);
    },
  }).catch(inWords(options.dataDirectory));
  for (const { database, state } of engine.databases()) health.setDatabase(database, state);
  const { clock, random } = platform;
  const scheduler = new Scheduler(engine, clock, options, background);
  const gate = new CallGate();
  const memory = new CallMemory(engine.memory);
  const listener = new Listener({ ...options, inherited }, observer, memory.account, scheduler);
  const ownProcess = new ProcessStatistics(options.dataDirectory);
  const statistics = (database: string): ServerFigures => ({
    process: ownProcess.figures(listener.connections),
    engine: engine.stats(database),
    scheduler: scheduler.stats,
    background: background.stats,
    queuedFor: (name) => scheduler.queuedFor(name),
    fsyncMode: options.fsyncMode,
    errors: observer.stats,
  });
  const metrics = (format: TextFormat): string => {
    const { inFlight, pipelines } = gate;
    const now = { inFlight, pipelines, heldBack: listener.heldBack };
    return metricsText(metricsOf({ ...statistics(""), calls, meters, background: background.stats, ...now }), format);
  };
  const slow = new SlowOperations(options.slowOperationMs, observer, clock);
  const watch = options.metrics || tracer.isOn ? new Watch({ clock, meters: calls, tracer, slow }) : unwatched;
  const environment = {
    executor: scheduler,
    observer,
    clock,
    random,
    gate,
    asking: new Asking(scheduler, (...asked) => listener.asked(...asked)),
    replyRooms: new ReplyRooms(),
    memory,
    statistics,
    watch,
    metrics: () => metrics("prometheus"),
  };
  addServices(listener.grpc, environment, health, () => readFile(descriptors));
  let endpoint: MetricsEndpoint | undefined;
  try {
    if (options.metricsAddress !== undefined) {
      endpoint = await MetricsEndpoint.listen(options.metricsAddress, metrics, observer);
    }
    await listener.listen();
  } catch (error) {
    await endpoint?.close();
    ownProcess.close();
    await engine.close();
    throw error;
  }
  gate.open();
  health.setServing(true);
  void engine.recover();

  const stop = async (): Promise<void> => {
    health.setServing(false);
    await listener.stopAccepting().catch((error: unknown) => {
      observer.event("warn", "the socket file was left behind", { socket: options.socket, error: String(error) });
    });
    engine.stopLongWork();
    const ended = gate.drain().then(() => scheduler.drain());
    listener.readAll();
    const drained = await inTime(ended, options.drainMs);
    if (!drained) {
      observer.event("warn", "calls did not end in time and were given up", { drainMs: options.drainMs });
      gate.interruptAll();
    }
    await listener.closeConnections(connectionGraceMs);
    await endpoint?.close();
    ownProcess.close();
    await engine.close();
  };
  let stopped: Promise<void> | undefined;
  return { socket: options.socket, metricsUrl: endpoint?.url, close: () => (stopped ??= stop()) };
}

/** Whether `work` ended within the time. */
async function inTime(work: Promise<void>, limitMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, limitMs, false);
  });
  const ended = await Promise.race([work.then(() => true), late]);
  clearTimeout(timer);
  return ended;
}

/** What the file system refused, in words that name the setting. Other errors stay what they are. */
function inWords(dataDirectory: string): (error: unknown) => never {
  return (error) => {
    const refused = error instanceof Error && !(error instanceof DocDBError) && "syscall" in error;
    if (!refused) throw error;
    const message = `The data directory ${dataDirectory} can't be used: ${error.message}.`;
    throw new DocDBError("INVALID_SETTING", message, { cause: error });
  };
}
