// The parts of a collection that a transaction has read from end to end: disjoint closed ranges of ids, in order.
// Ranges that touch or overlap become one, so a scan that reads page after page costs one range.

interface IdRange {
  readonly from: bigint;
  readonly to: bigint;
}

export class IdRanges {
  readonly #ranges: IdRange[] = [];

  get count(): number {
    return this.#ranges.length;
  }

  /** Adds all ids from `from` to `to`, both included; returns how many more ranges there are now. */
  add(from: bigint, to: bigint): number {
    if (from > to) return 0;
    // Those that end before the new one, without touching it, stay in front of it.
    const start = this.#firstEndingAt(from - 1n);
    let [low, high] = [from, to];
    let count = 0;
    for (;;) {
      const range = this.#ranges[start + count];
      if (range === undefined || range.from > to + 1n) break;
      if (range.from < low) low = range.from;
      if (range.to > high) high = range.to;
      count++;
    }
    this.#ranges.splice(start, count, { from: low, to: high });
    return 1 - count;
  }

  has(id: bigint): boolean {
    const range = this.#ranges[this.#firstEndingAt(id)];
    return range !== undefined && range.from <= id;
  }

  /** The place of the first range that ends at `id` or later. */
  #firstEndingAt(id: bigint): number {
    let [low, high] = [0, this.#ranges.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ranges[middle] as IdRange).to < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
