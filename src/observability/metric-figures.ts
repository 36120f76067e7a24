// What the metrics are made of, all of it read in one turn of the event loop and from memory, and short ways to write a
// metric down.

import type { DatabaseStats, OpenDatabaseStats } from "../engine/engine-stats.ts";
import type { BackgroundStats } from "../platform/background.ts";
import type { ServerFigures } from "../rpc/server-figures.ts";
import type { CallMeters } from "../telemetry/call-meters.ts";
import type { Histogram } from "../telemetry/histogram.ts";
import type { Meters } from "../telemetry/meters.ts";
import type { Metric, Sample } from "./exposition.ts";

export interface MetricFigures extends ServerFigures {
  readonly calls: CallMeters;
  readonly meters: Meters;
  readonly background: BackgroundStats;
  /** Calls in flight, and streams of DocumentService.Pipeline among them. */
  readonly inFlight: number;
  readonly pipelines: number;
  /** Connections that aren't read for now. */
  readonly heldBack: number;
}

export function counter(name: string, help: string, samples: readonly Sample[] | number): Metric {
  return { name, help, type: "counter", samples: samplesOf(samples) };
}

export function gauge(name: string, help: string, samples: readonly Sample[] | number): Metric {
  return { name, help, type: "gauge", samples: samplesOf(samples) };
}

/** Times, which the histogram has in milliseconds and the metric in seconds. */
export function times(name: string, help: string, histogram: Histogram): Metric {
  return { name, help, type: "histogram", unit: "milliseconds", samples: [{ labels: {}, histogram }] };
}

/** One sample for each member of an object. */
export function byLabel(label: string, values: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(values).map(([name, value]) => ({ labels: { [label]: name }, value }));
}

/** One sample for each open database; those without a label of their own are added up. */
export function byDatabase(figures: MetricFigures, of: (stats: OpenDatabaseStats) => number): Sample[] {
  return ofDatabases(figures, ({ opened }) => (opened === undefined ? undefined : of(opened)));
}

/** The same for all databases; undefined says that one has no such figure. */
export function ofDatabases(
  { calls, engine }: MetricFigures,
  of: (stats: DatabaseStats) => number | undefined,
): Sample[] {
  const sums = new Map<string, number>();
  for (const stats of engine.databases) {
    const value = of(stats);
    if (value === undefined) continue;
    const label = calls.databases.labelOf(stats.info.database);
    sums.set(label, (sums.get(label) ?? 0) + value);
  }
  return [...sums].map(([database, value]) => ({ labels: { database }, value }));
}

function samplesOf(samples: readonly Sample[] | number): readonly Sample[] {
  return typeof samples === "number" ? [{ labels: {}, value: samples }] : samples;
}
