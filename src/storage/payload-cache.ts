// The documents that are read again and again, in memory: one cache for all databases of an engine, bounded in bytes. A
// scan of everything doesn't push them out: what was read once waits in a small queue, and only what was read again
// while it stood there (or soon after it had left) comes into the main one. After "FIFO queues are all you need for
// cache eviction" (S3-FIFO), Yang and others, SOSP 2023.
//
// Invariants
// 1. An entry is the record that stood at one place of a data file, checked when it entered. A hit is a record of just
//    the wanted collection, id, version, length and creation: anything else at that place is a miss. So nothing needs
//    to be invalidated; what was replaced is never asked for again, and gives way in time.
// 2. The bytes counted are at most the limit. Contents stand in slabs of their queue, in its order, and change over
//    with their entry: a slab goes when its last entry leaves. A buffer for each would take 500 bytes more than its
//    content.
// 3. What the server needs for other things goes first: the cache is as small as that wants it.

import { MemoryAccount } from "../base/memory-account.ts";
import { dataRecordHeaderBytes, type DataRecord } from "./data-format.ts";
import { hasIdentity, type RecordPlace } from "./record-place.ts";

/**
 * Bytes that an entry takes beside its content: two objects, its buffer's, its places in the map and in a queue (370 on
 * the JavaScript heap, once its garbage is gone), and what the heap and the slabs keep free. Measured: 580 to 720.
 */
export const cacheEntryBytes = 650;

/** Bytes of a slab, and of the largest content that stands in one. */
const slabBytes = 64 * 1024;
const largestInSlab = slabBytes / 8;

/** The part of the limit that the small queue may take. */
const smallShare = 0.1;
/** No more than this part of the limit goes to one document: many small ones are worth more than a huge one. */
const largestShare = 0.05;
/** Reads that count: an entry gets as many more rounds in the main queue. */
const maxReads = 3;

interface Entry {
  record: DataRecord;
  readonly key: number;
  readonly bytes: number;
  /** The entries of its database; it stands there until it gives way or is replaced. */
  readonly home: Map<number, Entry>;
  readonly database: number;
  reads: number;
}

/** Counters start at 0 with the cache. */
export interface CacheStats {
  readonly documents: number;
  readonly bytes: number;
  readonly limitBytes: number;
  readonly hits: number;
  readonly misses: number;
  readonly evictions: number;
  /** Of the evictions, those that made room for other things than documents. */
  readonly pressureEvictions: number;
}

export class PayloadCache {
  readonly #limitBytes: number;
  readonly #small = new Queue();
  readonly #main = new Queue();
  /** What left the small queue lately, oldest first: numbers that stand for places. */
  readonly #ghosts = new Set<number>();
  readonly #counts = { hits: 0, misses: 0, evictions: 0, pressureEvictions: 0 };
  readonly #memory: MemoryAccount;
  #databases = 0;

  /** `limitBytes` 0: nothing is kept. It gives way when `server`, the account of everything, is at its limit. */
  constructor(limitBytes: number, server: MemoryAccount = new MemoryAccount()) {
    this.#limitBytes = limitBytes;
    this.#memory = server.child({ kind: "cache" });
    server.giveWay = (bytes) => {
      const { evictions } = this.#counts;
      this.#shrinkTo(Math.max(0, this.#bytes - bytes));
      this.#counts.pressureEvictions += this.#counts.evictions - evictions;
    };
  }

  /** The part of one open database. */
  part(): CachePart {
    return new CachePart(this, ++this.#databases);
  }

  get stats(): CacheStats {
    const documents = this.#small.length + this.#main.length;
    return { documents, bytes: this.#bytes, limitBytes: this.#limitBytes, ...this.#counts };
  }

  noteMiss(): void {
    this.#counts.misses++;
  }

  noteHit(entry: Entry): void {
    this.#counts.hits++;
    if (entry.reads < maxReads) entry.reads++;
  }

  add(home: Map<number, Entry>, database: number, key: number, record: DataRecord): void {
    const bytes = record.content.length + cacheEntryBytes;
    if (bytes > this.#limitBytes * largestShare) return;
    const entry: Entry = { record, key, bytes, home, database, reads: 0 };
    home.set(key, entry);
    if (this.#ghosts.delete(ghostOf(entry))) this.#main.push(entry);
    else this.#small.push(entry);
    this.#shrinkTo(this.#limitBytes);
  }

  /** Forgets a database that was closed. */
  forget(database: number): void {
    this.#small.remove(database);
    this.#main.remove(database);
    this.#memory.resize(this.#bytes);
  }

  get #bytes(): number {
    return this.#small.bytes + this.#main.bytes;
  }

  /** Evicts until no more than so many bytes are held. */
  #shrinkTo(limitBytes: number): void {
    while (this.#bytes > limitBytes) this.#evictOne(limitBytes);
    this.#memory.resize(this.#bytes);
  }

  #evictOne(limitBytes: number): void {
    const fromSmall = this.#small.bytes > limitBytes * smallShare || this.#main.length === 0;
    const entry = fromSmall ? this.#small.shift() : this.#main.shift();
    if (entry === undefined) return;
    if (entry.reads > 0) {
      entry.reads = fromSmall ? 0 : entry.reads - 1;
      this.#main.push(entry);
      return;
    }
    if (entry.home.get(entry.key) === entry) entry.home.delete(entry.key);
    this.#counts.evictions++;
    if (fromSmall) this.#remember(entry);
  }

  /** As many are remembered as the main queue holds. */
  #remember(entry: Entry): void {
    this.#ghosts.add(ghostOf(entry));
    const most = Math.max(this.#main.length, this.#small.length);
    for (const oldest of this.#ghosts) {
      if (this.#ghosts.size <= most) break;
      this.#ghosts.delete(oldest);
    }
  }
}

/** What a store sees of the cache: the records of its own data files. */
export class CachePart {
  readonly #cache: PayloadCache;
  readonly #database: number;
  readonly #entries = new Map<number, Entry>();

  constructor(cache: PayloadCache, database: number) {
    this.#cache = cache;
    this.#database = database;
  }

  /** The record at this place, if it is here. Its bytes must not be changed. */
  get(place: RecordPlace): DataRecord | undefined {
    const record = this.peek(place);
    if (record === undefined) this.#cache.noteMiss();
    return record;
  }

  /** Like `get`, but a miss isn't counted: the caller comes back with `get`. */
  peek(place: RecordPlace): DataRecord | undefined {
    const entry = this.#entries.get(keyOf(place));
    if (entry === undefined || !hasIdentity(entry.record, place)) return undefined;
    this.#cache.noteHit(entry);
    return entry.record;
  }

  /** Takes in a record that was read from this place and checked. */
  add(place: RecordPlace, record: DataRecord): void {
    const key = keyOf(place);
    const known = this.#entries.get(key);
    // Two reads of the same place may have been under way. What stood there two compactions ago is replaced.
    if (known !== undefined && hasIdentity(known.record, place)) return;
    this.#cache.add(this.#entries, this.#database, key, record);
  }

  /** The database is closed. */
  close(): void {
    this.#entries.clear();
    this.#cache.forget(this.#database);
  }
}

/** First in, first out. */
class Queue {
  #entries: Entry[] = [];
  #first = 0;
  readonly #slabs = new Slabs();
  bytes = 0;

  get length(): number {
    return this.#entries.length - this.#first;
  }

  /** Takes in an entry and copies its content: that may be a piece of something bigger, or somebody else's. */
  push(entry: Entry): void {
    entry.record = { ...entry.record, content: this.#slabs.copyOf(entry.record.content) };
    this.#entries.push(entry);
    this.bytes += entry.bytes;
  }

  shift(): Entry | undefined {
    const entry = this.#entries[this.#first];
    if (entry === undefined) return undefined;
    this.#first++;
    // What was taken out is cut off now and then: each entry is moved at most once for each that leaves.
    if (this.#first * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
    }
    this.bytes -= entry.bytes;
    return entry;
  }

  remove(database: number): void {
    this.#entries = this.#entries.slice(this.#first).filter((entry) => entry.database !== database);
    this.#first = 0;
    this.bytes = this.#entries.reduce((sum, entry) => sum + entry.bytes, 0);
  }
}

/** Copies of small contents, many in one buffer. */
class Slabs {
  #slab: Buffer = Buffer.alloc(0);
  #used = 0;

  copyOf(content: Uint8Array): Buffer {
    const copy = this.#room(content.length);
    copy.set(content);
    return copy;
  }

  #room(length: number): Buffer {
    if (length > largestInSlab) return Buffer.allocUnsafeSlow(length);
    if (this.#used + length > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(slabBytes);
      this.#used = 0;
    }
    this.#used += length;
    return this.#slab.subarray(this.#used - length, this.#used);
  }
}

/** A place as a number: offsets stay below 2^47. */
function keyOf({ offset, file }: RecordPlace): number {
  return offset * 2 + file.parity;
}

/** A place of a database as a number. Two that share one cost nothing but a wrong guess. */
function ghostOf({ key, database }: Entry): number {
  return key + database * dataRecordHeaderBytes * 0x1_0000_0001;
}
