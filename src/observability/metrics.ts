// All metrics of a server, in the order in which they are exposed. docs/metrics.md has them in a table, which a test
// compares with what is exposed.

import { callMetrics } from "./call-metrics.ts";
import type { Metric } from "./exposition.ts";
import type { MetricFigures } from "./metric-figures.ts";
import { serverMetrics } from "./server-metrics.ts";
import { storageMetrics } from "./storage-metrics.ts";

export function metricsOf(figures: MetricFigures): Metric[] {
  return [...callMetrics(figures), ...storageMetrics(figures), ...serverMetrics(figures)];
}
