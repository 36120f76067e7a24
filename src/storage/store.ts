// The durable state of one database: its index in memory, its data file and its WAL, behind three verbs: read, commit,
// close, and the upkeep of its files. What a commit may contain is the engine's business; that it is there whole or not
// at all is ours.

import { DocDBError } from "../base/errors.ts";
import type { Hash64 } from "../base/hash.ts";
import type { MemoryAccount } from "../base/memory-account.ts";
import { sabotaged } from "../base/sabotage.ts";
import type { Turn } from "../platform/turn.ts";
import type { OperationTimes } from "../telemetry/operation-times.ts";
import { documentBytes } from "./compaction.ts";
import type { Commit, Mutation } from "./commit.ts";
import { dataRecordHeaderBytes, type DataRecord } from "./data-format.ts";
import type { Collection, DocumentIndex } from "./document-index.ts";
import { diskError } from "./disk-errors.ts";
import { GivenUpFiles } from "./given-up-files.ts";
import { isLossy } from "./fsync-mode.ts";
import { GroupCommit } from "./group-commit.ts";
import { Healing } from "./healing.ts";
import type { IdOrder } from "./id-order.ts";
import type { CachePart } from "./payload-cache.ts";
import { Publisher } from "./publisher.ts";
import { ReadLeases } from "./read-leases.ts";
import { readRuns, type Wanted } from "./read-runs.ts";
import { placeOf } from "./record-place.ts";
import { requestsCollection } from "./request-table.ts";
import type { Snapshot } from "./snapshot.ts";
import { type Located, Snapshots, type SnapshotStats } from "./snapshots.ts";
import type { ReadContext, StoreListener, StoreOptions } from "./store-options.ts";
import type { StoreStats } from "./store-stats.ts";
import type { StoreParts } from "./store-parts.ts";
import { recover, type Recovered } from "./recovery.ts";
import { Upkeep } from "./upkeep.ts";
import type { VerifySink } from "./verify/finding.ts";
import { verifyStore } from "./verify/verify-store.ts";

const verifyStopped = "The database is being closed: not every byte was checked.";

export class Store {
  readonly #options: StoreOptions;
  readonly #parts: StoreParts;
  readonly #listener: StoreListener;
  readonly #leases = new ReadLeases();
  readonly #givenUp: GivenUpFiles;
  readonly #snapshots: Snapshots;
  readonly #cache: CachePart | undefined;
  readonly #publisher: Publisher;
  /** Checkpoints and compactions. */
  readonly upkeep: Upkeep;
  readonly healing: Healing;
  readonly index: DocumentIndex;
  /** What the database holds in memory, cached documents aside. */
  readonly memory: MemoryAccount;
  /** The least version that the next commit may have. */
  readonly #versionFloor: number;
  #nextVersion: number;

  private constructor(options: StoreOptions, recovered: Recovered, listener: StoreListener) {
    const { data, wal, index, nextVersion, lastVersion } = recovered;
    this.#options = options;
    this.#listener = listener;
    this.index = index;
    this.#versionFloor = nextVersion;
    this.#nextVersion = nextVersion;
    const { platform, background, meters, layout, databaseId, segmentBytes } = options;
    const { fsyncMode: mode, fsyncIntervalMs: intervalMs } = options;
    this.memory = options.memory.child({ name: `database ${layout.database}`, limitBytes: options.memoryBytes });
    this.memory.adopt(index.memory);
    const memory = this.memory.child({ kind: "pendingWrites" });
    const committing = { databaseId, mode, intervalMs, segmentBytes, versionFloor: nextVersion, meters, memory };
    const committer = new GroupCommit(committing, platform.clock, wal, data, lastVersion, {
      publish: (commit, offset, walBytes) => this.#publish(commit, offset, walBytes),
      onAbort: () => this.#onAbort(),
      onReadOnly: (error) => listener.onReadOnly(error),
    });
    this.#parts = { platform, background, meters, layout, databaseId, data, wal, index, committer };
    const { checkpointVersion: version, replayedBytes: walBytes, rebuilt, closedCleanly } = recovered;
    const opening = { version, walBytes, lacksSnapshot: rebuilt, closedCleanly };
    this.#givenUp = new GivenUpFiles(this.#leases, (error) => this.#notClosed(error));
    const snapshotsOf = { index, data, leases: this.#leases, givenUp: this.#givenUp };
    this.#snapshots = new Snapshots(platform.clock, options, snapshotsOf);
    this.memory.adopt(this.#snapshots.memory);
    this.#cache = options.cache?.part();
    this.healing = new Healing(this.#parts, this.#leases, options);
    this.#publisher = new Publisher(platform.clock, options.mutationsInPiece, {
      index,
      data,
      snapshots: this.#snapshots,
      healing: this.healing,
    });
    this.upkeep = new Upkeep(options, this.#parts, this.healing, this.#givenUp, opening);
  }

  /** Opens a database, recovering what a crash left. DATABASE_CORRUPT when its files don't allow it. */
  static async open(options: StoreOptions, listener: StoreListener): Promise<Store> {
    const { platform, layout, databaseId, observer, fsyncMode } = options;
    const lossy = isLossy(fsyncMode);
    const recovered = await recover({ platform, layout, databaseId, lossy, observer }).catch((error: unknown) => {
      throw diskError("The database can't be opened", error);
    });
    const store = new Store(options, recovered, listener);
    const { corruption, replayed, lastVersion } = recovered;
    if (corruption !== undefined) {
      const { path, offset, reason } = corruption;
      const where = `${path}, offset ${offset}: ${reason}`;
      const what = `the WAL is damaged (${where}). Commits after version ${lastVersion} are not served.`;
      store.#parts.committer.latch(what, undefined);
    }
    if (replayed > 0) observer.event("info", "recovered", { database: layout.database, replayed, lastVersion });
    store.healing.start(recovered.damaged);
    if (corruption !== undefined) return store;
    await store.upkeep.resume();
    return store;
  }

  /** The last version that readers see. */
  get visibleVersion(): number {
    return this.#parts.committer.lastVersion;
  }

  /** Why nothing can be written, if so. */
  get readOnly(): DocDBError | undefined {
    return this.#parts.committer.readOnly;
  }

  /** The version that the next commit will get. */
  get nextVersion(): number {
    return this.#nextVersion;
  }

  /** Bytes of commits on their way to the disk. */
  get pendingBytes(): number {
    return this.#parts.committer.pendingBytes;
  }

  /**
   * Runs something that looks documents up and reads them, as of now or as of a snapshot: what `locate` finds inside
   * can be read until it ends, whatever is compacted meanwhile. SNAPSHOT_TOO_OLD.
   */
  reading<T>(read: () => Promise<T>, snapshot?: Snapshot): Promise<T> {
    return snapshot === undefined ? this.#leases.hold(read) : this.#snapshots.reading(snapshot, read);
  }

  /** Opens a snapshot of what is visible now (see snapshots.ts). TOO_MANY_SNAPSHOTS. */
  openSnapshot(): Snapshot {
    return this.#snapshots.open(this.visibleVersion);
  }

  get stats(): StoreStats {
    const { index, committer } = this.#parts;
    let [documents, tombstones] = [0, 0];
    for (const { table } of index.collections) {
      documents += table.live;
      tombstones += table.tombstones;
    }
    return {
      version: this.visibleVersion,
      documents,
      jsonBytes: documentBytes(index) - documents * dataRecordHeaderBytes,
      collections: index.collectionCount,
      tombstones,
      memory: this.memory.byKind(),
      memoryBytes: this.memory.bytes,
      dataFile: this.upkeep.dataFileStats,
      wal: this.upkeep.walStats,
      commits: { ...committer.counts, durableVersion: committer.durableVersion },
    };
  }

  /**
   * Settles when the commit is visible that is being published, if one is: until then counts of documents are between.
   */
  get published(): Promise<void> | undefined {
    return this.#publisher.visible;
  }

  get snapshotStats(): SnapshotStats {
    return this.#snapshots.stats;
  }

  /** The collection that has this name, or had it as of a snapshot. SNAPSHOT_TOO_OLD. */
  collectionNamed(name: string, snapshot?: Snapshot): Collection | undefined {
    return snapshot === undefined ? this.index.collectionNamed(name) : this.#snapshots.collectionNamed(name, snapshot);
  }

  /**
   * Where a document is, or undefined when there is none, or its collection was dropped: now, or as of a snapshot. Only
   * inside `reading`. SNAPSHOT_TOO_OLD.
   */
  locate(
    collection: Collection,
    idLow: number,
    idHigh: number,
    snapshot: Snapshot | undefined = this.#publisher.before,
  ): Located | undefined {
    if (snapshot !== undefined) return this.#snapshots.locate(collection, idLow, idHigh, snapshot);
    const entry = this.index.collection(collection.id) === collection ? collection.table.get(idLow, idHigh) : undefined;
    return entry === undefined || entry.deleted
      ? undefined
      : { entry, file: this.#parts.data.withParity(entry.parity) };
  }

  /**
   * Reads what `locate` found, for a command that holds a slot: it gives the slot back before a damaged record is
   * healed, which may take a while. DOCUMENT_CORRUPT when it can't be healed.
   */
  async read(
    collection: Collection,
    idLow: number,
    idHigh: number,
    { entry, file }: Located,
    context?: ReadContext,
  ): Promise<DataRecord> {
    const place = placeOf(collection.id, idLow, idHigh, entry, file);
    const cached = this.#cache?.get(place);
    if (cached !== undefined) return cached;
    context?.times?.readBegins();
    try {
      const record = await this.healing.read(place, context?.releaseSlot);
      this.#cache?.add(place, record);
      return record;
    } finally {
      context?.times?.readEnds();
    }
  }

  /** The newest version of a document if it is in memory; undefined when there is none, or it must be read. */
  inMemory(collection: Collection, idLow: number, idHigh: number): DataRecord | undefined {
    const located = this.#cache === undefined ? undefined : this.locate(collection, idLow, idHigh);
    if (located === undefined) return undefined;
    return this.#cache?.peek(placeOf(collection.id, idLow, idHigh, located.entry, located.file));
  }

  /**
   * Reads many that `locate` found, in few reads where they stand close together, as above. DOCUMENT_CORRUPT, for each
   * document alone, when it can't be healed.
   */
  async readMany(
    collection: Collection,
    wanted: readonly Wanted[],
    context?: ReadContext,
  ): Promise<PromiseSettledResult<DataRecord>[]> {
    context?.times?.readBegins();
    try {
      return await readRuns(collection.id, wanted, ({ low, high, located }) =>
        this.read(collection, low, high, located, context),
      );
    } finally {
      context?.times?.readEnds();
    }
  }

  /** Whether there is a record of a request with this hash. */
  hasRequest({ low, high }: Hash64): boolean {
    return this.index.requests.get(low, high) !== undefined && !sabotaged("requests-not-recalled");
  }

  /** Whether no record of a request has been forgotten that was made at this time or later. */
  hasAllRequestsSince(timeMs: number, nowMs: number): boolean {
    return this.index.requests.hasAllSince(timeMs, nowMs);
  }

  /** Reads the record of a request with this hash, if there is one. DOCUMENT_CORRUPT when it is damaged. */
  async readRequest({ low, high }: Hash64): Promise<DataRecord | undefined> {
    return await this.reading(async () => {
      const entry = this.index.requests.get(low, high);
      if (entry === undefined) return undefined;
      const file = this.#parts.data.withParity(entry.parity);
      return await this.healing.read(placeOf(requestsCollection, low, high, entry, file));
    });
  }

  /**
   * The ids in a collection in order: those that readers of now or of an open snapshot may find. Built at the first
   * call, in turns of `turn`; kept up from then on.
   */
  orderOf(collection: Collection, turn: Turn): Promise<IdOrder> {
    return this.#snapshots.orderOf(collection, turn);
  }

  /**
   * Submits changes as one commit. They must have been validated against the index and against every commit submitted
   * before. Returns the commit's version at once; `done` resolves when it is visible, or rejects when it never will be.
   */
  commit(mutations: readonly Mutation[], times?: OperationTimes): { version: number; done: Promise<void> } {
    const version = this.#nextVersion++;
    const done = this.#parts.committer.submit({ version, mutations }, times);
    return { version, done };
  }

  /**
   * Reads every byte of the database's files and reports what isn't as it should be: see verify-store.ts.
   * SHUTTING_DOWN.
   */
  verify({ found, checked }: VerifySink, onTotal: (bytes: number) => void): Promise<void> {
    const unlessStopped = (bytes: number, records: number): void => {
      if (this.healing.stopped) throw new DocDBError("SHUTTING_DOWN", verifyStopped);
      checked(bytes, records);
    };
    return verifyStore(this.#parts, this.#leases, { found, checked: unlessStopped }, onTotal);
  }

  /** Waits for what was submitted, checkpoints and closes the files. Nothing may be submitted any more. */
  async close(): Promise<void> {
    try {
      await this.#close();
    } finally {
      this.memory.close();
    }
  }

  /** Asks long work to end soon; nothing starts by itself any more. */
  stopLongWork(): void {
    this.upkeep.stop();
    this.healing.stop();
  }

  async #close(): Promise<void> {
    const { committer, wal, data } = this.#parts;
    this.stopLongWork();
    this.#snapshots.close();
    await Promise.all([this.upkeep.idle(), this.healing.idle()]);
    await committer.exclusive(() => Promise.resolve());
    await this.upkeep.closeCleanly();
    committer.close();
    this.#cache?.close();
    await this.#givenUp.closed();
    for (const closed of await Promise.allSettled([wal.close(), data.close()])) {
      if (closed.status === "rejected") this.#notClosed(closed.reason);
    }
  }

  #notClosed(error: unknown): void {
    const { layout, observer } = this.#options;
    observer.event("warn", "a file could not be closed", { database: layout.database, error });
  }

  #publish(commit: Commit, offset: number, walBytes: number): Promise<() => void> | undefined {
    this.upkeep.noteCommit(walBytes);
    return this.#publisher.publish(commit, offset, this.visibleVersion);
  }

  #onAbort(): void {
    this.#nextVersion = Math.max(this.#versionFloor, this.#parts.committer.lastVersion + 1);
    this.#listener.onAbort();
  }
}
