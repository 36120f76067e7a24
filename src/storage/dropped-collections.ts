// Collections that were dropped while a snapshot was open that sees them. They stay as they were at their drop, with
// the data files that held their documents then: a compaction doesn't move what belongs to no collection any more.

import { MemoryAccount } from "../base/memory-account.ts";
import type { DataFile } from "./data-file.ts";
import type { DataFiles } from "./data-files.ts";
import type { Collection } from "./document-index.ts";
import type { Parity } from "./index-shard.ts";

interface Dropped {
  readonly collection: Collection;
  readonly files: readonly (DataFile | undefined)[];
}

export class DroppedCollections {
  readonly #byId = new Map<number, Dropped>();
  /** Bytes of memory of the collections. */
  readonly memory: MemoryAccount = new MemoryAccount();

  get collections(): Iterable<Collection> {
    return [...this.#byId.values()].map(({ collection }) => collection);
  }

  /** Keeps a collection that is about to be dropped. */
  add(collection: Collection, { current, previous }: DataFiles): void {
    const files: (DataFile | undefined)[] = [undefined, undefined];
    for (const file of [previous, current]) if (file !== undefined) files[file.parity] = file;
    this.#byId.set(collection.id, { collection, files });
    this.memory.adopt(collection.memory);
  }

  /** Forgets the collections that no snapshot sees. */
  keepOnly(isSeen: (collection: Collection) => boolean): void {
    for (const [id, { collection }] of this.#byId) {
      if (isSeen(collection)) continue;
      this.#byId.delete(id);
      collection.memory.close();
    }
  }

  /** The collection that had this name at a version, without regard to case. */
  named(name: string, version: number): Collection | undefined {
    const key = name.toLowerCase();
    for (const { collection } of this.#byId.values()) {
      if (collection.name.toLowerCase() === key && collection.isSeenBy(version)) return collection;
    }
    return undefined;
  }

  /** The file that the entries of a dropped collection with this parity point into. */
  fileOf(collection: Collection, parity: Parity): DataFile | undefined {
    return this.#byId.get(collection.id)?.files[parity];
  }
}
