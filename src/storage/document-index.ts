// What a database keeps in memory about its committed state: its collections, and for each the table that locates the
// newest version of every document. Only committed changes get here, in version order.

import { assert } from "../base/assert.ts";
import { MemoryAccount } from "../base/memory-account.ts";
import type { Location, Mutation } from "./commit.ts";
import { indexNumberLimit } from "./index-shard.ts";
import { IndexTable } from "./index-table.ts";
import type { OrderedIds } from "./ordered-ids.ts";
import { RequestTable } from "./request-table.ts";

/** The collection that every database has; it can't be dropped. */
export const defaultCollectionId = 0;
export const defaultCollectionName = "_default";

/** Bytes of memory that a collection takes beside its documents, about. */
const collectionBytes = 1_000;

/** One collection and its documents. */
export class Collection {
  readonly id: number;
  readonly name: string;
  readonly createTimeMs: number;
  readonly table: IndexTable;
  /** Bytes of memory that its table and the order of its ids take. */
  readonly memory: MemoryAccount = new MemoryAccount();
  /** The commits that created and dropped it. Snapshots need to know, and they don't outlive the process: 0 will do. */
  readonly createVersion: number;
  dropVersion: number = Number.POSITIVE_INFINITY;
  /** The ids of its documents in order, once somebody wanted them. */
  orderedIds: OrderedIds | undefined;
  /** Above every id ever used here that is a safe integer; greater ids don't count, so that assigned ids stay safe. */
  nextId = 1;

  constructor(id: number, name: string, createTimeMs: number, table: IndexTable = new IndexTable(), createVersion = 0) {
    this.id = id;
    this.name = name;
    this.createTimeMs = createTimeMs;
    this.table = table;
    this.createVersion = createVersion;
    this.memory.charge(collectionBytes);
    this.memory.adopt(table.memory);
  }

  /** Whether the snapshot of a version sees this collection. */
  isSeenBy(version: number): boolean {
    return this.createVersion <= version && version < this.dropVersion;
  }

  /** Makes sure that the id with these halves is not assigned again. */
  noteId(low: number, high: number): void {
    const id = high * 0x1_0000_0000 + low;
    if (id >= this.nextId && id < Number.MAX_SAFE_INTEGER) this.nextId = id + 1;
  }
}

export class DocumentIndex {
  readonly #byId = new Map<number, Collection>();
  readonly #byName = new Map<string, Collection>();
  /** Above every collection id ever used: ids of dropped collections don't come back. */
  nextCollectionId = 1;
  /** Records of requests. */
  readonly requests: RequestTable;
  /** Bytes of memory of the collections that there are, and of the table of requests. */
  readonly memory: MemoryAccount = new MemoryAccount({ kind: "index" });

  constructor(requests: RequestTable = new RequestTable()) {
    this.requests = requests;
    this.memory.adopt(requests.memory);
    this.addCollection(new Collection(defaultCollectionId, defaultCollectionName, 0));
  }

  get collections(): Iterable<Collection> {
    return this.#byId.values();
  }

  get collectionCount(): number {
    return this.#byId.size;
  }

  collection(id: number): Collection | undefined {
    return this.#byId.get(id);
  }

  /** Finds a collection without regard to case. */
  collectionNamed(name: string): Collection | undefined {
    return this.#byName.get(name.toLowerCase());
  }

  addCollection(collection: Collection): void {
    const replaced = this.#byId.get(collection.id);
    if (replaced !== undefined) this.memory.release(replaced.memory);
    this.memory.adopt(collection.memory);
    this.#byId.set(collection.id, collection);
    this.#byName.set(collection.name.toLowerCase(), collection);
    this.nextCollectionId = Math.max(this.nextCollectionId, collection.id + 1);
  }

  /**
   * Makes a committed change visible. Changes that the index already has, or that a later drop of their collection
   * undid, are passed over: recovery replays from before the state that it starts with.
   */
  apply(mutation: Mutation, version: number, location: Location): void {
    if (mutation.kind === "createCollection") {
      this.#create(mutation, version);
    } else if (mutation.kind === "dropCollection") {
      this.#drop(mutation.collection, version);
    } else if (mutation.kind === "request") {
      this.requests.add(mutation.idLow, mutation.idHigh, version, mutation.createTimeMs, location);
    } else {
      this.#applyToDocument(mutation, version, location);
    }
  }

  /** True when applying the mutation would change nothing. */
  has(mutation: Mutation, version: number): boolean {
    if (mutation.kind === "request") {
      return (this.requests.get(mutation.idLow, mutation.idHigh)?.version ?? 0) >= version;
    }
    const collection = this.#byId.get(mutation.collection);
    if (mutation.kind === "createCollection") return mutation.collection < this.nextCollectionId;
    if (collection === undefined || mutation.kind === "dropCollection") return collection === undefined;
    const entry = collection.table.get(mutation.idLow, mutation.idHigh);
    return entry !== undefined && entry.version >= version;
  }

  /**
   * A compacted data file begins with the collections that there were: then the id fields hold the next id to assign.
   */
  #create(mutation: Mutation, version: number): void {
    if (mutation.collection >= this.nextCollectionId) {
      const name = Buffer.from(mutation.content).toString("utf8");
      this.addCollection(new Collection(mutation.collection, name, mutation.createTimeMs, new IndexTable(), version));
    }
    const collection = this.#byId.get(mutation.collection);
    const nextId = mutation.idHigh * 0x1_0000_0000 + mutation.idLow;
    if (collection !== undefined) collection.nextId = Math.max(collection.nextId, nextId);
  }

  #drop(id: number, version: number): void {
    this.nextCollectionId = Math.max(this.nextCollectionId, id + 1);
    const collection = this.#byId.get(id);
    if (collection === undefined) return;
    collection.dropVersion = version;
    // Whoever keeps it for a snapshot has taken it into its own books.
    this.memory.release(collection.memory);
    this.#byId.delete(id);
    this.#byName.delete(collection.name.toLowerCase());
  }

  #applyToDocument(mutation: Mutation, version: number, location: Location): void {
    const collection = this.#byId.get(mutation.collection);
    if (collection === undefined) {
      assert(mutation.collection < this.nextCollectionId, "a document was committed to a collection that never was");
      return;
    }
    const known = collection.table.get(mutation.idLow, mutation.idHigh);
    if (known !== undefined && known.version >= version) return;
    assert(version < indexNumberLimit && location.offset < indexNumberLimit, "a version or an offset is beyond 2^47");
    collection.noteId(mutation.idLow, mutation.idHigh);
    collection.table.set(mutation.idLow, mutation.idHigh, {
      version,
      offset: location.offset,
      length: location.length,
      parity: location.parity,
      deleted: mutation.kind === "delete",
      createTimeMs: mutation.createTimeMs,
    });
    const wasThere = known?.deleted === false;
    const isThere = mutation.kind !== "delete";
    if (wasThere !== isThere) collection.orderedIds?.changed(mutation.idLow, mutation.idHigh);
  }
}
