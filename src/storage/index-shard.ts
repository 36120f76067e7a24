// One shard of the index: an open-addressing hash table in one typed array, off the JavaScript heap, so that ten
// million entries cost the garbage collector nothing.
//
//   slot := id low, id high, version low, version high (16) | offset high (15) | parity (1), offset low,
//           record length (31) | deleted (1), create time low, create time high        -- eight u32, 32 bytes
//
// Invariants
// 1. A slot is empty when its sixth word is 0: no record has length 0.
// 2. Probing is linear and the load stays at 0.85 or below, so that every probe ends.
// 3. Entries are never removed one by one; a deletion is an entry too (a tombstone lives until compaction drops them
//    all).

import type { MemoryAccount } from "../base/memory-account.ts";
import { freeBytes } from "./working-memory.ts";

const wordsPerSlot = 8;
const deletedFlag = 0x8000_0000;
const parityFlag = 0x8000_0000;
const lengthMask = 0x7fff_ffff;
const maxLoad = 0.85;
/** Small steps waste little memory: right after one, 0.68 of the slots are full. */
const growth = 1.25;
/** Where a table is filled to that was made anew. */
const midLoad = 0.75;
const minCapacity = 4;
const noWords = new Uint32Array(0);
const two32 = 0x1_0000_0000;
const two47 = 0x8000_0000_0000;

/** The low bit of a data file's generation. */
export type Parity = 0 | 1;

/** Where the newest version of a document is, and what a mutation must know of it. */
export interface IndexEntry {
  readonly version: number;
  /** Byte offset of the record in the data file. */
  readonly offset: number;
  /** Bytes of the record in the data file. */
  readonly length: number;
  /** Which data file: the low bit of its generation. There are never more than two, with consecutive generations. */
  readonly parity: Parity;
  readonly deleted: boolean;
  readonly createTimeMs: number;
}

/** Versions and offsets below this fit into a slot. */
export const indexNumberLimit: number = two47;

export class IndexShard {
  #words: Uint32Array<ArrayBuffer>;
  #capacity: number;
  #live = 0;
  #tombstones = 0;
  #liveRecordBytes = 0;
  readonly #memory: MemoryAccount | undefined;
  readonly #early: number;

  /** `memory` is charged with the slots. `early`: the part of its slots by which it grows before it must. */
  constructor(memory?: MemoryAccount, early: number = 0) {
    this.#memory = memory;
    this.#early = early;
    this.#words = noWords;
    this.#capacity = 0;
  }

  /** Documents that exist. */
  get live(): number {
    return this.#live;
  }

  /** Documents that were deleted and whose tombstones are kept. */
  get tombstones(): number {
    return this.#tombstones;
  }

  /** Bytes of the live documents' records in the data file. */
  get liveRecordBytes(): number {
    return this.#liveRecordBytes;
  }

  /** Bytes of memory that the slots take. */
  get memoryBytes(): number {
    return this.#words.byteLength;
  }

  /** The earliest create time of an entry, in milliseconds; infinite without any. */
  get earliestMs(): number {
    const words = this.#words;
    let earliest = Number.POSITIVE_INFINITY;
    for (let base = 0; base < words.length; base += wordsPerSlot) {
      if ((words[base + 5] as number) === 0) continue;
      earliest = Math.min(earliest, (words[base + 7] as number) * two32 + (words[base + 6] as number));
    }
    return earliest;
  }

  get(low: number, high: number): IndexEntry | undefined {
    if (this.#capacity === 0) return undefined;
    const base = this.#probe(low, high);
    return (this.#words[base + 5] as number) === 0 ? undefined : this.#entry(base);
  }

  /** Sets the entry of an id, whether or not it had one. */
  set(low: number, high: number, entry: IndexEntry): void {
    if (this.#capacity === 0) this.#resize(minCapacity);
    let base = this.#probe(low, high);
    const words = this.#words;
    if ((words[base + 5] as number) !== 0) {
      this.#count(base, -1);
    } else if (
      this.#live + this.#tombstones + 1 >
      this.#capacity * maxLoad - Math.floor(this.#capacity * this.#early)
    ) {
      this.#resize(Math.ceil(this.#capacity * growth) + 1);
      base = this.#probe(low, high);
    }
    this.#write(base, low, high, entry);
    this.#count(base, 1);
  }

  /** Calls `visit` for every entry, in no useful order. The shard must not change meanwhile. */
  forEach(visit: (low: number, high: number, entry: IndexEntry) => void): void {
    const words = this.#words;
    for (let base = 0; base < words.length; base += wordsPerSlot) {
      if ((words[base + 5] as number) !== 0) visit(words[base] as number, words[base + 1] as number, this.#entry(base));
    }
  }

  /** Calls `visit` with the id halves of every live document, in no useful order. */
  forEachLiveId(visit: (low: number, high: number) => void): void {
    const words = this.#words;
    for (let base = 0; base < words.length; base += wordsPerSlot) {
      const lengthWord = words[base + 5] as number;
      if (lengthWord !== 0 && lengthWord < deletedFlag) visit(words[base] as number, words[base + 1] as number);
    }
  }

  /** Removes the tombstones that stand in the data file with this parity. */
  dropTombstones(parity: Parity): void {
    if (this.#tombstones === 0) return;
    const kept: number[] = [];
    const words = this.#words;
    for (let base = 0; base < words.length; base += wordsPerSlot) {
      const lengthWord = words[base + 5] as number;
      const isTombstone = lengthWord >= deletedFlag;
      if (isTombstone && (words[base + 3] as number) >= parityFlag === (parity === 1)) this.#tombstones--;
      else if (lengthWord !== 0) kept.push(base);
    }
    this.#rebuild(Math.ceil(kept.length / midLoad) + 1, kept);
  }

  /**
   * The slots as bytes, empty ones included: what a snapshot of the index stores. A view, valid until the next change.
   */
  dump(): Uint8Array {
    return new Uint8Array(this.#words.buffer);
  }

  /**
   * Replaces everything by the slots of a dump (taken by the same code: the hash decides the places). False when these
   * bytes can't be a dump; then the shard is of no use.
   */
  load(dump: Uint8Array): boolean {
    if (dump.length % (4 * wordsPerSlot) !== 0) return false;
    const words = new Uint32Array(dump.length / 4);
    new Uint8Array(words.buffer).set(dump);
    this.#replaceWords(words);
    this.#live = 0;
    this.#tombstones = 0;
    this.#liveRecordBytes = 0;
    for (let base = 0; base < words.length; base += wordsPerSlot) {
      if ((words[base + 5] as number) !== 0) this.#count(base, 1);
    }
    // In a fuller table a probe might never end.
    return this.#live + this.#tombstones <= this.#capacity * maxLoad;
  }

  #replaceWords(words: Uint32Array<ArrayBuffer>): void {
    this.#memory?.charge(words.byteLength - this.#words.byteLength);
    this.#words = words;
    this.#capacity = words.length / wordsPerSlot;
  }

  /** The first word of the id's slot, or of the empty slot where it belongs. */
  #probe(low: number, high: number): number {
    const words = this.#words;
    let slot = Math.floor((hash(low, high) * this.#capacity) / two32);
    for (;;) {
      const base = slot * wordsPerSlot;
      if ((words[base + 5] as number) === 0 || (words[base] === low && words[base + 1] === high)) return base;
      slot = slot + 1 === this.#capacity ? 0 : slot + 1;
    }
  }

  #entry(base: number): IndexEntry {
    const words = this.#words;
    const highs = words[base + 3] as number;
    const lengthWord = words[base + 5] as number;
    return {
      version: (highs & 0xffff) * two32 + (words[base + 2] as number),
      offset: ((highs >>> 16) & 0x7fff) * two32 + (words[base + 4] as number),
      parity: highs >= parityFlag ? 1 : 0,
      length: lengthWord & lengthMask,
      deleted: lengthWord >= deletedFlag,
      createTimeMs: (words[base + 7] as number) * two32 + (words[base + 6] as number),
    };
  }

  #write(base: number, low: number, high: number, entry: IndexEntry): void {
    const words = this.#words;
    words[base] = low;
    words[base + 1] = high;
    words[base + 2] = entry.version % two32;
    words[base + 3] =
      Math.floor(entry.version / two32) | (Math.floor(entry.offset / two32) << 16) | (entry.parity << 31);
    words[base + 4] = entry.offset % two32;
    words[base + 5] = entry.deleted ? entry.length | deletedFlag : entry.length;
    words[base + 6] = entry.createTimeMs % two32;
    words[base + 7] = Math.floor(entry.createTimeMs / two32);
  }

  #count(base: number, sign: 1 | -1): void {
    const lengthWord = this.#words[base + 5] as number;
    if (lengthWord >= deletedFlag) {
      this.#tombstones += sign;
    } else {
      this.#live += sign;
      this.#liveRecordBytes += sign * lengthWord;
    }
  }

  #resize(capacity: number): void {
    const kept: number[] = [];
    for (let base = 0; base < this.#words.length; base += wordsPerSlot) {
      if ((this.#words[base + 5] as number) !== 0) kept.push(base);
    }
    this.#rebuild(capacity, kept);
  }

  /** Moves the slots that begin at these words into a table of this capacity. */
  #rebuild(capacity: number, kept: readonly number[]): void {
    const old = this.#words;
    this.#replaceWords(new Uint32Array(capacity * wordsPerSlot));
    for (const base of kept) {
      const target = this.#probe(old[base] as number, old[base + 1] as number);
      for (let word = 0; word < wordsPerSlot; word++) this.#words[target + word] = old[base + word] as number;
    }
    if (old !== noWords) freeBytes(old.buffer);
  }
}

/** Mixes an id into 32 bits: the finalizer of MurmurHash3 over both halves. The low 8 bits only choose the shard. */
function hash(low: number, high: number): number {
  let h = Math.imul(low ^ Math.imul(high, 0x9e37_79b1), 0x85eb_ca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2_ae35);
  h ^= h >>> 16;
  return h >>> 0;
}
