// Where the records of requests stand: what a client's `request_id` came to, kept for a while, so that a repetition has
// the same outcome instead of being applied again. A record is found by the 64-bit hash of its request's key, which is
// the id of the record; the key itself is in its content.
//
// Two tables make the while: new records go into the young one. When its first record is `requestRetentionMs` old, or
// it is full, it becomes the old one, and the old one is forgotten as a whole. So a record is kept for at least that
// long, as long as no more than `requestsKept` come after it, and at most twice as long while requests come. What an
// opening found is kept for that long from then on; a database that is opened again and again forgets all the same.

import { limits } from "../base/limits.ts";
import { MemoryAccount } from "../base/memory-account.ts";
import type { IndexEntry, Parity } from "./index-shard.ts";
import { IndexTable } from "./index-table.ts";

/** The number that stands in records of requests for a collection: no collection has it. */
export const requestsCollection = 0xffff_ffff;

export class RequestTable {
  readonly memory: MemoryAccount = new MemoryAccount();
  #young: IndexTable;
  #old: IndexTable;
  #youngCount: number;
  /** No record of the young table came before; infinite until the clock was asked, if there is none. */
  #youngSinceMs: number;
  /** The first look at the clock: what recovery found had been there before. */
  #openedMs: number | undefined;
  /** No record of this time or later has been forgotten; undefined until something is forgotten here. */
  #completeSinceMs: number | undefined;

  constructor(young: IndexTable = new IndexTable(), old: IndexTable = new IndexTable()) {
    this.#young = young;
    this.#old = old;
    this.#youngCount = young.live;
    this.#youngSinceMs = young.earliestMs;
    for (const table of [young, old]) this.memory.adopt(table.memory);
  }

  /** Both tables, the young one first: one that is walked through in this order misses nothing that ages meanwhile. */
  get tables(): readonly [IndexTable, IndexTable] {
    return [this.#young, this.#old];
  }

  /** Bytes of the records in the data files. */
  get recordBytes(): number {
    return this.#young.liveRecordBytes + this.#old.liveRecordBytes;
  }

  get(low: number, high: number): IndexEntry | undefined {
    return this.#young.get(low, high) ?? this.#old.get(low, high);
  }

  /**
   * Adds a record; one that it has already, in this version or a later one, is passed over. Whoever adds new ones, and
   * not what recovery finds, calls `expire` before.
   */
  add(low: number, high: number, version: number, createTimeMs: number, place: Place): void {
    const known = this.get(low, high);
    if (known !== undefined && known.version >= version) return;
    if (this.#young.get(low, high) === undefined) this.#youngCount++;
    this.#youngSinceMs = Math.min(this.#youngSinceMs, createTimeMs);
    const { offset, length, parity } = place;
    this.#young.set(low, high, { offset, length, parity, version, createTimeMs, deleted: false });
  }

  /** Whether every record that was made at this time or later is here; false when that can't be told. */
  hasAllSince(timeMs: number, nowMs: number): boolean {
    if (this.#completeSinceMs !== undefined) return timeMs >= this.#completeSinceMs;
    // What was forgotten before a restart had been kept for its time, unless a table was full: then that one is here.
    const full = Math.max(this.#young.live, this.#old.live) >= limits.requestsKept;
    return !full && timeMs >= nowMs - limits.requestRetentionMs;
  }

  /** Forgets what has been kept long enough. */
  expire(nowMs: number): void {
    this.#openedMs ??= nowMs;
    if (this.#youngSinceMs === Number.POSITIVE_INFINITY) this.#youngSinceMs = nowMs;
    if (nowMs - this.#youngSinceMs < limits.requestRetentionMs && this.#youngCount < limits.requestsKept) return;
    // Nothing came into the young table after its time: in twice that time all of it has been kept long enough.
    for (const table of this.tables) table.memory.close();
    const knownMs = nowMs - Math.max(this.#youngSinceMs, this.#openedMs);
    const keepsYoung = knownMs < 2 * limits.requestRetentionMs;
    this.#completeSinceMs = keepsYoung ? this.#youngSinceMs : nowMs - limits.requestRetentionMs;
    this.#old = keepsYoung ? this.#young : new IndexTable();
    this.#young = new IndexTable();
    for (const table of this.tables) this.memory.adopt(table.memory);
    this.#youngCount = 0;
    this.#youngSinceMs = nowMs;
  }
}

/** Where a record stands. */
interface Place {
  readonly offset: number;
  readonly length: number;
  readonly parity: Parity;
}
