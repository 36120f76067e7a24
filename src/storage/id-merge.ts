// Sorts the ids of a whole collection without holding up the event loop: each shard of the index gives sorted runs, and
// one merge over all runs puts them into order. The runs take 8 bytes an id until the merge has ended.

import type { Turn } from "../platform/turn.ts";
import { maxIdsInBlock } from "./id-block.ts";
import { IdOrder } from "./id-order.ts";
import type { IndexTable } from "./index-table.ts";

/** Ids that are sorted in one piece: one or two milliseconds' work. */
const idsInRun = 16_384;

/** Ids in a block that is built: the array is no larger for the others, and an insertion needn't split the block. */
const idsInBlock = (maxIdsInBlock * 3) / 4;

/** The ids of the live documents of a table, in order. What changes meanwhile may be in it or not. */
export async function sortedIds(table: IndexTable, turn: Turn): Promise<IdOrder> {
  const runs: Uint32Array[] = [];
  for (const shard of table.shards) {
    if (shard.live === 0) continue;
    const pairs = new Uint32Array(2 * shard.live);
    let length = 0;
    shard.forEachLiveId((low, high) => {
      pairs[length++] = low;
      pairs[length++] = high;
    });
    for (let start = 0; start < length; start += 2 * idsInRun) {
      const run = pairs.subarray(start, Math.min(length, start + 2 * idsInRun));
      // The low half comes first, as in a little-endian 64-bit integer.
      new BigUint64Array(run.buffer, run.byteOffset, run.length / 2).sort();
      runs.push(run);
      await turn.pause();
    }
  }
  const order = new IdOrder();
  const merge = new RunMerge(runs);
  for (let pairs = merge.take(idsInBlock); pairs.length > 0; pairs = merge.take(idsInBlock)) {
    order.appendBlock(pairs);
    await turn.pause();
  }
  return order;
}

/** A merge of sorted runs, by a heap of their next ids. */
class RunMerge {
  readonly #runs: readonly Uint32Array[];
  /** Where each run goes on. */
  readonly #next: Uint32Array;
  /** The heap: numbers of runs, the one with the least next id on top. */
  readonly #heap: Uint32Array;
  #size: number;
  readonly #taken = new Uint32Array(2 * maxIdsInBlock);

  constructor(runs: readonly Uint32Array[]) {
    this.#runs = runs;
    this.#next = new Uint32Array(runs.length);
    this.#heap = Uint32Array.from(runs.keys());
    this.#size = runs.length;
    for (let i = (this.#size >> 1) - 1; i >= 0; i--) this.#sink(i);
  }

  /** The next ids, at most `count`, as pairs of halves. A view that is valid until the next call. */
  take(count: number): Uint32Array {
    let length = 0;
    while (length < 2 * count && this.#size > 0) {
      const top = this.#heap[0] as number;
      const run = this.#runs[top] as Uint32Array;
      const next = this.#next[top] as number;
      this.#taken[length++] = run[next] as number;
      this.#taken[length++] = run[next + 1] as number;
      this.#next[top] = next + 2;
      if (next + 2 === run.length) this.#heap[0] = this.#heap[--this.#size] as number;
      this.#sink(0);
    }
    return this.#taken.subarray(0, length);
  }

  #sink(from: number): void {
    let at = from;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= this.#size) return;
      const right = left + 1;
      const least = right < this.#size && this.#isLess(right, left) ? right : left;
      if (!this.#isLess(least, at)) return;
      const run = this.#heap[at] as number;
      this.#heap[at] = this.#heap[least] as number;
      this.#heap[least] = run;
      at = least;
    }
  }

  #isLess(one: number, other: number): boolean {
    const [a, b] = [this.#heap[one] as number, this.#heap[other] as number];
    const [runA, runB] = [this.#runs[a] as Uint32Array, this.#runs[b] as Uint32Array];
    const [nextA, nextB] = [this.#next[a] as number, this.#next[b] as number];
    const [highA, highB] = [runA[nextA + 1] as number, runB[nextB + 1] as number];
    return highA < highB || (highA === highB && (runA[nextA] as number) < (runB[nextB] as number));
  }
}
