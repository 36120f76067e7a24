// The writes of one transaction, kept in memory until its commit: the newest change of each document that it has
// changed. Only the last one counts, so a document takes one place however often it is written.

import { idOf } from "../../base/u64.ts";
import { recordOverheadBytes } from "../../storage/wal-format.ts";
import type { Mutation } from "../../storage/commit.ts";
import type { Collection } from "../../storage/document-index.ts";
import type { DocumentState } from "../pending.ts";

/** Bytes of memory that a change takes beside its content, roughly. */
const changeBytes = 250 + recordOverheadBytes;

interface Changes {
  readonly byId: Map<bigint, Mutation>;
  /** Ids in order, and those that came since. */
  sorted: bigint[];
  unsorted: bigint[];
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
    let changes = this.#changes.get(collection);
    if (changes === undefined) this.#changes.set(collection, (changes = { byId: new Map(), sorted: [], unsorted: [] }));
    const id = idOf(mutation.idLow, mutation.idHigh);
    const before = changes.byId.get(id);
    if (before === undefined) {
      changes.unsorted.push(id);
      this.#count++;
    }
    changes.byId.set(id, mutation);
    this.#contentBytes += mutation.content.length - (before?.content.length ?? 0);
  }

  /** Ids of the documents changed in a collection from `from` to `to`, both included, ascending. */
  idsBetween(collection: Collection, from: bigint, to: bigint): bigint[] {
    const changes = this.#changes.get(collection);
    if (changes === undefined) return [];
    const ids = sortedIds(changes);
    return ids.slice(placeOf(ids, from), placeOf(ids, to + 1n));
  }

  /** Every change with its collection. */
  *[Symbol.iterator](): Iterator<{ collection: Collection; id: bigint; mutation: Mutation }> {
    for (const [collection, { byId }] of this.#changes) {
      for (const [id, mutation] of byId) yield { collection, id, mutation };
    }
  }
}

/** All ids in order. Only what came since the last time is sorted. */
function sortedIds(changes: Changes): readonly bigint[] {
  const { sorted, unsorted } = changes;
  if (unsorted.length === 0) return sorted;
  unsorted.sort((a, b) => (a < b ? -1 : 1));
  const merged: bigint[] = [];
  let next = 0;
  for (const id of unsorted) {
    while (next < sorted.length && (sorted[next] as bigint) < id) merged.push(sorted[next++] as bigint);
    merged.push(id);
  }
  while (next < sorted.length) merged.push(sorted[next++] as bigint);
  [changes.sorted, changes.unsorted] = [merged, []];
  return merged;
}

/** The place of the first id that is at least `id`. */
function placeOf(ids: readonly bigint[], id: bigint): number {
  let [low, high] = [0, ids.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ids[middle] as bigint) < id) low = middle + 1;
    else high = middle;
  }
  return low;
}
