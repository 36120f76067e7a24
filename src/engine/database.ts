// One open database: what its commands mean, on top of a store that keeps commits whole and durable.
//
// Invariants
// 1. A write is validated and given its version in one turn of the event loop, against everything submitted before it.
// 2. Nothing that isn't visible yet is told to anyone: an answer that rests on pending writes waits until they are
//    visible, and is worked out anew when they fail.

import type { DocDBError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import type { Healing } from "../storage/healing.ts";
import { Store } from "../storage/store.ts";
import type { StoreOptions } from "../storage/store-options.ts";
import type { CompactionResult } from "../storage/upkeep.ts";
import type { VerifySink } from "../storage/verify/finding.ts";
import { Collections } from "./collections.ts";
import type { CompactionProgress } from "./commands.ts";
import { DocumentReader } from "./document-reader.ts";
import { DocumentWriter } from "./document-writer.ts";
import type { OpenDatabaseStats } from "./engine-stats.ts";
import type { LongPatches } from "./long-patches.ts";
import { OpenSnapshots } from "./open-snapshots.ts";
import { PendingWrites } from "./pending.ts";
import { Requests } from "./requests/requests.ts";
import { Submitter } from "./submitter.ts";
import { RecentChanges } from "./transactions/recent-changes.ts";
import { transactionHost } from "./transactions/transaction-host.ts";
import { Transactions } from "./transactions/transactions.ts";

export class Database {
  readonly #store: Store;
  readonly collections: Collections;
  readonly reader: DocumentReader;
  readonly writer: DocumentWriter;
  readonly snapshots: OpenSnapshots;
  readonly transactions: Transactions;

  private constructor(
    store: Store,
    { platform: { clock, random }, meters }: StoreOptions,
    pending: PendingWrites,
    changes: RecentChanges,
    submitter: Submitter,
    longPatches: LongPatches,
  ) {
    this.#store = store;
    this.collections = new Collections(store, pending, clock, submitter);
    this.snapshots = new OpenSnapshots(store, random);
    this.reader = new DocumentReader(store, this.collections, clock);
    const { collections, reader } = this;
    const requests = new Requests(store);
    const parts = { store, collections, requests, pending, submitter, longPatches, clock };
    this.writer = new DocumentWriter({ ...parts, reader });
    this.transactions = new Transactions(transactionHost({ ...parts, changes, random, meters }));
    for (const { memory } of [changes, this.transactions]) store.memory.adopt(memory);
  }

  /**
   * Opens a database's files. `onReadOnly` is told when writing has ended. DATABASE_CORRUPT when that can't be done.
   */
  static async open(
    options: StoreOptions,
    longPatches: LongPatches,
    onReadOnly: (error: DocDBError) => void,
  ): Promise<Database> {
    const pending = new PendingWrites();
    let submitter: Submitter | undefined;
    const store = await Store.open(options, { onAbort: () => submitter?.forget(), onReadOnly });
    const changes = new RecentChanges(limits.recentChanges);
    submitter = new Submitter(options.platform.clock, options.mutationsInPiece, store, pending, changes);
    return new Database(store, options, pending, changes, submitter, longPatches);
  }

  /** Why nothing can be written, if so. */
  get readOnly(): DocDBError | undefined {
    return this.#store.readOnly;
  }

  /** Whether somebody has a transaction or a snapshot open. */
  get isHeld(): boolean {
    return this.transactions.count > 0 || this.#store.snapshotStats.snapshots > 0;
  }

  /** Whether a compaction or a round of the scrubber is under way. */
  get hasUpkeep(): boolean {
    return this.#store.upkeep.isCompacting || this.#store.healing.isScrubbing;
  }

  /** What scrubbing and healing do here. */
  get healing(): Healing {
    return this.#store.healing;
  }

  get stats(): OpenDatabaseStats {
    const { snapshots, oldVersions } = this.#store.snapshotStats;
    const { count: transactions } = this.transactions;
    const { quarantined } = this.healing.report;
    return { ...this.#store.stats, quarantined, snapshots, oldVersions, transactions };
  }

  /** Writes a checkpoint; returns the version it covers. */
  checkpoint(): Promise<number> {
    return this.#store.upkeep.checkpoint();
  }

  /** Gives back the space of what was replaced or deleted. */
  compact(onProgress?: (progress: CompactionProgress) => void): Promise<CompactionResult> {
    return this.#store.upkeep.compact(onProgress);
  }

  /** Reads every byte of the files and reports what isn't as it should be. */
  verify(sink: VerifySink, onTotal: (bytes: number) => void): Promise<void> {
    return this.#store.verify(sink, onTotal);
  }

  /** Asks work that may take long, such as a compaction, to end soon. */
  stopLongWork(): void {
    this.#store.stopLongWork();
  }

  /** Rolls open transactions back, waits for pending writes, checkpoints and closes the files. */
  async close(): Promise<void> {
    this.transactions.close();
    await this.#store.close();
  }
}
