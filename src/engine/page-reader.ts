// One page of a collection in the order of ids, in either direction: as of now for lists, as of a snapshot for scans.
// It costs what the page holds, whatever the size of the collection.
//
// A page is found in one turn of the event loop, so without a snapshot it is as of one version all the same. It ends
// early when it has many bytes, or when many ids were passed over whose documents the reader doesn't see.

import { maxDocumentId } from "../base/limits.ts";
import { idHigh, idLow, idOf } from "../base/u64.ts";
import { Turn } from "../platform/turn.ts";
import type { Clock } from "../platform/platform.ts";
import type { Collection } from "../storage/document-index.ts";
import type { IdOrder } from "../storage/id-order.ts";
import type { Wanted } from "../storage/read-runs.ts";
import type { Snapshot } from "../storage/snapshot.ts";
import type { Store } from "../storage/store.ts";
import type { DocumentRecord, ExecutionContext, ScanPage } from "./commands.ts";

/** Ids that are looked at in one turn: about a millisecond's work. */
const idsInTurn = 2_000;

/** Where a page starts, which way it goes and where it ends. */
export interface PageBounds {
  /** The first id that may be in it. */
  readonly from: bigint;
  readonly reverse: boolean;
  readonly documents: number;
  /** Bytes of records after which it ends; the first document always has room. */
  readonly bytes: number;
}

/** What a page will hold. */
interface Found {
  readonly wanted: readonly Wanted[];
  /** Where the next page starts; undefined when nothing follows. */
  readonly next: bigint | undefined;
}

export class PageReader {
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * The next documents of a collection, as of a snapshot or, without one, of now. The slot is given back before what
   * may take a while: sorting the ids when they were never wanted before, healing what is damaged. SNAPSHOT_TOO_OLD.
   */
  async read(
    collection: Collection,
    bounds: PageBounds,
    snapshot?: Snapshot,
    context?: ExecutionContext,
  ): Promise<ScanPage> {
    const turn = new Turn(this.#clock);
    if (collection.orderedIds?.isBuilt !== true) context?.releaseSlot?.();
    await turn.pause();
    const order = await this.#store.orderOf(collection, turn);
    return await this.#store.reading(async () => {
      await turn.pause();
      let found = this.#find(order, collection, bounds, snapshot);
      while (found.wanted.length === 0 && found.next !== undefined) {
        await turn.pause();
        found = this.#find(order, collection, { ...bounds, from: found.next }, snapshot);
      }
      return await this.#documentsOf(collection, found, bounds.reverse, turn, context);
    }, snapshot);
  }

  #find(order: IdOrder, collection: Collection, bounds: PageBounds, snapshot: Snapshot | undefined): Found {
    const { from, reverse, documents } = bounds;
    // The ids that only this snapshot saw left the order when it ended: an empty page would look like the end.
    if (snapshot?.ended !== undefined) throw snapshot.ended;
    const [low, high] = [idLow(from), idHigh(from)];
    const count = Math.min(documents + 1, idsInTurn);
    let ids = reverse ? order.descending(low, high, count) : order.ascending(low, high, count);
    const wanted: Wanted[] = [];
    let bytes = 0;
    let looked = 0;
    while (ids.length > 0) {
      for (let i = 0; i < ids.length; i += 2) {
        const [idsLow, idsHigh] = [ids[i] as number, ids[i + 1] as number];
        const located = this.#store.locate(collection, idsLow, idsHigh, snapshot);
        if (located === undefined) continue;
        bytes += located.entry.length;
        const isFull = wanted.length === documents || (wanted.length > 0 && bytes > bounds.bytes);
        if (isFull) return { wanted, next: idOf(idsLow, idsHigh) };
        wanted.push({ low: idsLow, high: idsHigh, located });
      }
      looked += ids.length / 2;
      const next = beyond(idOf(ids.at(-2) as number, ids.at(-1) as number), reverse);
      if (next === undefined) break;
      if (looked >= idsInTurn) return { wanted, next };
      const [nextLow, nextHigh] = [idLow(next), idHigh(next)];
      ids = reverse ? order.descending(nextLow, nextHigh, count) : order.ascending(nextLow, nextHigh, count);
    }
    return { wanted, next: undefined };
  }

  /** Reads what was found, up to the first document that can't be read. */
  async #documentsOf(
    collection: Collection,
    { wanted, next }: Found,
    reverse: boolean,
    turn: Turn,
    context: ExecutionContext | undefined,
  ): Promise<ScanPage> {
    const items: DocumentRecord[] = [];
    const results = await this.#store.readMany(collection, wanted, context);
    await turn.pause();
    for (const [i, result] of results.entries()) {
      const { low, high } = wanted[i] as Wanted;
      const id = idOf(low, high);
      if (result.status === "rejected") {
        const { reason } = result as { readonly reason: unknown };
        const error = reason instanceof Error ? reason : new Error(String(reason));
        return { items, next: beyond(id, reverse), failure: { id, error } };
      }
      const { version, createTimeMs, updateTimeMs, content: json } = result.value;
      items.push({ id, json, version, createTimeMs, updateTimeMs });
    }
    return { items, next };
  }
}

/** The id behind this one in a direction, or undefined when there can be none. */
export function beyond(id: bigint, reverse: boolean): bigint | undefined {
  if (reverse) return id > 1n ? id - 1n : undefined;
  return id < maxDocumentId ? id + 1n : undefined;
}

/** The first id that there can be in a direction. */
export function firstId(reverse: boolean): bigint {
  return reverse ? maxDocumentId : 1n;
}
