// The reading part of a database: documents one by one, in batches and in id order, always what is visible.

import { DocDBError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import { idHigh, idLow } from "../base/u64.ts";
import type { Clock } from "../platform/platform.ts";
import { Turn } from "../platform/turn.ts";
import type { Collection } from "../storage/document-index.ts";
import { smallestIdsAfter } from "../storage/id-order.ts";
import type { Located } from "../storage/snapshots.ts";
import type { Store } from "../storage/store.ts";
import type { Collections } from "./collections.ts";
import type { DocumentRecord, Outcome, Page } from "./commands.ts";
import { inParallel, valueOf } from "./in-parallel.ts";
import { documentNotFound } from "./write-plan.ts";

export class DocumentReader {
  readonly #store: Store;
  readonly #collections: Collections;
  readonly #clock: Clock;

  constructor(store: Store, collections: Collections, clock: Clock) {
    this.#store = store;
    this.#collections = collections;
    this.#clock = clock;
  }

  async get(collectionName: string, id: bigint): Promise<DocumentRecord> {
    const collection = this.#collections.find(collectionName);
    return await this.#store.reading(async () => {
      const located = this.#locate(collection, id);
      if (located === undefined) throw documentNotFound(collection.name, id);
      return await this.#read(collection, id, located);
    });
  }

  /** All documents as of one version; one outcome for each id, in order. */
  async batchGet(collectionName: string, ids: readonly bigint[]): Promise<Outcome<DocumentRecord>[]> {
    const collection = this.#collections.find(collectionName);
    return await this.#store.reading(async () => {
      const located = ids.map((id) => this.#locate(collection, id));
      let bytes = 0;
      return await inParallel(ids, async (id, i) => {
        const place = located[i];
        if (place === undefined) throw documentNotFound(collection.name, id);
        bytes += place.entry.length;
        if (bytes > limits.messageBytes) {
          const message = "The documents asked for don't fit into one response. Ask for fewer at once.";
          throw new DocDBError("RESPONSE_TOO_LARGE", message, { metadata: { id: String(id) } });
        }
        return await this.#read(collection, id, place);
      });
    });
  }

  /** Documents in id order after `after`; see `CommandTable.listDocuments`. */
  async list(collectionName: string, after: bigint, pageSize: number): Promise<Page<DocumentRecord>> {
    const collection = this.#collections.find(collectionName);
    return await this.#store.reading(async () => {
      const turn = new Turn(this.#clock);
      const ids = await smallestIdsAfter(collection.table, after, pageSize + 1, () => turn.pause());
      const page = ids.slice(0, pageSize);
      const wanted: { id: bigint; located: Located }[] = [];
      let bytes = 0;
      let more = ids.length > pageSize;
      for (const id of page) {
        const located = this.#locate(collection, id);
        if (located === undefined) continue;
        if (wanted.length > 0 && bytes + located.entry.length > limits.pageBytes) {
          more = true;
          break;
        }
        bytes += located.entry.length;
        wanted.push({ id, located });
      }
      // All of the page was deleted while it was looked for.
      if (wanted.length === 0 && more) return await this.list(collectionName, page.at(-1) as bigint, pageSize);
      const outcomes = await inParallel(wanted, ({ id, located }) => this.#read(collection, id, located));
      return { items: outcomes.map(valueOf), more };
    });
  }

  #locate(collection: Collection, id: bigint): Located | undefined {
    return this.#store.locate(collection, idLow(id), idHigh(id));
  }

  async #read(collection: Collection, id: bigint, located: Located): Promise<DocumentRecord> {
    const record = await this.#store.read(collection, idLow(id), idHigh(id), located);
    const { version, createTimeMs, updateTimeMs, content: json } = record;
    return { id, json, version, createTimeMs, updateTimeMs };
  }
}
