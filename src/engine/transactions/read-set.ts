// What a transaction's commit depends on: documents it has read or written, absent ones included, ranges of ids that it
// has read from end to end, collections it has found and names under which it has found none. Under SERIALIZABLE that
// is everything it saw; under SNAPSHOT only the documents that it writes; under LAST_COMMIT_WINS nothing.

import { DocDBError } from "../../base/errors.ts";
import { limits } from "../../base/limits.ts";
import type { Collection } from "../../storage/document-index.ts";
import { IdRanges } from "./id-ranges.ts";

/** Bytes of memory that a document or a name in the set takes, roughly, and a range. */
const documentBytes = 100;
const rangeBytes = 120;

/** A document of the set. */
export interface ReadDocument {
  readonly collection: Collection;
  readonly id: bigint;
  /** Whether there was one. */
  readonly existed: boolean;
}

export class ReadSet {
  readonly #documents = new Map<Collection, Map<bigint, boolean>>();
  readonly #ranges = new Map<Collection, IdRanges>();
  readonly #absentNames = new Set<string>();
  readonly #collections = new Set<Collection>();
  #documentCount = 0;
  #rangeCount = 0;

  get hasRanges(): boolean {
    return this.#ranges.size > 0;
  }

  get memoryBytes(): number {
    return (this.#documentCount + this.#absentNames.size) * documentBytes + this.#rangeCount * rangeBytes;
  }

  /** Collections that must not be dropped. */
  get collections(): Iterable<Collection> {
    return this.#collections;
  }

  /** Names, in lower case, that must not be taken. */
  get absentNames(): Iterable<string> {
    return this.#absentNames;
  }

  addCollection(collection: Collection): void {
    this.#collections.add(collection);
  }

  addAbsentName(name: string): void {
    this.#checkRoom();
    this.#absentNames.add(name.toLowerCase());
  }

  addDocument({ collection, id, existed }: ReadDocument): void {
    let documents = this.#documents.get(collection);
    if (documents === undefined) this.#documents.set(collection, (documents = new Map()));
    if (documents.has(id)) return;
    this.#checkRoom();
    documents.set(id, existed);
    this.#documentCount++;
  }

  /** Adds all ids from `from` to `to`, both included. */
  addRange(collection: Collection, from: bigint, to: bigint): void {
    let ranges = this.#ranges.get(collection);
    if (ranges === undefined) this.#ranges.set(collection, (ranges = new IdRanges()));
    this.#checkRoom();
    this.#rangeCount += ranges.add(from, to);
  }

  *documents(): Iterable<ReadDocument> {
    for (const [collection, documents] of this.#documents) {
      for (const [id, existed] of documents) yield { collection, id, existed };
    }
  }

  hasDocument(collection: Collection, id: bigint): boolean {
    return this.#documents.get(collection)?.has(id) === true;
  }

  inRange(collection: Collection, id: bigint): boolean {
    return this.#ranges.get(collection)?.has(id) === true;
  }

  #checkRoom(): void {
    const limit = limits.transactionReads;
    if (this.#documentCount + this.#absentNames.size < limit && this.#rangeCount < limit) return;
    const message = `The transaction has read over ${limit} documents or ranges one by one. Read lists, or less.`;
    throw new DocDBError("TOO_MANY_OPERATIONS", message, { metadata: { limit: String(limit) } });
  }
}
