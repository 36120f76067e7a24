// One open transaction: a snapshot, the writes that only it sees, and what its commit depends on. Calls in it run one
// after the other (transactions.ts sees to that), so each sees what those before it did.

import { DocDBError } from "../../base/errors.ts";
import { limits, maxDocumentId } from "../../base/limits.ts";
import type { MemoryAccount } from "../../base/memory-account.ts";
import { checkName } from "../../base/names.ts";
import type { Pieces, Turn } from "../../platform/turn.ts";
import type { Mutation } from "../../storage/commit.ts";
import type { Collection } from "../../storage/document-index.ts";
import type { DocumentRecord, DocumentStamp, ExecutionContext, Isolation, Page, ScanPage } from "../commands.ts";
import { documentNotFound } from "../document-errors.ts";
import { beyond, type PageBounds } from "../page-reader.ts";
import type { DocumentState } from "../pending.ts";
import type { PreparedOperation } from "../prepared-operation.ts";
import { LongPatch, type LongPatches } from "../long-patches.ts";
import { type ContentSource, StoredContents } from "../stored-contents.ts";
import { type DocumentStates, WritePlan } from "../write-plan.ts";
import { AnsweredRequests } from "./answered-requests.ts";
import { endOf, mergedPage, type OwnWrite, pageUntil } from "./merged-page.ts";
import { ReadSet } from "./read-set.ts";
import type { NewestState } from "./validation.ts";
import { changeBytes, WriteBuffer } from "./write-buffer.ts";

/** Bytes of memory that a transaction takes that has done nothing, about. */
export const transactionObjectBytes = 3_000;

/** A database as of one version. */
export interface SnapshotView {
  readonly version: number;
  /** Why it can't be read any more, if so. */
  readonly ended: DocDBError | undefined;
  /** The collection with this name; empty means `_default`. SNAPSHOT_TOO_OLD. */
  collectionNamed(name: string): Collection | undefined;
  stateOf(collection: Collection, id: bigint): DocumentState | undefined;
  read(collection: Collection, id: bigint): Promise<DocumentRecord | undefined>;
  /** The next documents of a collection. SNAPSHOT_TOO_OLD. */
  page(collection: Collection, bounds: PageBounds): Promise<ScanPage>;
  close(): void;
}

/** Changes that are planned, or made ready for the commit, in one piece of work. */
const changesInPiece = 128;

/** How operations are planned. */
export interface WriteCall {
  readonly nowMs: number;
  readonly turn: Turn;
  /** Says of an error which operation it was. */
  readonly explain?: (error: unknown, position: number) => unknown;
  readonly context: ExecutionContext | undefined;
}

/** What a transaction works with. */
export interface TransactionParts {
  readonly view: SnapshotView;
  readonly newest: NewestState;
  readonly longPatches: LongPatches;
  /** Charged with what the transaction holds; closed with it. */
  readonly memory: MemoryAccount;
}

export class Transaction implements DocumentStates {
  readonly id: string;
  readonly isolation: Isolation;
  readonly view: SnapshotView;
  readonly readSet: ReadSet = new ReadSet();
  readonly writes: WriteBuffer = new WriteBuffer();
  readonly requests: AnsweredRequests = new AnsweredRequests();
  readonly #newest: NewestState;
  readonly #longPatches: LongPatches;
  readonly #memory: MemoryAccount;
  /** Where patches find what they patch. */
  readonly #source: ContentSource = {
    stateOf: (name, id) => {
      const collection = this.view.collectionNamed(name);
      return collection === undefined ? undefined : this.stateOf(collection, id);
    },
    read: (name, id) => this.get(name, id),
  };

  constructor(id: string, isolation: Isolation, { view, newest, longPatches, memory }: TransactionParts) {
    this.id = id;
    this.isolation = isolation;
    this.view = view;
    this.#newest = newest;
    this.#longPatches = longPatches;
    this.#memory = memory;
    this.settleMemory();
  }

  /** Charges the transaction with what it holds after a call. */
  settleMemory(): void {
    this.#memory.resize(this.#bytes);
  }

  /** Frees what it holds. */
  close(): void {
    this.view.close();
    this.#memory.close();
  }

  get #bytes(): number {
    return transactionObjectBytes + this.writes.memoryBytes + this.readSet.memoryBytes + this.requests.memoryBytes;
  }

  /** Throws SNAPSHOT_TOO_OLD when the transaction has lost its snapshot. */
  checkSnapshot(): void {
    if (this.view.ended !== undefined) throw this.view.ended;
  }

  /** The state of a document in this transaction. */
  stateOf(collection: Collection, id: bigint): DocumentState | undefined {
    return this.writes.stateOf(collection, id) ?? this.view.stateOf(collection, id);
  }

  /** Whether an id must not be assigned: somebody has, or had, a document there. */
  isUsed(collection: Collection, id: bigint): boolean {
    return this.stateOf(collection, id) !== undefined || this.#newest.stateOf(collection, id) !== undefined;
  }

  async get(collectionName: string, id: bigint): Promise<DocumentRecord> {
    const collection = this.#find(collectionName);
    const found = await this.read(collection, id);
    if (found === undefined) throw documentNotFound(collection.name, id);
    return found;
  }

  /** A document as this transaction sees it. */
  async read(collection: Collection, id: bigint): Promise<DocumentRecord | undefined> {
    const own = this.writes.get(collection, id);
    if (own !== undefined) return own.kind === "put" ? ownRecord(id, own) : undefined;
    this.#noteRead(collection, id);
    return await this.view.read(collection, id);
  }

  /** Documents in id order after `after`, own writes included; see `CommandTable.listDocuments`. */
  async list(collectionName: string, after: bigint, pageSize: number): Promise<Page<DocumentRecord>> {
    const from = beyond(after, false);
    const bounds = { from: from ?? maxDocumentId, reverse: false, documents: pageSize, bytes: limits.pageBytes };
    const { items, next, failure } = await this.scan(collectionName, bounds);
    if (failure !== undefined) throw failure.error;
    return from === undefined ? { items: [], more: false } : { items, more: next !== undefined };
  }

  /** The next documents of a scan, own writes included. */
  async scan(collectionName: string, bounds: PageBounds): Promise<ScanPage> {
    const collection = this.#find(collectionName);
    for (let { from } = bounds; ; ) {
      let seen = await this.view.page(collection, { ...bounds, from });
      const own = this.#ownWrites(collection, { ...bounds, from }, endOf(seen, bounds.reverse));
      const last = own.at(-1);
      // There may be more of them, and they don't fit anyway.
      if (last !== undefined && own.length > bounds.documents) seen = pageUntil(seen, last.id, bounds.reverse);
      const end = endOf(seen, bounds.reverse);
      const page = mergedPage(seen, own, bounds);
      // Whether anything follows is part of the answer.
      const known = page.next ?? end;
      if (this.isolation === "serializable") {
        this.readSet.addRange(collection, ...(bounds.reverse ? ([known, from] as const) : ([from, known] as const)));
      }
      // A page that own deletions emptied says nothing about where to go on.
      if (page.items.length > 0 || page.next === undefined || page.failure !== undefined) return page;
      from = page.next;
    }
  }

  /** Plans operations, all or none; they are applied at the commit. */
  async write(
    operations: readonly PreparedOperation[],
    { nowMs, turn, explain = (error) => error, context }: WriteCall,
  ): Promise<DocumentStamp[]> {
    const contents = new StoredContents(this.#source, turn);
    await contents.load(operations, explain);
    const plan = new WritePlan(this, { version: 0, nowMs, contents, longPatches: this.#longPatches });
    const stamps: DocumentStamp[] = [];
    for (const [i, operation] of operations.entries()) {
      if (i > 0 && i % changesInPiece === 0) await turn.pause();
      try {
        const collection = this.#find(operation.collection);
        if (this.isolation === "serializable" && operation.id !== 0n) this.#noteRead(collection, operation.id);
        let added = plan.add(collection, operation);
        // Nobody else changes what the transaction sees meanwhile.
        while (added instanceof LongPatch) {
          added = plan.add(collection, operation, await this.#longPatches.apply(added, context));
        }
        stamps.push(added);
      } catch (error) {
        throw explain(error, i);
      }
    }
    await this.#checkRoom(plan, turn);
    let count = 0;
    for (const { collection, id, mutation } of plan) {
      if (++count % changesInPiece === 0) await turn.pause();
      this.readSet.addCollection(collection);
      if (this.isolation !== "last_commit_wins") this.#addToReadSet(collection, id);
      this.writes.add(collection, mutation);
    }
    return stamps;
  }

  /** The commit's changes: creation times are those of the newest state, which the commit follows. */
  *mutationPieces(nowMs: number): Pieces<Mutation[]> {
    const mutations: Mutation[] = [];
    let count = 0;
    for (const { collection, id, mutation } of this.writes) {
      if (++count % changesInPiece === 0) yield;
      const state = this.#newest.stateOf(collection, id);
      if (mutation.kind === "delete" && state?.exists !== true) continue;
      const createTimeMs = state?.exists === true ? state.createTimeMs : nowMs;
      mutations.push({ ...mutation, createTimeMs, updateTimeMs: Math.max(nowMs, createTimeMs) });
    }
    return mutations;
  }

  /** The collection that the snapshot has under this name. COLLECTION_NOT_FOUND, INVALID_NAME. */
  #find(name: string): Collection {
    const collection = this.view.collectionNamed(name);
    // What can't be a name isn't kept: it may be as long as a message.
    if (collection === undefined) checkName("collection", name);
    if (this.isolation === "serializable") {
      if (collection === undefined) this.readSet.addAbsentName(name);
      else this.readSet.addCollection(collection);
    }
    if (collection !== undefined) return collection;
    const message = `There was no collection ${name} when the transaction began. Create it, and begin a new one.`;
    throw new DocDBError("COLLECTION_NOT_FOUND", message, { metadata: { collection: name } });
  }

  #noteRead(collection: Collection, id: bigint): void {
    if (this.isolation === "serializable") this.#addToReadSet(collection, id);
  }

  #addToReadSet(collection: Collection, id: bigint): void {
    this.readSet.addDocument({ collection, id, existed: this.view.stateOf(collection, id)?.exists === true });
  }

  /** Own writes from where a page starts to where it ends, in its direction: as many as fit, and one. */
  #ownWrites(collection: Collection, { from, reverse, documents }: PageBounds, end: bigint): OwnWrite[] {
    const ids = this.writes.idsFrom(collection, from, reverse, documents + 1);
    const inside = ids.filter((id) => (reverse ? id >= end : id <= end));
    return inside.map((id) => {
      const own = this.writes.get(collection, id);
      return { id, record: own?.kind === "put" ? ownRecord(id, own) : undefined };
    });
  }

  /** A document that is written again takes the place of what was written before. */
  async #checkRoom(plan: WritePlan, turn: Turn): Promise<void> {
    let { count, contentBytes: bytes } = this.writes;
    let looked = 0;
    for (const { collection, id, mutation } of plan) {
      if (++looked % changesInPiece === 0) await turn.pause();
      const before = this.writes.get(collection, id);
      if (before === undefined) count++;
      bytes += mutation.content.length - (before?.content.length ?? 0);
    }
    if (count > limits.batchOperations) {
      const message = `The transaction would change over ${limits.batchOperations} documents. Split it up.`;
      throw new DocDBError("TOO_MANY_OPERATIONS", message, { metadata: { limit: String(limits.batchOperations) } });
    }
    if (bytes > limits.commitBytes) {
      const message = `The transaction would hold over ${limits.commitBytes} bytes of documents. Split it up.`;
      throw new DocDBError("DOCUMENT_TOO_LARGE", message, { metadata: { bytes: String(bytes) } });
    }
    this.#memory.admit(bytes - this.writes.contentBytes + (count - this.writes.count) * changeBytes);
  }
}

function ownRecord(id: bigint, { content: json, createTimeMs, updateTimeMs }: Mutation): DocumentRecord {
  return { id, json, version: 0, createTimeMs, updateTimeMs };
}
