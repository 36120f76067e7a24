// A set of ids in order: blocks of up to 1,024 ids, found by binary search over their first ones. Finding a place costs
// O(log n); an insertion moves a part of one block, and now and then the list of blocks, which is a thousandth of the
// ids.
//
// Invariants
// 1. Blocks are never empty, ascend, and don't overlap.
// 2. A block that is added to only at its end is filled up before the next one begins: ids that ascend, as assigned
//    ones do, leave full blocks behind.
// 3. Small neighbours are merged, so that what many deletions leave takes no more than it should.

import { IdBlock, maxIdsInBlock } from "./id-block.ts";

/** Two neighbours are merged when one has fewer ids than this, and both together fewer than `mergedIds`. */
const fewIds = maxIdsInBlock / 4;
const mergedIds = (maxIdsInBlock * 3) / 4;
/** Bytes of a reference in the list of blocks. */
const referenceBytes = 8;

export class IdOrder {
  readonly #blocks: IdBlock[] = [];
  #count = 0;
  #blockBytes = 0;

  get count(): number {
    return this.#count;
  }

  /** Bytes of memory that the order takes. */
  get memoryBytes(): number {
    return this.#blockBytes + this.#blocks.length * referenceBytes;
  }

  /**
   * Adds ids that are greater than all that there are, as pairs of halves, ascending: at most as many as fit a block.
   */
  appendBlock(pairs: Uint32Array): void {
    if (pairs.length === 0) return;
    this.#addBlock(this.#blocks.length, IdBlock.of(pairs));
    this.#count += pairs.length / 2;
  }

  /** Adds an id; nothing happens when it is there. */
  add(low: number, high: number): void {
    let number = this.#blockOf(low, high);
    let block = this.#blocks[number];
    if (block === undefined) {
      this.appendBlock(Uint32Array.of(low, high));
      return;
    }
    let at = block.placeOf(low, high);
    if (block.isAt(at, low, high)) return;
    this.#count++;
    if (block.count === maxIdsInBlock) {
      if (at === maxIdsInBlock && number === this.#blocks.length - 1) {
        this.#addBlock(number + 1, IdBlock.of(Uint32Array.of(low, high)));
        return;
      }
      this.#resized(block, (full) => this.#addBlock(number + 1, full.split()));
      if (at > block.count) {
        at -= block.count;
        block = this.#blocks[++number] as IdBlock;
      }
    }
    this.#resized(block, (roomy) => roomy.insert(at, low, high));
  }

  /** Removes an id; nothing happens when it isn't there. */
  remove(low: number, high: number): void {
    const number = this.#blockOf(low, high);
    const block = this.#blocks[number];
    const at = block?.placeOf(low, high) ?? 0;
    if (block === undefined || !block.isAt(at, low, high)) return;
    this.#count--;
    this.#resized(block, () => block.removeAt(at));
    if (block.count === 0) this.#dropBlock(number);
    else if (block.count < fewIds) this.#mergeAt(number);
  }

  /** Ids that are not less than this one, ascending, at most `count`: the low and the high half of each. */
  ascending(low: number, high: number, count: number): Uint32Array {
    const found = new Uint32Array(2 * Math.min(count, this.#count));
    let number = this.#blockOf(low, high);
    let at = this.#blocks[number]?.placeOf(low, high) ?? 0;
    let length = 0;
    for (; number < this.#blocks.length && length < found.length; number++, at = 0) {
      const block = this.#blocks[number] as IdBlock;
      for (; at < block.count && length < found.length; at++) {
        found[length++] = block.lowAt(at);
        found[length++] = block.highAt(at);
      }
    }
    return found.subarray(0, length);
  }

  /** Ids that are not greater than this one, descending, at most `count`: the low and the high half of each. */
  descending(low: number, high: number, count: number): Uint32Array {
    const found = new Uint32Array(2 * Math.min(count, this.#count));
    let number = this.#blockOf(low, high);
    let block = this.#blocks[number];
    if (block === undefined) return found.subarray(0, 0);
    const place = block.placeOf(low, high);
    let at = block.isAt(place, low, high) ? place : place - 1;
    let length = 0;
    while (block !== undefined) {
      for (; at >= 0 && length < found.length; at--) {
        found[length++] = block.lowAt(at);
        found[length++] = block.highAt(at);
      }
      if (length === found.length) break;
      block = this.#blocks[--number];
      at = (block?.count ?? 0) - 1;
    }
    return found.subarray(0, length);
  }

  /** The number of the last block that begins with an id not greater than this one; 0 when there is none. */
  #blockOf(low: number, high: number): number {
    let [from, to] = [0, this.#blocks.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      const block = this.#blocks[middle] as IdBlock;
      if (block.isBelow(0, low, high) || block.isAt(0, low, high)) from = middle + 1;
      else to = middle;
    }
    return Math.max(0, from - 1);
  }

  #resized(block: IdBlock, change: (block: IdBlock) => void): void {
    this.#blockBytes -= block.memoryBytes;
    change(block);
    this.#blockBytes += block.memoryBytes;
  }

  #addBlock(number: number, block: IdBlock): void {
    this.#blockBytes += block.memoryBytes;
    if (number === this.#blocks.length) this.#blocks.push(block);
    else this.#blocks.splice(number, 0, block);
  }

  #dropBlock(number: number): void {
    for (const block of this.#blocks.splice(number, 1)) this.#blockBytes -= block.memoryBytes;
  }

  #mergeAt(number: number): void {
    for (const [lowerNumber, upperNumber] of [
      [number, number + 1],
      [number - 1, number],
    ] as const) {
      const [lower, upper] = [this.#blocks[lowerNumber], this.#blocks[upperNumber]];
      if (lower === undefined || upper === undefined || lower.count + upper.count > mergedIds) continue;
      this.#resized(lower, () => lower.append(upper));
      this.#dropBlock(upperNumber);
      return;
    }
  }
}
