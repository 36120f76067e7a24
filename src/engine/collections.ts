// The collections of one database: finding them by name, creating and dropping them. Changes of collections are commits
// like any other, one at a time.

import { DocDBError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import { checkName } from "../base/names.ts";
import type { Clock } from "../platform/platform.ts";
import type { Mutation } from "../storage/commit.ts";
import { dataRecordHeaderBytes } from "../storage/data-format.ts";
import { type Collection, defaultCollectionId, type DocumentIndex } from "../storage/document-index.ts";
import type { Snapshot } from "../storage/snapshot.ts";
import type { Store } from "../storage/store.ts";
import { type CollectionInfo, defaultCollection, type Page } from "./commands.ts";
import type { PendingWrites } from "./pending.ts";
import type { Submitter } from "./submitter.ts";

export class Collections {
  readonly #store: Store;
  readonly #index: DocumentIndex;
  readonly #pending: PendingWrites;
  readonly #clock: Clock;
  readonly #submitter: Submitter;
  /** Collections whose drop is on its way to the disk: writes to them are refused already. */
  readonly #dropping = new Set<Collection>();
  #lastChange: Promise<unknown> = Promise.resolve();

  constructor(store: Store, pending: PendingWrites, clock: Clock, submitter: Submitter) {
    this.#store = store;
    this.#index = store.index;
    this.#pending = pending;
    this.#clock = clock;
    this.#submitter = submitter;
  }

  /**
   * The collection with this name, now or as of a snapshot; empty means `_default`. COLLECTION_NOT_FOUND, INVALID_NAME,
   * SNAPSHOT_TOO_OLD.
   */
  find(name: string, snapshot?: Snapshot): Collection {
    const collection = this.#store.collectionNamed(name === "" ? defaultCollection : name, snapshot);
    if (collection !== undefined) return collection;
    checkName("collection", name);
    const message = `There is no collection ${name}. Create it first.`;
    throw new DocDBError("COLLECTION_NOT_FOUND", message, { metadata: { collection: name } });
  }

  /** The collection with this name, if there is one that can be written to. */
  lookUp(name: string): Collection | undefined {
    const collection = this.#index.collectionNamed(name === "" ? defaultCollection : name);
    return collection === undefined || this.#dropping.has(collection) ? undefined : collection;
  }

  /** Like `find`; a collection that is being dropped isn't found. */
  findForWriting(name: string): Collection {
    const collection = this.find(name);
    if (!this.#dropping.has(collection)) return collection;
    const message = `Collection ${collection.name} is being dropped.`;
    throw new DocDBError("COLLECTION_NOT_FOUND", message, { metadata: { collection: collection.name } });
  }

  /** Whether a collection is there still, and isn't about to be dropped. */
  isThere(collection: Collection): boolean {
    return this.#index.collection(collection.id) === collection && !this.#dropping.has(collection);
  }

  async info(name: string): Promise<CollectionInfo> {
    await this.#published();
    return infoOf(this.find(name));
  }

  /** Collections in order of their lower-case names after `after`, at most `pageSize`. */
  async list(after: string, pageSize: number): Promise<Page<CollectionInfo>> {
    await this.#published();
    const key = after.toLowerCase();
    const names = new Map(
      [...this.#index.collections].map((collection) => [collection.name.toLowerCase(), collection]),
    );
    const later = [...names.keys()].filter((name) => name > key).sort();
    const items = later.slice(0, pageSize).map((name) => infoOf(names.get(name) as Collection));
    return { items, more: later.length > pageSize };
  }

  /** Creates a collection. COLLECTION_EXISTS, INVALID_NAME, IDS_EXHAUSTED. */
  async create(name: string): Promise<CollectionInfo> {
    if (name !== defaultCollection) checkName("collection", name);
    return await this.#inTurn(async () => {
      while (this.#submitter.held !== undefined) await this.#submitter.held;
      const existing = this.#index.collectionNamed(name);
      if (existing !== undefined) {
        const message = `There is a collection ${existing.name} already (names are unique without regard to case).`;
        throw new DocDBError("COLLECTION_EXISTS", message, { metadata: { collection: existing.name } });
      }
      if (this.#index.collectionCount >= limits.collections) {
        throw new DocDBError("IDS_EXHAUSTED", `A database has at most ${limits.collections} collections.`);
      }
      const id = this.#index.nextCollectionId;
      await this.#submitter.commit([this.#change("createCollection", id, Buffer.from(name, "utf8"))]).done;
      return await this.info(name);
    });
  }

  /** Drops a collection with all its documents. COLLECTION_NOT_EMPTY unless `force` is set or it has none. */
  async drop(name: string, force: boolean): Promise<void> {
    await this.#inTurn(async () => {
      const collection = this.find(name);
      if (collection.id === defaultCollectionId) {
        const message = `${defaultCollection} can't be dropped: every database has it.`;
        throw new DocDBError("INVALID_NAME", message, { metadata: { what: "collection" } });
      }
      for (;;) {
        while (this.#submitter.held !== undefined) await this.#submitter.held;
        const documents = force ? 0 : this.#pending.documentsIn(collection);
        if (documents === 0) break;
        // The answer rests on writes that may yet fail.
        if (!(await this.#submitter.settled())) continue;
        const message = `Collection ${collection.name} has ${documents} documents. Delete them first, or set force.`;
        throw new DocDBError("COLLECTION_NOT_EMPTY", message, { metadata: { documents: String(documents) } });
      }
      this.#dropping.add(collection);
      try {
        await this.#submitter.commit([this.#change("dropCollection", collection.id, new Uint8Array())]).done;
      } finally {
        this.#dropping.delete(collection);
      }
    });
  }

  /** Counts are those of whole commits. */
  async #published(): Promise<void> {
    while (this.#store.published !== undefined) await this.#store.published;
  }

  #change(kind: "createCollection" | "dropCollection", collection: number, content: Uint8Array): Mutation {
    const now = this.#clock.now();
    return { kind, collection, idLow: 0, idHigh: 0, createTimeMs: now, updateTimeMs: now, content };
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#lastChange.then(work);
    this.#lastChange = result.catch(() => undefined);
    return result;
  }
}

function infoOf(collection: Collection): CollectionInfo {
  const { live, liveRecordBytes } = collection.table;
  const jsonBytes = liveRecordBytes - live * dataRecordHeaderBytes;
  return { collection: collection.name, documents: live, jsonBytes, createTimeMs: collection.createTimeMs };
}
