// Versions of documents that were replaced and that an open snapshot may still read: a multimap from (collection, id)
// to versions, each visible to the snapshots in [from, until). All of it is off the JavaScript heap, because a scan
// during a storm of writes can keep a version of every document.
//
//   row := id low, id high, collection, from low, until low, from high (16) | until high (16), offset low, offset high,
//          record length, create time low, create time high, generation of the data file, next row of the bucket,
//          next row of the list                                                        -- fourteen u32, 56 bytes
//
// Invariants
// 1. Rows are numbered from 1; 0 means none. They live in chunks that never move: growing copies nothing.
// 2. Buckets are in 256 shards by the hash of the id: one growth step rehashes 1/256 of the rows.
// 3. A row is in one list: that of its owner (snapshots.ts), or that of the free rows.

import { assert } from "../base/assert.ts";
import { MemoryAccount } from "../base/memory-account.ts";
import type { IndexEntry } from "./index-shard.ts";

const wordsPerRow = 14;
const bucketNext = 12;
const listNext = 13;
const chunkBits = 12;
const rowsPerChunk = 1 << chunkBits;
const shards = 256;
const two32 = 0x1_0000_0000;
const noBuckets = new Uint32Array(0);

/** Bytes of memory that one old version takes, but for its share of the buckets. */
export const oldVersionBytes: number = wordsPerRow * 4;

/** Whose version it is. */
export interface VersionKey {
  readonly collection: number;
  readonly low: number;
  readonly high: number;
}

/** A replaced version and where it stands. Snapshots from its own version up to `until`, exclusive, see it. */
export interface OldVersion extends Pick<IndexEntry, "version" | "offset" | "length" | "createTimeMs"> {
  readonly until: number;
  /** Generation of the data file that holds its record. */
  readonly generation: number;
}

export class OldVersions {
  #chunks: Uint32Array[] = [];
  /** Each a power of two long, or empty. */
  #buckets: Uint32Array[] = emptyBuckets();
  readonly #rowsInShard = new Uint32Array(shards);
  #freeList = 0;
  #rowsMade = 0;
  #count = 0;
  /** Bytes of memory that they take. */
  readonly memory: MemoryAccount = new MemoryAccount();

  /** Old versions kept now. */
  get count(): number {
    return this.#count;
  }

  /** Keeps a version, in front of the list that begins with the row `list`; returns its row. */
  add(key: VersionKey, old: OldVersion, list: number): number {
    const row = this.#takeRow();
    const words = this.#words(row);
    const base = baseOf(row);
    words[base] = key.low;
    words[base + 1] = key.high;
    words[base + 2] = key.collection;
    words[base + 3] = old.version % two32;
    words[base + 4] = old.until % two32;
    words[base + 5] = Math.floor(old.version / two32) | (Math.floor(old.until / two32) << 16);
    words[base + 6] = old.offset % two32;
    words[base + 7] = Math.floor(old.offset / two32);
    words[base + 8] = old.length;
    words[base + 9] = old.createTimeMs % two32;
    words[base + 10] = Math.floor(old.createTimeMs / two32);
    words[base + 11] = old.generation;
    words[base + listNext] = list;
    this.#intoBucket(row, hashOf(key.collection, key.low, key.high));
    this.#count++;
    return row;
  }

  /** The version that the snapshot of `version` sees, if it was replaced. */
  find(key: VersionKey, version: number): OldVersion | undefined {
    for (let row = this.#firstOf(key); row !== 0; row = this.#word(row, bucketNext)) {
      if (this.#is(row, key) && this.from(row) <= version && version < this.until(row)) return this.versionIn(row);
    }
    return undefined;
  }

  /** Whether any version of a document is kept. */
  has(key: VersionKey): boolean {
    for (let row = this.#firstOf(key); row !== 0; row = this.#word(row, bucketNext))
      if (this.#is(row, key)) return true;
    return false;
  }

  /** The least version whose snapshot sees the row. */
  from(row: number): number {
    return (this.#word(row, 5) & 0xffff) * two32 + this.#word(row, 3);
  }

  /** The least version above `from` whose snapshot doesn't see the row. */
  until(row: number): number {
    return (this.#word(row, 5) >>> 16) * two32 + this.#word(row, 4);
  }

  keyOf(row: number): VersionKey {
    return { low: this.#word(row, 0), high: this.#word(row, 1), collection: this.#word(row, 2) };
  }

  versionIn(row: number): OldVersion {
    return {
      version: this.from(row),
      until: this.until(row),
      offset: this.#word(row, 7) * two32 + this.#word(row, 6),
      length: this.#word(row, 8),
      createTimeMs: this.#word(row, 10) * two32 + this.#word(row, 9),
      generation: this.#word(row, 11),
    };
  }

  /** The row behind this one in its list, or 0. */
  next(row: number): number {
    return this.#word(row, listNext);
  }

  /** Puts a row in front of the list that begins with `list`, which is the row's list from now on. */
  moveTo(row: number, list: number): void {
    this.#words(row)[baseOf(row) + listNext] = list;
  }

  /** Gives a row up, which is in no list any more. */
  remove(row: number): void {
    this.#outOfBucket(row);
    this.#count--;
    const words = this.#words(row);
    words[baseOf(row) + 8] = 0;
    words[baseOf(row) + listNext] = this.#freeList;
    this.#freeList = row;
    if (this.#count === 0) this.#clear();
  }

  /** Calls `visit` with the keys of the rows of one chunk; false when there is no such chunk. */
  visitChunk(chunk: number, visit: (key: VersionKey) => void): boolean {
    if (chunk >= this.#chunks.length) return false;
    const end = Math.min(this.#rowsMade, (chunk + 1) * rowsPerChunk);
    for (let row = chunk * rowsPerChunk + 1; row <= end; row++) if (this.#word(row, 8) !== 0) visit(this.keyOf(row));
    return true;
  }

  #takeRow(): number {
    if (this.#freeList !== 0) {
      const row = this.#freeList;
      this.#freeList = this.next(row);
      return row;
    }
    const row = ++this.#rowsMade;
    if (row > this.#chunks.length * rowsPerChunk) {
      const chunk = new Uint32Array(rowsPerChunk * wordsPerRow);
      this.#chunks.push(chunk);
      this.memory.charge(chunk.byteLength);
    }
    return row;
  }

  #clear(): void {
    this.#chunks = [];
    this.#buckets = emptyBuckets();
    this.#freeList = 0;
    this.#rowsMade = 0;
    this.memory.resize(0);
  }

  #intoBucket(row: number, hash: number): void {
    const shard = hash & (shards - 1);
    const count = (this.#rowsInShard[shard] as number) + 1;
    this.#rowsInShard[shard] = count;
    if (count > (this.#buckets[shard] as Uint32Array).length) this.#grow(shard);
    const buckets = this.#buckets[shard] as Uint32Array;
    const bucket = bucketOf(hash, buckets);
    this.#words(row)[baseOf(row) + bucketNext] = buckets[bucket] as number;
    buckets[bucket] = row;
  }

  #outOfBucket(row: number): void {
    const { collection, low, high } = this.keyOf(row);
    const hash = hashOf(collection, low, high);
    const shard = hash & (shards - 1);
    const buckets = this.#buckets[shard] as Uint32Array;
    const bucket = bucketOf(hash, buckets);
    const next = this.#word(row, bucketNext);
    (this.#rowsInShard[shard] as number)--;
    if (buckets[bucket] === row) {
      buckets[bucket] = next;
      return;
    }
    let before = buckets[bucket] as number;
    while (this.#word(before, bucketNext) !== row) before = this.#word(before, bucketNext);
    this.#words(before)[baseOf(before) + bucketNext] = next;
  }

  /** Doubles a shard's buckets. The row that is being added isn't in one yet. */
  #grow(shard: number): void {
    const old = this.#buckets[shard] as Uint32Array;
    const grown = new Uint32Array(Math.max(4, old.length * 2));
    for (let row of old) {
      while (row !== 0) {
        const next = this.#word(row, bucketNext);
        const { collection, low, high } = this.keyOf(row);
        const bucket = bucketOf(hashOf(collection, low, high), grown);
        this.#words(row)[baseOf(row) + bucketNext] = grown[bucket] as number;
        grown[bucket] = row;
        row = next;
      }
    }
    this.memory.charge(grown.byteLength - old.byteLength);
    this.#buckets[shard] = grown;
  }

  #firstOf({ collection, low, high }: VersionKey): number {
    const hash = hashOf(collection, low, high);
    const buckets = this.#buckets[hash & (shards - 1)] as Uint32Array;
    return buckets.length === 0 ? 0 : (buckets[bucketOf(hash, buckets)] as number);
  }

  #is(row: number, key: VersionKey): boolean {
    const words = this.#words(row);
    const base = baseOf(row);
    return words[base] === key.low && words[base + 1] === key.high && words[base + 2] === key.collection;
  }

  #word(row: number, word: number): number {
    return this.#words(row)[baseOf(row) + word] as number;
  }

  #words(row: number): Uint32Array {
    const words = this.#chunks[(row - 1) >>> chunkBits];
    assert(words !== undefined, "a row of the old versions is beyond all that were made");
    return words;
  }
}

function emptyBuckets(): Uint32Array[] {
  return Array.from({ length: shards }, () => noBuckets);
}

function baseOf(row: number): number {
  return ((row - 1) & (rowsPerChunk - 1)) * wordsPerRow;
}

function bucketOf(hash: number, buckets: Uint32Array): number {
  return (hash >>> 8) & (buckets.length - 1);
}

function hashOf(collection: number, low: number, high: number): number {
  let h = Math.imul(low ^ Math.imul(high, 0x9e37_79b1) ^ Math.imul(collection, 0x27d4_eb2f), 0x85eb_ca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2_ae35);
  h ^= h >>> 16;
  return h >>> 0;
}
