// Up to 1,024 ids in ascending order, in one typed array: as 16-bit or 32-bit distances from a base, or, where they lie
// further apart, as the two halves of each. So neighbouring ids take 2 bytes, and random ones 8.
//
// Invariants
// 1. Ids are strictly ascending. An id is two unsigned 32-bit halves.
// 2. The array has little more room than ids: `slack` elements more after an insertion, never more than `maxSpare`.

import { assert } from "../base/assert.ts";

export const maxIdsInBlock = 1_024;
const slack = 32;
const maxSpare = 80;
const two32 = 0x1_0000_0000;
/** Bytes of the objects around a block's ids, about. */
const objectBytes = 240;

/** Ids as pairs of halves, low then high: what blocks are made of and changed through. One block uses it at a time. */
const scratch = new Uint32Array(2 * (maxIdsInBlock + 1));

/** How a block's ids are written. */
type Width = 2 | 4 | 8;

export class IdBlock {
  #words: Uint16Array | Uint32Array = new Uint16Array(0);
  #width: Width = 2;
  #baseLow = 0;
  #baseHigh = 0;
  #count = 0;

  /** A block of the ids in `pairs`: low and high half of each, ascending. */
  static of(pairs: Uint32Array): IdBlock {
    const block = new IdBlock();
    scratch.set(pairs);
    block.#encode(pairs.length / 2, 0);
    return block;
  }

  get count(): number {
    return this.#count;
  }

  /** Bytes of memory that the block takes. */
  get memoryBytes(): number {
    return this.#words.byteLength + objectBytes;
  }

  lowAt(i: number): number {
    if (this.#width === 8) return this.#words[2 * i] as number;
    return (this.#baseLow + (this.#words[i] as number)) % two32;
  }

  highAt(i: number): number {
    if (this.#width === 8) return this.#words[2 * i + 1] as number;
    return this.#baseHigh + (this.#baseLow + (this.#words[i] as number) >= two32 ? 1 : 0);
  }

  /** Whether the id at a place is less than this one. */
  isBelow(i: number, low: number, high: number): boolean {
    const highHere = this.highAt(i);
    return highHere < high || (highHere === high && this.lowAt(i) < low);
  }

  /** How many ids are less than this one: its place, or where it would be. */
  placeOf(low: number, high: number): number {
    let [from, to] = [0, this.#count];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.isBelow(middle, low, high)) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  /** Whether the id at a place is this one. */
  isAt(i: number, low: number, high: number): boolean {
    return i < this.#count && this.lowAt(i) === low && this.highAt(i) === high;
  }

  /** Puts an id in its place, which `placeOf` found and where it isn't yet. The block must not be full. */
  insert(at: number, low: number, high: number): void {
    assert(this.#count < maxIdsInBlock, "an id is put into a block that is full");
    const distance = (high - this.#baseHigh) * two32 + (low - this.#baseLow);
    const fits = this.#width === 8 || (distance >= 0 && distance < 2 ** (8 * this.#width));
    if (!fits) {
      this.#decode();
      scratch.copyWithin(2 * (at + 1), 2 * at, 2 * this.#count);
      scratch[2 * at] = low;
      scratch[2 * at + 1] = high;
      this.#encode(this.#count + 1, slack);
      return;
    }
    const each = this.#elementsEach;
    if ((this.#count + 1) * each > this.#words.length) this.#resize(this.#count + slack);
    this.#words.copyWithin((at + 1) * each, at * each, this.#count * each);
    this.#count++;
    if (this.#width === 8) {
      this.#words[2 * at] = low;
      this.#words[2 * at + 1] = high;
    } else {
      this.#words[at] = distance;
    }
  }

  removeAt(at: number): void {
    const each = this.#elementsEach;
    this.#words.copyWithin(at * each, (at + 1) * each, this.#count * each);
    this.#count--;
    if (this.#words.length / each - this.#count > maxSpare) this.#resize(this.#count + slack);
  }

  /** Takes the upper half of the ids away, into a new block. */
  split(): IdBlock {
    const middle = this.#count >> 1;
    this.#decode();
    const upper = IdBlock.of(scratch.slice(2 * middle, 2 * this.#count));
    this.#decode();
    this.#encode(middle, 0);
    return upper;
  }

  /** Adds the ids of a block that lies above this one. Together they must fit. */
  append(above: IdBlock): void {
    const count = this.#count + above.#count;
    assert(count <= maxIdsInBlock, "two blocks of ids don't fit into one");
    above.#decode();
    scratch.copyWithin(2 * this.#count, 0, 2 * above.#count);
    this.#decode();
    this.#encode(count, slack);
  }

  get #elementsEach(): 1 | 2 {
    return this.#width === 8 ? 2 : 1;
  }

  #resize(ids: number): void {
    const old = this.#words;
    const length = Math.min(ids, maxIdsInBlock) * this.#elementsEach;
    this.#words = this.#width === 2 ? new Uint16Array(length) : new Uint32Array(length);
    this.#words.set(old.subarray(0, Math.min(length, this.#count * this.#elementsEach)));
  }

  #decode(): void {
    for (let i = 0; i < this.#count; i++) {
      scratch[2 * i] = this.lowAt(i);
      scratch[2 * i + 1] = this.highAt(i);
    }
  }

  /** Takes the first ids of `scratch`, in the narrowest width that holds them. */
  #encode(count: number, spare: number): void {
    const [low, high] = [scratch[0] as number, scratch[1] as number];
    const [lastLow, lastHigh] = [scratch[2 * count - 2] as number, scratch[2 * count - 1] as number];
    const span = (lastHigh - high) * two32 + (lastLow - low);
    this.#width = span < 2 ** 16 ? 2 : span < two32 ? 4 : 8;
    this.#count = count;
    // What comes next may lie on either side.
    const room = this.#width === 8 ? 0 : Math.floor((2 ** (8 * this.#width) - 1 - span) / 2);
    const below = Math.min(room, high * two32 + low);
    this.#baseHigh = low < below ? high - 1 : high;
    this.#baseLow = low < below ? low - below + two32 : low - below;
    const length = Math.min(count + spare, maxIdsInBlock) * this.#elementsEach;
    this.#words = this.#width === 2 ? new Uint16Array(length) : new Uint32Array(length);
    if (this.#width === 8) {
      this.#words.set(scratch.subarray(0, 2 * count));
      return;
    }
    for (let i = 0; i < count; i++) {
      const distance = (scratch[2 * i + 1] as number) - this.#baseHigh;
      this.#words[i] = distance * two32 + ((scratch[2 * i] as number) - this.#baseLow);
    }
  }
}
