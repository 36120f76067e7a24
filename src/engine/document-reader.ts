// The reading part of a database: documents one by one, in batches and in id order, always what is visible.

import { DocDBError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import { idHigh, idLow } from "../base/u64.ts";
import type { Clock } from "../platform/platform.ts";
import { Turn } from "../platform/turn.ts";
import type { Collection } from "../storage/document-index.ts";
import type { Snapshot } from "../storage/snapshot.ts";
import type { Located } from "../storage/snapshots.ts";
import type { Store } from "../storage/store.ts";
import type { Collections } from "./collections.ts";
import type { DocumentRecord, ExecutionContext, Outcome, Page, ScanPage } from "./commands.ts";
import { documentNotFound } from "./document-errors.ts";
import { inParallel } from "./in-parallel.ts";
import { beyond, type PageBounds, PageReader } from "./page-reader.ts";

/** Ids that are looked up in one turn of the event loop. */
const idsInTurn = 1_024;

export class DocumentReader {
  readonly #store: Store;
  readonly #collections: Collections;
  readonly #pages: PageReader;
  readonly #turn: Turn;

  constructor(store: Store, collections: Collections, clock: Clock) {
    this.#store = store;
    this.#collections = collections;
    this.#pages = new PageReader(store, clock);
    this.#turn = new Turn(clock);
  }

  /** The document if it is in memory; undefined when there is none, or it must be read. COLLECTION_NOT_FOUND. */
  getNow(collectionName: string, id: bigint): DocumentRecord | undefined {
    const record = this.#store.inMemory(this.#collections.find(collectionName), idLow(id), idHigh(id));
    if (record === undefined) return undefined;
    const { version, createTimeMs, updateTimeMs, content: json } = record;
    return { id, json, version, createTimeMs, updateTimeMs };
  }

  async get(collectionName: string, id: bigint, context?: ExecutionContext): Promise<DocumentRecord> {
    const collection = this.#collections.find(collectionName);
    return await this.#store.reading(async () => {
      const located = this.#locate(collection, id);
      if (located === undefined) throw documentNotFound(collection.name, id);
      return await this.#read(collection, id, located, context);
    });
  }

  /** All documents as of one version; one outcome for each id, in order. */
  async batchGet(
    collectionName: string,
    ids: readonly bigint[],
    context?: ExecutionContext,
  ): Promise<Outcome<DocumentRecord>[]> {
    const collection = this.#collections.find(collectionName);
    if (ids.length <= idsInTurn) return await this.#batchGet(collection, ids, undefined, context);
    const snapshot = this.#store.openSnapshot();
    try {
      return await this.#batchGet(collection, ids, snapshot, context);
    } finally {
      snapshot.release();
    }
  }

  /** More ids than can be looked up in a turn need a snapshot. */
  async #batchGet(
    collection: Collection,
    ids: readonly bigint[],
    snapshot: Snapshot | undefined,
    context: ExecutionContext | undefined,
  ): Promise<Outcome<DocumentRecord>[]> {
    return await this.#store.reading(async () => {
      const located: (Located | undefined)[] = [];
      for (const id of ids) {
        if (snapshot !== undefined && this.#turn.isOver) await this.#turn.pause();
        if (snapshot?.ended !== undefined) throw snapshot.ended;
        located.push(this.#locate(collection, id, snapshot));
      }
      let bytes = 0;
      return await inParallel(ids, async (id, i) => {
        if (snapshot !== undefined && this.#turn.isOver) await this.#turn.pause();
        const place = located[i];
        if (place === undefined) throw documentNotFound(collection.name, id);
        bytes += place.entry.length;
        if (bytes > limits.messageBytes) {
          const message = "The documents asked for don't fit into one response. Ask for fewer at once.";
          throw new DocDBError("RESPONSE_TOO_LARGE", message, { metadata: { id: String(id) } });
        }
        return await this.#read(collection, id, place, context);
      });
    }, snapshot);
  }

  /** Documents in id order after `after`; see `CommandTable.listDocuments`. */
  async list(
    collectionName: string,
    after: bigint,
    pageSize: number,
    context?: ExecutionContext,
  ): Promise<Page<DocumentRecord>> {
    const from = beyond(after, false);
    const collection = this.#collections.find(collectionName);
    if (from === undefined) return { items: [], more: false };
    const bounds = { from, reverse: false, documents: pageSize, bytes: limits.pageBytes };
    const { items, next, failure } = await this.#pages.read(collection, bounds, undefined, context);
    if (failure !== undefined) throw failure.error;
    return { items, more: next !== undefined };
  }

  /** The next documents of a scan; see `CommandTable.scanDocuments`. */
  async scan(
    collectionName: string,
    bounds: PageBounds,
    snapshot: Snapshot,
    context?: ExecutionContext,
  ): Promise<ScanPage> {
    return await this.#pages.read(this.#collections.find(collectionName, snapshot), bounds, snapshot, context);
  }

  #locate(collection: Collection, id: bigint, snapshot?: Snapshot): Located | undefined {
    return this.#store.locate(collection, idLow(id), idHigh(id), snapshot);
  }

  /** A read gives its slot back before it heals what is damaged. */
  async #read(
    collection: Collection,
    id: bigint,
    located: Located,
    context: ExecutionContext | undefined,
  ): Promise<DocumentRecord> {
    const record = await this.#store.read(collection, idLow(id), idHigh(id), located, context);
    const { version, createTimeMs, updateTimeMs, content: json } = record;
    return { id, json, version, createTimeMs, updateTimeMs };
  }
}
