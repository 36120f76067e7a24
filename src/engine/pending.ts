// Writes that are on their way to the disk: validated and given a version, not yet visible. New writes are validated
// against them, readers don't see them.

import { sabotaged } from "../base/sabotage.ts";
import type { Collection } from "../storage/document-index.ts";
import type { Mutation } from "../storage/commit.ts";
import { idHigh, idLow, idOf } from "../base/u64.ts";

/** What a write must know of a document. A deleted document has its deletion's version. */
export interface DocumentState {
  readonly version: number;
  readonly exists: boolean;
  readonly createTimeMs: number;
  /** Its JSON text while that is in memory: as long as the write that made it is pending. */
  readonly content?: Uint8Array;
}

export class PendingWrites {
  readonly #byCollection = new Map<number, Map<bigint, DocumentState>>();

  /** The state of a document after every write so far, or undefined when it never was. */
  stateOf(collection: Collection, id: bigint): DocumentState | undefined {
    const pending = this.#byCollection.get(collection.id)?.get(id);
    if (pending !== undefined && !sabotaged("validated-without-pending")) return pending;
    const entry = collection.table.get(idLow(id), idHigh(id));
    if (entry === undefined) return undefined;
    return { version: entry.version, exists: !entry.deleted, createTimeMs: entry.createTimeMs };
  }

  /** Whether somebody has, had or will have a document with this id. */
  isUsed(collection: Collection, id: bigint): boolean {
    return this.stateOf(collection, id) !== undefined;
  }

  /** Adds one change of a commit. */
  add(mutation: Mutation, version: number): void {
    const exists = mutation.kind === "put";
    if (!exists && mutation.kind !== "delete") return;
    let documents = this.#byCollection.get(mutation.collection);
    if (documents === undefined) this.#byCollection.set(mutation.collection, (documents = new Map()));
    const { createTimeMs, content } = mutation;
    const state = exists ? { version, exists, createTimeMs, content } : { version, exists, createTimeMs };
    documents.set(idOf(mutation.idLow, mutation.idHigh), state);
  }

  /** Forgets a change of a commit that became visible, unless a later one changed the document again. */
  settle(mutation: Mutation, version: number): void {
    const documents = this.#byCollection.get(mutation.collection);
    const id = idOf(mutation.idLow, mutation.idHigh);
    if (documents?.get(id)?.version !== version) return;
    documents.delete(id);
    if (documents.size === 0) this.#byCollection.delete(mutation.collection);
  }

  /** Forgets everything: none of it will become visible. */
  clear(): void {
    this.#byCollection.clear();
  }

  /** Documents that a collection will have when everything pending is visible. */
  documentsIn(collection: Collection): number {
    let count = collection.table.live;
    for (const [id, state] of this.#byCollection.get(collection.id) ?? []) {
      const entry = collection.table.get(idLow(id), idHigh(id));
      const isLive = entry !== undefined && !entry.deleted;
      count += Number(state.exists) - Number(isLive);
    }
    return count;
  }
}
