// The writes of one transaction, kept in memory until its commit: the newest change of each document that it has
// changed. Only the last one counts, so a document takes one place however often it is written.

import { idHigh, idLow, idOf } from "../../base/u64.ts";
import { recordOverheadBytes } from "../../storage/wal-format.ts";
import type { Mutation } from "../../storage/commit.ts";
import type { Collection } from "../../storage/document-index.ts";
import { IdOrder } from "../../storage/id-order.ts";
import type { DocumentState } from "../pending.ts";

/** Bytes of memory that a change takes beside its content, roughly. */
export const changeBytes: number = 250 + recordOverheadBytes;

interface Changes {
  readonly byId: Map<bigint, Mutation>;
  readonly order: IdOrder;
}

export class WriteBuffer {
  readonly #changes = new Map<Collection, Changes>();
  #count = 0;
  #contentBytes = 0;

  /** Documents changed. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of the JSON texts. */
  get contentBytes(): number {
    return this.#contentBytes;
  }

  get memoryBytes(): number {
    return this.#contentBytes + this.#count * changeBytes;
  }

  get(collection: Collection, id: bigint): Mutation | undefined {
    return this.#changes.get(collection)?.byId.get(id);
  }

  /** The state that a document has in the transaction, or undefined when that didn't change it. Its version is 0. */
  stateOf(collection: Collection, id: bigint): DocumentState | undefined {
    const mutation = this.get(collection, id);
    if (mutation === undefined) return undefined;
    const { kind, createTimeMs, content } = mutation;
    return { version: 0, exists: kind === "put", createTimeMs, content };
  }

  add(collection: Collection, mutation: Mutation): void {
    const changes = this.#changesOf(collection);
    const { idLow: low, idHigh: high } = mutation;
    const id = idOf(low, high);
    const before = changes.byId.get(id);
    if (before === undefined) {
      changes.order.add(low, high);
      this.#count++;
    }
    changes.byId.set(id, mutation);
    this.#contentBytes += mutation.content.length - (before?.content.length ?? 0);
  }

  /** Ids of documents changed in a collection from `from` on, in a direction, at most `count`. */
  idsFrom(collection: Collection, from: bigint, reverse: boolean, count: number): bigint[] {
    const order = this.#changes.get(collection)?.order;
    if (order === undefined) return [];
    const [low, high] = [idLow(from), idHigh(from)];
    const halves = reverse ? order.descending(low, high, count) : order.ascending(low, high, count);
    const ids: bigint[] = [];
    for (let i = 0; i < halves.length; i += 2) ids.push(idOf(halves[i] as number, halves[i + 1] as number));
    return ids;
  }

  /** Every change with its collection. */
  *[Symbol.iterator](): Iterator<{ collection: Collection; id: bigint; mutation: Mutation }> {
    for (const [collection, { byId }] of this.#changes) {
      for (const [id, mutation] of byId) yield { collection, id, mutation };
    }
  }

  #changesOf(collection: Collection): Changes {
    let changes = this.#changes.get(collection);
    if (changes === undefined) this.#changes.set(collection, (changes = { byId: new Map(), order: new IdOrder() }));
    return changes;
  }
}
