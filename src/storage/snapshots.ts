// Snapshots: the state of a database as of one version, readable while writes go on. The index knows only the newest
// version of each document; what a commit replaces and an open snapshot still sees goes into a side table
// (old-versions.ts) just before the commit becomes visible.
//
//     const snapshot = store.openSnapshot();           // sees exactly the commits up to snapshot.version
//     store.locate(collection, low, high, snapshot);   // inside store.reading(…, snapshot)
//     snapshot.release();                              // as soon as possible; a second time does nothing
//
// Invariants
// 1. A snapshot S sees a version that was committed at `from` and replaced or deleted at `until` exactly when
//    from <= S < until. That holds for documents and for collections.
// 2. An old version is kept in the list of the newest open snapshot that sees it. When that one ends, it moves to the
//    next older one that sees it, or is forgotten. So an end costs time in proportion to what only it held up, and
//    nothing is kept that no snapshot sees. Long lists are worked off in short turns of the event loop.
// 3. A snapshot holds a read lease: data files that a compaction gave up stay open while it may read them.
// 4. Snapshots are bounded in number, in age (by the clock, whether or not anybody uses them) and in the memory of what
//    they hold: the oldest gives way. Whoever uses one that has ended gets SNAPSHOT_TOO_OLD. None survives the
//    database.

import { assert } from "../base/assert.ts";
import { DocDBError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import { MemoryAccount } from "../base/memory-account.ts";
import { sabotaged } from "../base/sabotage.ts";
import type { Clock, Timer } from "../platform/platform.ts";
import { Turn } from "../platform/turn.ts";
import type { Mutation } from "./commit.ts";
import type { DataFile } from "./data-file.ts";
import type { DataFiles } from "./data-files.ts";
import type { Collection, DocumentIndex } from "./document-index.ts";
import { DroppedCollections } from "./dropped-collections.ts";
import type { GivenUpFiles } from "./given-up-files.ts";
import type { IndexEntry, Parity } from "./index-shard.ts";
import type { IdOrder } from "./id-order.ts";
import { oldVersionBytes, OldVersions, type VersionKey } from "./old-versions.ts";
import { OrderedIds } from "./ordered-ids.ts";
import type { Lease, ReadLeases } from "./read-leases.ts";
import { OpenSnapshot, type Pin, type Snapshot, tooOld } from "./snapshot.ts";
import type { StoreOptions } from "./store-options.ts";

/** Old versions that are looked after at once when a snapshot ends; the rest in turns of their own. */
const settledAtOnce = 1_000;

/** A document's version that a reader sees, and the file that it stands in. */
export interface Located {
  readonly entry: IndexEntry;
  readonly file: DataFile;
}

export interface SnapshotStats {
  readonly snapshots: number;
  readonly oldVersions: number;
  /** Bytes of memory of the old versions and of dropped collections. */
  readonly memoryBytes: number;
}

/** What a snapshot may cost. */
export type SnapshotBounds = Pick<StoreOptions, "snapshotAgeMs" | "oldVersionBytes">;

/** What snapshots are of. */
export interface SnapshotParts {
  readonly index: DocumentIndex;
  readonly data: DataFiles;
  readonly leases: ReadLeases;
  readonly givenUp: GivenUpFiles;
}

export class Snapshots {
  readonly #clock: Clock;
  readonly #bounds: SnapshotBounds;
  readonly #index: DocumentIndex;
  readonly #data: DataFiles;
  readonly #leases: ReadLeases;
  readonly #givenUp: GivenUpFiles;
  /** In the order of their opening, each with its lease. */
  readonly #open = new Map<OpenSnapshot, Lease>();
  /** In the order of their versions. */
  readonly #pins: Pin[] = [];
  readonly #old = new OldVersions();
  readonly #dropped = new DroppedCollections();
  /** Bytes of memory of the old versions and of dropped collections. */
  readonly memory: MemoryAccount = new MemoryAccount({ kind: "snapshots" });
  /** First rows of lists whose snapshot has ended. */
  readonly #unsettled: number[] = [];
  #settling = false;
  #timer: Timer | undefined;
  #closed = false;

  constructor(clock: Clock, bounds: SnapshotBounds, parts: SnapshotParts) {
    this.#clock = clock;
    this.#bounds = bounds;
    this.#index = parts.index;
    this.#data = parts.data;
    this.#leases = parts.leases;
    this.#givenUp = parts.givenUp;
    this.memory.adopt(this.#old.memory);
    this.memory.adopt(this.#dropped.memory);
  }

  get stats(): SnapshotStats {
    return { snapshots: this.#open.size, oldVersions: this.#old.count, memoryBytes: this.memory.bytes };
  }

  /** Opens a snapshot of the visible version. TOO_MANY_SNAPSHOTS. */
  open(version: number): Snapshot {
    assert(!this.#closed, "a snapshot is opened in a database that is closed");
    if (this.#open.size >= limits.snapshots) {
      const message = `${limits.snapshots} scans and transactions of this database are open already. Try again later.`;
      throw new DocDBError("TOO_MANY_SNAPSHOTS", message, { retryAfterMs: 1_000 });
    }
    const pin = this.#pinOf(version);
    const snapshot = new OpenSnapshot(pin, this.#clock.monotonicMs(), (ended, why) => this.#end(ended, why));
    this.#open.set(snapshot, this.#leases.take());
    this.#watchAge();
    return snapshot;
  }

  /** A snapshot of the visible version beyond all bounds: for a commit that is being published, and nobody else. */
  pin(version: number): Snapshot {
    const lease = this.#leases.take();
    return new OpenSnapshot(this.#pinOf(version), this.#clock.monotonicMs(), (ended, why) => {
      lease.giveBack();
      this.#end(ended, why);
    });
  }

  #pinOf(version: number): Pin {
    let pin = this.#pins.at(-1);
    assert(pin === undefined || pin.version <= version, "a snapshot is older than one that is open already");
    if (pin?.version !== version) this.#pins.push((pin = { version, snapshots: 0, rows: 0 }));
    pin.snapshots++;
    return pin;
  }

  /** Ends every snapshot: the database is being closed. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    const message = "The database was closed, and its snapshots with it. Begin again.";
    for (const snapshot of [...this.#open.keys()]) this.#end(snapshot, new DocDBError("SNAPSHOT_TOO_OLD", message));
  }

  /** Keeps what a change is about to replace, if a snapshot sees it. Called just before the index applies it. */
  keepReplaced(mutation: Mutation, version: number): void {
    const newest = this.#pins.at(-1);
    if (newest === undefined || mutation.kind === "createCollection") return;
    const collection = this.#index.collection(mutation.collection);
    if (collection === undefined) return;
    if (mutation.kind === "dropCollection") {
      if (collection.isSeenBy(newest.version)) this.#dropped.add(collection, this.#data);
      return;
    }
    const { idLow: low, idHigh: high } = mutation;
    const entry = collection.table.get(low, high);
    if (entry === undefined || entry.deleted || entry.version > newest.version) return;
    const { generation } = this.#data.withParity(entry.parity).header;
    const key = { collection: collection.id, low, high };
    newest.rows = this.#old.add(key, { ...entry, until: version, generation }, newest.rows);
    if (this.#old.count * oldVersionBytes > this.#bounds.oldVersionBytes) this.#giveWay();
  }

  /**
   * Runs something that reads a snapshot. Should that end meanwhile, what was located can be read all the same.
   * SNAPSHOT_TOO_OLD.
   */
  async reading<T>(snapshot: Snapshot, read: () => Promise<T>): Promise<T> {
    if (snapshot.ended !== undefined) throw snapshot.ended;
    return await this.#leases.hold(read, this.#open.get(snapshot as OpenSnapshot));
  }

  /** The collection that a snapshot sees under this name. SNAPSHOT_TOO_OLD. */
  collectionNamed(name: string, snapshot: Snapshot): Collection | undefined {
    if (snapshot.ended !== undefined) throw snapshot.ended;
    const now = this.#index.collectionNamed(name);
    return now?.isSeenBy(snapshot.version) === true ? now : this.#dropped.named(name, snapshot.version);
  }

  /** The document that a snapshot sees, or undefined when it sees none. SNAPSHOT_TOO_OLD. */
  locate(collection: Collection, low: number, high: number, snapshot: Snapshot): Located | undefined {
    if (snapshot.ended !== undefined) throw snapshot.ended;
    const { version } = snapshot;
    if (!collection.isSeenBy(version)) return undefined;
    const entry = collection.table.get(low, high);
    if (entry !== undefined && entry.version <= version) {
      return entry.deleted ? undefined : { entry, file: this.#fileOf(collection, entry.parity) };
    }
    const old = this.#old.find({ collection: collection.id, low, high }, version);
    if (old === undefined) return undefined;
    const file = this.#fileOfGeneration(old.generation);
    return { entry: { ...old, parity: file.parity, deleted: false }, file };
  }

  /** Whether readers may find a document with this id: there is one, or a snapshot sees one that there was. */
  #mayFind(collection: Collection, low: number, high: number): boolean {
    const entry = collection.table.get(low, high);
    if (entry !== undefined && !entry.deleted) return true;
    return this.#old.count > 0 && this.#old.has({ collection: collection.id, low, high });
  }

  /**
   * The ids of a collection in order: those that readers of now or of an open snapshot may find. Built at first use.
   */
  async orderOf(collection: Collection, turn: Turn): Promise<IdOrder> {
    const ids = {
      mayFind: (low: number, high: number): boolean => this.#mayFind(collection, low, high),
      visitOld: async (visit: (low: number, high: number) => void, pausing: Turn): Promise<void> => {
        const visitOwn = ({ collection: id, low, high }: VersionKey): void => {
          if (id === collection.id) visit(low, high);
        };
        for (let chunk = 0; this.#old.visitChunk(chunk, visitOwn); chunk++) await pausing.pause();
      },
    };
    collection.orderedIds ??= new OrderedIds(collection.table, ids, collection.memory.child());
    return await collection.orderedIds.build(turn);
  }

  #end(snapshot: OpenSnapshot, why: DocDBError): void {
    if (snapshot.ended !== undefined) return;
    snapshot.ended = why;
    this.#open.get(snapshot)?.giveBack();
    this.#open.delete(snapshot);
    const { pin } = snapshot;
    pin.snapshots--;
    if (pin.snapshots > 0) return;
    this.#pins.splice(this.#pinsBelow(pin.version), 1);
    this.#dropped.keepOnly((collection) => this.#pins.some(({ version }) => collection.isSeenBy(version)));
    if (pin.rows === 0) return;
    const rest = this.#settle(pin.rows, settledAtOnce);
    if (rest === 0) return;
    this.#unsettled.push(rest);
    if (!this.#settling) void this.#settleInTurns();
  }

  async #settleInTurns(): Promise<void> {
    this.#settling = true;
    const turn = new Turn(this.#clock);
    await turn.pause();
    for (let rows = this.#unsettled.pop(); rows !== undefined && !this.#closed; rows = this.#unsettled.pop()) {
      const rest = this.#settle(rows, settledAtOnce);
      if (rest !== 0) this.#unsettled.push(rest);
      await turn.pause();
    }
    this.#settling = false;
  }

  /** Gives the rows of a list, at most `count` of them, to the snapshots that see them; returns where it stopped. */
  #settle(rows: number, count: number): number {
    let row = rows;
    for (let left = count; row !== 0 && left > 0; left--) {
      const next = this.#old.next(row);
      const pin = this.#pins[this.#pinsBelow(this.#old.until(row)) - 1];
      if (pin !== undefined && pin.version >= this.#old.from(row) && !sabotaged("old-versions-reclaimed-early")) {
        this.#old.moveTo(row, pin.rows);
        pin.rows = row;
      } else {
        this.#forget(row);
      }
      row = next;
    }
    return row;
  }

  #forget(row: number): void {
    const { collection: id, low, high } = this.#old.keyOf(row);
    this.#old.remove(row);
    this.#index.collection(id)?.orderedIds?.changed(low, high);
  }

  /** How many pins have a lesser version. */
  #pinsBelow(version: number): number {
    let [low, high] = [0, this.#pins.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#pins[middle] as Pin).version < version) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #fileOf(collection: Collection, parity: Parity): DataFile {
    const dropped = this.#dropped.fileOf(collection, parity);
    return dropped ?? this.#data.withParity(parity);
  }

  #fileOfGeneration(generation: number): DataFile {
    const { current, previous } = this.#data;
    const file = [current, previous].find((known) => known?.header.generation === generation);
    const found = file ?? this.#givenUp.withGeneration(generation);
    assert(found !== undefined, "an old version points into a data file that is gone");
    return found;
  }

  /** The oldest snapshot ends, because the old versions take too much memory. */
  #giveWay(): void {
    const [oldest] = this.#open.keys();
    // What an ended one held is still being given back.
    if (oldest === undefined || this.#settling) return;
    const message = `The snapshot of version ${oldest.version} held up too many replaced versions. Begin again.`;
    this.#end(oldest, tooOld(oldest, message));
  }

  /** One timer serves all snapshots: it looks at the oldest, and is set again for the next. */
  #watchAge(): void {
    const [oldest] = this.#open.keys();
    if (this.#timer !== undefined || oldest === undefined || this.#closed) return;
    const leftMs = oldest.openedMs + this.#bounds.snapshotAgeMs - this.#clock.monotonicMs();
    this.#timer = this.#clock.after(Math.max(1, Math.ceil(leftMs)), () => {
      this.#timer = undefined;
      this.#endAged();
      this.#watchAge();
    });
  }

  #endAged(): void {
    const openedBefore = this.#clock.monotonicMs() - this.#bounds.snapshotAgeMs;
    for (const snapshot of this.#open.keys()) {
      if (snapshot.openedMs > openedBefore) return;
      const age = `has been open for ${this.#bounds.snapshotAgeMs / 1000} seconds, the longest that one may be`;
      this.#end(snapshot, tooOld(snapshot, `The snapshot of version ${snapshot.version} ${age}. Begin again.`));
    }
  }
}
