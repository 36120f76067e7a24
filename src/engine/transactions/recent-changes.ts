// What was changed lately in one database: the version, collection and id of every change that an open transaction may
// have to be checked against. Pending changes are in it from the moment they have their version.
//
// Invariants
// 1. Entries are in version order. A change is either pending, or visible and kept because a transaction is older.
// 2. When a group of commits fails, its entries and all behind them go: `aborts` counts that, because positions found
//    before then mean nothing any more.
// 3. At most `capacity` document entries are kept. When the oldest must go before their time, `positionAfter` says so.

import { MemoryAccount } from "../../base/memory-account.ts";
import { idOf } from "../../base/u64.ts";
import type { Mutation } from "../../storage/commit.ts";

/** Entries that are allocated at first, and gone back to when a larger log is empty. */
const initialCapacity = 1024;
/** Bytes of memory that an entry takes. */
const entryBytes = 20;

/** A change of a document. */
export interface RecentChange {
  readonly version: number;
  readonly collection: number;
  readonly id: bigint;
}

export class RecentChanges {
  readonly #maxCapacity: number;
  /** Bytes of memory that the log takes. */
  readonly memory: MemoryAccount = new MemoryAccount({ kind: "transactions" });
  /** A ring: the entry at position p is at p modulo its length, which is a power of two. */
  #versions = new Float64Array(initialCapacity);
  #collections = new Uint32Array(initialCapacity);
  #idsLow = new Uint32Array(initialCapacity);
  #idsHigh = new Uint32Array(initialCapacity);
  #first = 0;
  #end = 0;
  #cutVersion = 0;
  #aborts = 0;
  /** Versions of the newest creations of collections, by their names in lower case. */
  readonly #created = new Map<string, number>();
  #needed: number | undefined;

  /** `capacity` is a power of two of at least 1,024. */
  constructor(capacity: number) {
    this.#maxCapacity = capacity;
    this.memory.resize(initialCapacity * entryBytes);
  }

  /** How often pending changes have been forgotten. */
  get aborts(): number {
    return this.#aborts;
  }

  /** The position behind the newest entry. */
  get end(): number {
    return this.#end;
  }

  /**
   * Keeps what comes after this version, that of the oldest open transaction; undefined: nothing but what is pending.
   */
  need(version: number | undefined): void {
    this.#needed = version;
  }

  /** Notes a change of a commit, when it has its version. */
  add({ kind, collection, idLow, idHigh, content }: Mutation, version: number): void {
    if (kind === "put" || kind === "delete") this.#append(version, collection, idLow, idHigh);
    else if (kind === "createCollection") {
      this.#created.set(Buffer.from(content).toString("utf8").toLowerCase(), version);
    }
  }

  /** Forgets what nobody needs, now that commits up to this version are visible. */
  trim(visibleVersion: number): void {
    const version = Math.min(visibleVersion, this.#needed ?? visibleVersion);
    const mask = this.#versions.length - 1;
    while (this.#first < this.#end && (this.#versions[this.#first & mask] as number) <= version) this.#first++;
    for (const [name, created] of this.#created) if (created <= visibleVersion) this.#created.delete(name);
    if (this.#first === this.#end && this.#versions.length > initialCapacity * 64) this.#resize(initialCapacity);
  }

  /** Forgets the changes after this version: they were pending, and won't become visible. */
  abort(visibleVersion: number): void {
    this.#aborts++;
    const mask = this.#versions.length - 1;
    while (this.#end > this.#first && (this.#versions[(this.#end - 1) & mask] as number) > visibleVersion) this.#end--;
    this.#cutVersion = Math.min(this.#cutVersion, visibleVersion);
    for (const [name, created] of this.#created) if (created > visibleVersion) this.#created.delete(name);
  }

  /** Whether a collection with this name, in lower case, is about to be created. */
  isBeingCreated(name: string): boolean {
    return this.#created.has(name);
  }

  /** Where the changes after a version begin; undefined when some of them had to be forgotten. */
  positionAfter(version: number): number | undefined {
    if (version < this.#cutVersion) return undefined;
    const mask = this.#versions.length - 1;
    let [low, high] = [this.#first, this.#end];
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2);
      if ((this.#versions[middle & mask] as number) > version) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Whether the entry at this position, which was one once, is there still. */
  has(position: number): boolean {
    return position >= this.#first && position <= this.#end;
  }

  at(position: number): RecentChange {
    const place = position & (this.#versions.length - 1);
    return {
      version: this.#versions[place] as number,
      collection: this.#collections[place] as number,
      id: idOf(this.#idsLow[place] as number, this.#idsHigh[place] as number),
    };
  }

  #append(version: number, collection: number, idLow: number, idHigh: number): void {
    if (this.#end - this.#first === this.#versions.length) this.#makeRoom();
    const place = this.#end++ & (this.#versions.length - 1);
    this.#versions[place] = version;
    this.#collections[place] = collection;
    this.#idsLow[place] = idLow;
    this.#idsHigh[place] = idHigh;
  }

  #makeRoom(): void {
    if (this.#versions.length < this.#maxCapacity) {
      this.#resize(this.#versions.length * 2);
      return;
    }
    // An eighth at once, so that this is rare.
    const mask = this.#versions.length - 1;
    this.#first += this.#versions.length / 8;
    this.#cutVersion = this.#versions[(this.#first - 1) & mask] as number;
  }

  #resize(capacity: number): void {
    const [versions, collections] = [new Float64Array(capacity), new Uint32Array(capacity)];
    const [idsLow, idsHigh] = [new Uint32Array(capacity), new Uint32Array(capacity)];
    this.memory.resize(capacity * entryBytes);
    const mask = this.#versions.length - 1;
    for (let position = this.#first; position < this.#end; position++) {
      const [from, to] = [position & mask, position & (capacity - 1)];
      versions[to] = this.#versions[from] as number;
      collections[to] = this.#collections[from] as number;
      idsLow[to] = this.#idsLow[from] as number;
      idsHigh[to] = this.#idsHigh[from] as number;
    }
    [this.#versions, this.#collections, this.#idsLow, this.#idsHigh] = [versions, collections, idsLow, idsHigh];
  }
}
