// The index of one collection: 256 shards by `id % 256`. Sharding bounds the pause of one growth step to 1/256 of the
// table, and no two shards grow at the same load, because ids in a row fill all of them at the same time. An empty
// table has no shards at all, because there may be thousands of empty collections.

import { MemoryAccount } from "../base/memory-account.ts";
import { type IndexEntry, IndexShard } from "./index-shard.ts";

export const shardCount = 256;
/** Bytes of memory that a shard takes beside its slots, about. */
const shardObjectBytes = 300;
/** The part of a shard's slots over which the growth of all of them is spread. */
const growthSpread = 0.05;

export class IndexTable {
  #shards: readonly IndexShard[] = [];
  /** Bytes of memory that the slots take. */
  readonly memory: MemoryAccount = new MemoryAccount();

  /** All shards, or none while nothing was ever set. */
  get shards(): readonly IndexShard[] {
    return this.#shards;
  }

  /** The shard with this number, in [0, shardCount). */
  shard(number: number): IndexShard {
    if (this.#shards.length === 0) {
      this.#shards = Array.from(
        { length: shardCount },
        (_, i) => new IndexShard(this.memory, (growthSpread * i) / shardCount),
      );
      this.memory.charge(shardCount * shardObjectBytes);
    }
    return this.#shards[number & (shardCount - 1)] as IndexShard;
  }

  get(low: number, high: number): IndexEntry | undefined {
    return this.#shards[low & (shardCount - 1)]?.get(low, high);
  }

  set(low: number, high: number, entry: IndexEntry): void {
    this.shard(low).set(low, high, entry);
  }

  /** Documents that exist. */
  get live(): number {
    return this.#sum((shard) => shard.live);
  }

  get tombstones(): number {
    return this.#sum((shard) => shard.tombstones);
  }

  /** Bytes of the live documents' records in the data file. */
  get liveRecordBytes(): number {
    return this.#sum((shard) => shard.liveRecordBytes);
  }

  /** The earliest create time of an entry, in milliseconds; infinite without any. Looks at every one. */
  get earliestMs(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...this.#shards.map((shard) => shard.earliestMs));
  }

  #sum(of: (shard: IndexShard) => number): number {
    return this.#shards.reduce((total, shard) => total + of(shard), 0);
  }
}
