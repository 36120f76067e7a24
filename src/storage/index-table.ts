// The index of one collection: 256 shards by `id % 256`. Sharding bounds the pause of one growth step to 1/256 of the
// table.

import { type IndexEntry, IndexShard } from "./index-shard.ts";

export const shardCount = 256;

export class IndexTable {
  readonly shards: readonly IndexShard[] = Array.from({ length: shardCount }, () => new IndexShard());

  get(low: number, high: number): IndexEntry | undefined {
    return this.#shardOf(low).get(low, high);
  }

  set(low: number, high: number, entry: IndexEntry): void {
    this.#shardOf(low).set(low, high, entry);
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

  /** Bytes of memory that the slots take. */
  get memoryBytes(): number {
    return this.#sum((shard) => shard.memoryBytes);
  }

  #shardOf(low: number): IndexShard {
    return this.shards[low & (shardCount - 1)] as IndexShard;
  }

  #sum(of: (shard: IndexShard) => number): number {
    return this.shards.reduce((total, shard) => total + of(shard), 0);
  }
}
