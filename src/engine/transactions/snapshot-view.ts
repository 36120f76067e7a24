// What a transaction reads: the documents of a database as of one version.

import { idHigh, idLow } from "../../base/u64.ts";
import type { Clock } from "../../platform/platform.ts";
import type { Collection } from "../../storage/document-index.ts";
import type { Snapshot } from "../../storage/snapshot.ts";
import type { Located } from "../../storage/snapshots.ts";
import type { Store } from "../../storage/store.ts";
import { defaultCollection, type DocumentRecord, type ScanPage } from "../commands.ts";
import { type PageBounds, PageReader } from "../page-reader.ts";
import type { DocumentState } from "../pending.ts";
import type { SnapshotView } from "./transaction.ts";

/** Opens a snapshot of what is visible now. TOO_MANY_SNAPSHOTS. */
export function openSnapshotView(store: Store, clock: Clock): SnapshotView {
  return new StoreView(store, clock, store.openSnapshot());
}

class StoreView implements SnapshotView {
  readonly #store: Store;
  readonly #pages: PageReader;
  readonly #snapshot: Snapshot;

  constructor(store: Store, clock: Clock, snapshot: Snapshot) {
    this.#store = store;
    this.#pages = new PageReader(store, clock);
    this.#snapshot = snapshot;
  }

  get version(): number {
    return this.#snapshot.version;
  }

  get ended(): SnapshotView["ended"] {
    return this.#snapshot.ended;
  }

  collectionNamed(name: string): Collection | undefined {
    return this.#store.collectionNamed(name === "" ? defaultCollection : name, this.#snapshot);
  }

  stateOf(collection: Collection, id: bigint): DocumentState | undefined {
    const entry = this.#locate(collection, id)?.entry;
    return entry === undefined ? undefined : { version: entry.version, exists: true, createTimeMs: entry.createTimeMs };
  }

  read(collection: Collection, id: bigint): Promise<DocumentRecord | undefined> {
    return this.#store.reading(async () => {
      const located = this.#locate(collection, id);
      if (located === undefined) return undefined;
      const record = await this.#store.read(collection, idLow(id), idHigh(id), located);
      const { version, createTimeMs, updateTimeMs, content: json } = record;
      return { id, json, version, createTimeMs, updateTimeMs };
    }, this.#snapshot);
  }

  page(collection: Collection, bounds: PageBounds): Promise<ScanPage> {
    return this.#pages.read(collection, bounds, this.#snapshot);
  }

  close(): void {
    this.#snapshot.release();
  }

  #locate(collection: Collection, id: bigint): Located | undefined {
    return this.#store.locate(collection, idLow(id), idHigh(id), this.#snapshot);
  }
}
