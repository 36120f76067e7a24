// How often a figure was how large: counts in buckets with fixed upper bounds, as Prometheus has them. Recording costs
// a search in a handful of numbers and allocates nothing, so that it can stand on the hottest path.

export class Histogram {
  /** Upper bounds of the buckets, each belonging to its bucket, in ascending order. */
  readonly bounds: Float64Array;
  /** Figures in each bucket alone; the last has what is above all bounds. */
  readonly counts: Float64Array;
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = Float64Array.from(bounds);
    this.counts = new Float64Array(bounds.length + 1);
  }

  /** The figures recorded, added up. */
  get sum(): number {
    return this.#sum;
  }

  /** How many figures were recorded. */
  get count(): number {
    return this.counts.reduce((total, count) => total + count, 0);
  }

  /** Counts a figure; returns its bucket. */
  record(figure: number): number {
    const { bounds } = this;
    let low = 0;
    let high = bounds.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (figure <= (bounds[middle] as number)) high = middle;
      else low = middle + 1;
    }
    this.counts[low] = (this.counts[low] as number) + 1;
    this.#sum += figure;
    return low;
  }
}

/** Bounds for times, in milliseconds: from what memory answers to what nobody waits for. */
export const durationBoundsMs: readonly number[] = [
  0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000,
];

/** Bounds for work that takes long, in milliseconds. */
export const longDurationBoundsMs: readonly number[] = [
  1, 5, 10, 50, 100, 500, 1_000, 5_000, 10_000, 60_000, 300_000, 1_800_000,
];

/** Bounds for how many commits share an fsync. */
export const groupSizeBounds: readonly number[] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 4_096];
