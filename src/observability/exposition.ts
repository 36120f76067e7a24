// Metrics as text, in the two forms that Prometheus reads: its own (version 0.0.4) and OpenMetrics 1.0, which has
// exemplars.
//
//     # HELP docdb_operations_total Calls that have ended.
//     # TYPE docdb_operations_total counter
//     docdb_operations_total{operation="GetDocument",status="OK"} 12
//
// https://prometheus.io/docs/instrumenting/exposition_formats/ and
// https://prometheus.io/docs/specs/om/open_metrics_spec/

import type { Exemplar } from "../telemetry/call-meters.ts";
import type { Histogram } from "../telemetry/histogram.ts";

export type Labels = Readonly<Record<string, string>>;

/** One figure of a metric. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** The figures of a histogram, of times in milliseconds unless `unit` says otherwise. */
export interface HistogramSample {
  readonly labels: Labels;
  readonly histogram: Histogram;
  /** One for each bucket, or none. */
  readonly exemplars?: readonly (Exemplar | undefined)[];
}

interface Described {
  readonly name: string;
  /** What it counts or measures, in one line. */
  readonly help: string;
}

/** A metric and its figures now. `untyped` is for a name that promises another type than the figure has. */
export type Metric =
  | (Described & { readonly type: "counter" | "gauge" | "untyped"; readonly samples: readonly Sample[] })
  | (Described & {
      readonly type: "histogram";
      /** What the histogram's figures are: milliseconds are exposed as seconds. */
      readonly unit: "milliseconds" | "count";
      readonly samples: readonly HistogramSample[];
    });

export type TextFormat = "prometheus" | "openmetrics";

/** What HTTP calls the formats. */
export const contentTypes: Readonly<Record<TextFormat, string>> = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

export function metricsText(metrics: readonly Metric[], format: TextFormat): string {
  const lines: string[] = [];
  for (const metric of metrics) {
    const { name, help, type } = metric;
    const open = format === "openmetrics";
    // OpenMetrics calls a counter by the name without its suffix.
    const family = open && type === "counter" ? name.replace(/_total$/, "") : name;
    lines.push(
      `# HELP ${family} ${escaped(help)}`,
      `# TYPE ${family} ${open && type === "untyped" ? "unknown" : type}`,
    );
    if (metric.type === "histogram") for (const sample of metric.samples) addHistogram(lines, metric, sample, open);
    else for (const { labels, value } of metric.samples) lines.push(`${name}${labelText(labels)} ${numberText(value)}`);
  }
  if (format === "openmetrics") lines.push("# EOF");
  return `${lines.join("\n")}\n`;
}

function addHistogram(
  lines: string[],
  { name, unit }: Extract<Metric, { type: "histogram" }>,
  { labels, histogram, exemplars }: HistogramSample,
  withExemplars: boolean,
): void {
  const scale = unit === "milliseconds" ? 1_000 : 1;
  const { bounds, counts, sum } = histogram;
  let total = 0;
  for (const [i, count] of counts.entries()) {
    total += count;
    const bound = bounds[i];
    const le = bound === undefined ? "+Inf" : numberText(bound / scale);
    const exemplar = withExemplars ? exemplarText(exemplars?.[i]) : "";
    lines.push(`${name}_bucket${labelText({ ...labels, le })} ${total}${exemplar}`);
  }
  lines.push(
    `${name}_sum${labelText(labels)} ${numberText(sum / scale)}`,
    `${name}_count${labelText(labels)} ${total}`,
  );
}

function exemplarText(exemplar: Exemplar | undefined): string {
  if (exemplar === undefined) return "";
  const { traceId, durationMs, timeMs } = exemplar;
  return ` # {trace_id="${traceId}"} ${numberText(durationMs / 1_000)} ${numberText(timeMs / 1_000)}`;
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value).replaceAll('"', '\\"')}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (Number.isFinite(value)) return String(value);
  return value > 0 ? "+Inf" : "-Inf";
}
