// The figures that GetStats answers with, as plain data, and who gathers them: the composition root, which knows all
// the parts. Gathering opens nothing and waits for nobody.

import type { EngineOptions } from "../engine/engine-options.ts";
import type { EngineStats } from "../engine/engine-stats.ts";
import type { SchedulerStats } from "../scheduler/scheduler.ts";
import type { BackgroundStats } from "../platform/background.ts";
import type { ErrorStats } from "../telemetry/error-tracker.ts";

/** Gathers the figures of the server with those of one database, or of all with an empty name. DATABASE_NOT_FOUND. */
export type Statistics = (database: string) => ServerFigures;

export interface ServerFigures {
  readonly process: ProcessFigures;
  readonly engine: EngineStats;
  readonly scheduler: SchedulerStats;
  readonly background: BackgroundStats;
  /** Commands of a database that wait for a slot. */
  readonly queuedFor: (database: string) => number;
  readonly fsyncMode: EngineOptions["fsyncMode"];
  readonly errors: ErrorStats;
}

export interface ProcessFigures {
  readonly version: string;
  readonly startTimeMs: number;
  readonly processId: number;
  readonly nodeVersion: string;
  readonly connections: number;
  readonly residentBytes: number;
  readonly eventLoopDelayP99Ms: number;
  /** An absolute path. */
  readonly dataDirectory: string;
}
