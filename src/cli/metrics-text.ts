// Metrics in Prometheus' text format, as GetMetrics returns them, and what can be reckoned from two readings of them.
// https://prometheus.io/docs/instrumenting/exposition_formats/

/** Samples of one metric: their labels and values. */
interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Labels that a sample must have; others don't matter. */
export type Labels = Readonly<Record<string, string>>;

const line = /^([A-Za-z_:][\w:]*)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})? (\S+)/;
const label = /([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"/g;
const escapes: Readonly<Record<string, string>> = { n: "\n" };

/** One reading of a server's metrics. */
export class MetricsReading {
  readonly #samples = new Map<string, Sample[]>();

  constructor(text: string) {
    for (const each of text.split("\n")) {
      const [, name, labels = "", value] = line.exec(each) ?? [];
      if (name === undefined || value === undefined) continue;
      const sample = { labels: labelsIn(labels), value: value === "+Inf" ? Number.POSITIVE_INFINITY : Number(value) };
      const known = this.#samples.get(name);
      if (known === undefined) this.#samples.set(name, [sample]);
      else known.push(sample);
    }
  }

  /** The sum of a metric's samples that have these labels; 0 without any. */
  sum(metric: string, labels: Labels = {}): number {
    return this.#matching(metric, labels).reduce((sum, { value }) => sum + value, 0);
  }

  /** The values that a label has in a metric's samples, in their order. */
  valuesOf(metric: string, name: string): string[] {
    return [...new Set((this.#samples.get(metric) ?? []).map(({ labels }) => labels[name] ?? ""))];
  }

  /** The counts of a histogram's buckets, each with all below it, by their upper bounds. */
  buckets(metric: string, labels: Labels = {}): Map<number, number> {
    const counts = new Map<number, number>();
    for (const { labels: own, value } of this.#matching(`${metric}_bucket`, labels)) {
      const bound = own["le"] === "+Inf" ? Number.POSITIVE_INFINITY : Number(own["le"]);
      counts.set(bound, (counts.get(bound) ?? 0) + value);
    }
    return counts;
  }

  #matching(metric: string, wanted: Labels): Sample[] {
    const samples = this.#samples.get(metric) ?? [];
    const entries = Object.entries(wanted);
    return samples.filter(({ labels }) => entries.every(([name, value]) => labels[name] === value));
  }
}

/** What happened between two readings. */
export class MetricsChange {
  readonly #before: MetricsReading;
  readonly now: MetricsReading;
  readonly #seconds: number;

  constructor(before: MetricsReading, now: MetricsReading, seconds: number) {
    this.#before = before;
    this.now = now;
    this.#seconds = seconds;
  }

  /** How much a counter grew. */
  growth(metric: string, labels?: Labels): number {
    // A server that was restarted meanwhile counts from 0 again.
    return Math.max(0, this.now.sum(metric, labels) - this.#before.sum(metric, labels));
  }

  /** How much it grew a second. */
  rate(metric: string, labels?: Labels): number {
    return this.growth(metric, labels) / this.#seconds;
  }

  /** The quantile of a histogram's new observations, between the bounds of its bucket; undefined without any. */
  quantile(metric: string, quantile: number, labels?: Labels): number | undefined {
    const before = this.#before.buckets(metric, labels);
    const counts = [...this.now.buckets(metric, labels)]
      .map(([bound, count]) => [bound, count - (before.get(bound) ?? 0)] as const)
      .sort(([a], [b]) => a - b);
    const wanted = (counts.at(-1)?.[1] ?? 0) * quantile;
    if (wanted <= 0) return undefined;
    let [lower, below] = [0, 0];
    for (const [bound, count] of counts) {
      if (count >= wanted) {
        if (bound === Number.POSITIVE_INFINITY) return lower;
        return lower + (bound - lower) * ((wanted - below) / (count - below));
      }
      [lower, below] = [bound, count];
    }
    return lower;
  }
}

function labelsIn(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [, name = "", value = ""] of text.matchAll(label)) {
    found[name] = value.replaceAll(/\\(.)/g, (_, escaped: string) => escapes[escaped] ?? escaped);
  }
  return found;
}
