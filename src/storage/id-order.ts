// Ids in order out of an index that has none: the smallest ones after a given id, by one pass with a bounded heap.
// The cost is in proportion to the collection, with little per document; pages that cost only what they hold need an
// ordered structure beside the index.

import { idHigh, idLow, idOf } from "../base/u64.ts";
import type { IndexTable } from "./index-table.ts";

/**
 * The `count` smallest ids of live documents that are greater than `after`, ascending. `pause` is awaited after every
 * shard, so that a large collection doesn't hold up the event loop.
 */
export async function smallestIdsAfter(
  table: IndexTable,
  after: bigint,
  count: number,
  pause: () => Promise<void>,
): Promise<bigint[]> {
  const heap = new BoundedMaxHeap(count);
  const afterLow = idLow(after);
  const afterHigh = idHigh(after);
  for (const shard of table.shards) {
    if (shard.live === 0) continue;
    shard.forEachLiveId((low, high) => {
      if (high > afterHigh || (high === afterHigh && low > afterLow)) heap.offer(low, high);
    });
    await pause();
  }
  return heap.ascending();
}

/** Keeps the `size` smallest of the ids offered; the greatest kept one is on top. */
class BoundedMaxHeap {
  readonly #low: Uint32Array;
  readonly #high: Uint32Array;
  #count = 0;

  constructor(size: number) {
    this.#low = new Uint32Array(size);
    this.#high = new Uint32Array(size);
  }

  offer(low: number, high: number): void {
    if (this.#count < this.#low.length) {
      this.#place(this.#count, low, high);
      this.#up(this.#count++);
    } else if (this.#count > 0 && this.#isBelow(low, high, 0)) {
      this.#place(0, low, high);
      this.#down(0);
    }
  }

  ascending(): bigint[] {
    const ids: bigint[] = [];
    for (let i = 0; i < this.#count; i++) ids.push(idOf(this.#low[i] as number, this.#high[i] as number));
    return ids.sort((a, b) => (a < b ? -1 : 1));
  }

  #place(at: number, low: number, high: number): void {
    this.#low[at] = low;
    this.#high[at] = high;
  }

  /** Whether an id is smaller than the one at a place. */
  #isBelow(low: number, high: number, at: number): boolean {
    const otherHigh = this.#high[at] as number;
    return high < otherHigh || (high === otherHigh && low < (this.#low[at] as number));
  }

  #less(a: number, b: number): boolean {
    return this.#isBelow(this.#low[a] as number, this.#high[a] as number, b);
  }

  #swap(a: number, b: number): void {
    const low = this.#low[a] as number;
    const high = this.#high[a] as number;
    this.#place(a, this.#low[b] as number, this.#high[b] as number);
    this.#place(b, low, high);
  }

  #up(from: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#less(parent, at)) return;
      this.#swap(parent, at);
      at = parent;
    }
  }

  #down(from: number): void {
    let at = from;
    for (;;) {
      let greatest = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < this.#count && this.#less(greatest, child)) greatest = child;
      }
      if (greatest === at) return;
      this.#swap(at, greatest);
      at = greatest;
    }
  }
}
