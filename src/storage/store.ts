// The durable state of one database: its index in memory, its data file and its WAL, behind four verbs: read, commit,
// checkpoint, close. What a commit may contain is the engine's business; that it is there whole or not at all is ours.

import type { DocDBError } from "../base/errors.ts";
import { writeCheckpoint } from "./checkpoint.ts";
import { type Commit, dataBytesOf, type Mutation } from "./commit.ts";
import { adoptCompacted, type CompactionProgress, moveLiveRecords, wantsCompaction } from "./compaction.ts";
import type { DataFile } from "./data-file.ts";
import type { DataFiles } from "./data-files.ts";
import type { DataRecord } from "./data-format.ts";
import type { Collection, DocumentIndex } from "./document-index.ts";
import { diskError } from "./disk-errors.ts";
import { GroupCommit, isLossy } from "./group-commit.ts";
import type { IndexEntry } from "./index-shard.ts";
import { ReadLeases } from "./read-leases.ts";
import type { StoreOptions } from "./store-options.ts";
import type { StoreParts } from "./store-parts.ts";
import { recover, type Recovered } from "./recovery.ts";
import { type Checkpoint, trimSegments } from "./trim.ts";
import type { WalLog } from "./wal-log.ts";

/** What a compaction did. */
export interface CompactionResult extends CompactionProgress {
  /** Bytes by which the data files became smaller. Writes that went on meanwhile count against it. */
  readonly bytesReclaimed: number;
}

/** A document's newest version, as the index has it, and the file that it stands in. */
export interface Located {
  readonly entry: IndexEntry;
  readonly file: DataFile;
}

/** Who must forget pending changes when a group of commits fails, and is told when writing ends. */
export interface StoreListener {
  /** No pending commit will become visible. Called before their promises reject. */
  onAbort(): void;
  onReadOnly(error: DocDBError): void;
}

export class Store {
  readonly #options: StoreOptions;
  readonly #data: DataFiles;
  readonly #wal: WalLog;
  readonly #committer: GroupCommit;
  readonly #listener: StoreListener;
  readonly index: DocumentIndex;
  /** The least version that the next commit may have. */
  readonly #versionFloor: number;
  #nextVersion: number;
  #checkpointVersion: number;
  #checkpointing: Promise<number> | undefined;
  /** The one that follows the one under way. */
  #nextCheckpoint: Promise<number> | undefined;
  /** Bytes of WAL since the last checkpoint, and how many of them bring the next one about. */
  #walBytes: number;
  #checkpointAt: number;
  #compacting: Promise<CompactionResult> | undefined;
  readonly #onProgress = new Set<(progress: CompactionProgress) => void>();
  readonly #leases = new ReadLeases();
  #closing = false;

  private constructor(options: StoreOptions, recovered: Recovered, listener: StoreListener) {
    this.#options = options;
    this.#data = recovered.data;
    this.#wal = recovered.wal;
    this.#listener = listener;
    this.index = recovered.index;
    this.#versionFloor = recovered.nextVersion;
    this.#nextVersion = recovered.nextVersion;
    this.#checkpointVersion = recovered.checkpointVersion;
    this.#walBytes = recovered.replayedBytes;
    this.#checkpointAt = options.checkpointBytes;
    const { databaseId, fsyncMode: mode, fsyncIntervalMs: intervalMs, segmentBytes } = options;
    this.#committer = new GroupCommit(
      { databaseId, mode, intervalMs, segmentBytes, versionFloor: recovered.nextVersion },
      options.platform.clock,
      recovered.wal,
      recovered.data,
      recovered.lastVersion,
      {
        publish: (commit, offset, walBytes) => this.#publish(commit, offset, walBytes),
        onAbort: () => this.#onAbort(),
        onReadOnly: (error) => listener.onReadOnly(error),
      },
    );
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
      store.#committer.latch(what, undefined);
    }
    if (replayed > 0) observer.event("info", "recovered", { database: layout.database, replayed, lastVersion });
    if (corruption !== undefined) return store;
    // Whatever a server that dies again and again leaves, its WAL stays bounded.
    if (recovered.replayedBytes >= options.checkpointBytes) await store.#automaticCheckpoint();
    if (recovered.data.previous !== undefined) store.#compactInBackground();
    return store;
  }

  /** The last version that readers see. */
  get visibleVersion(): number {
    return this.#committer.lastVersion;
  }

  /** Why nothing can be written, if so. */
  get readOnly(): DocDBError | undefined {
    return this.#committer.readOnly;
  }

  /** The version that the next commit will get. */
  get nextVersion(): number {
    return this.#nextVersion;
  }

  /** Bytes of commits on their way to the disk. */
  get pendingBytes(): number {
    return this.#committer.pendingBytes;
  }

  /**
   * Runs something that looks documents up and reads them: what `locate` finds inside can be read until it ends,
   * whatever is compacted meanwhile.
   */
  reading<T>(read: () => Promise<T>): Promise<T> {
    return this.#leases.hold(read);
  }

  /** Where a document is, or undefined when there is none, or its collection was dropped. Only inside `reading`. */
  locate(collection: Collection, idLow: number, idHigh: number): Located | undefined {
    const entry = this.index.collection(collection.id) === collection ? collection.table.get(idLow, idHigh) : undefined;
    return entry === undefined || entry.deleted ? undefined : { entry, file: this.#data.withParity(entry.parity) };
  }

  /** Reads what `locate` found. DOCUMENT_CORRUPT when it is damaged. */
  read(collection: Collection, idLow: number, idHigh: number, { entry, file }: Located): Promise<DataRecord> {
    const expected = { collection: collection.id, idLow, idHigh, version: entry.version };
    return file.read(entry.offset, entry.length, expected);
  }

  /**
   * Submits changes as one commit. They must have been validated against the index and against every commit submitted
   * before. Returns the commit's version at once; `done` resolves when it is visible, or rejects when it never will be.
   */
  commit(mutations: readonly Mutation[]): { version: number; done: Promise<void> } {
    const version = this.#nextVersion++;
    const done = this.#committer.submit({ version, mutations });
    return { version, done };
  }

  /**
   * Writes a checkpoint of everything that is visible now; returns the version that it covers. One that is under way
   * may have begun too early for that, so this waits for it and is shared by all who ask meanwhile.
   */
  checkpoint(): Promise<number> {
    if (this.#checkpointing !== undefined) {
      this.#nextCheckpoint ??= this.#checkpointing
        .catch(() => undefined)
        .then(() => {
          this.#nextCheckpoint = undefined;
          return this.checkpoint();
        });
      return this.#nextCheckpoint;
    }
    this.#checkpointing = this.#checkpoint(false).finally(() => {
      this.#checkpointing = undefined;
    });
    return this.#checkpointing;
  }

  /**
   * Gives back the space of what was replaced or deleted; joins a compaction that is under way. `onProgress` is told
   * how far it has come. DOCUMENT_CORRUPT when a record can't be read: then nothing is given up.
   */
  async compact(onProgress?: (progress: CompactionProgress) => void): Promise<CompactionResult> {
    if (onProgress !== undefined) this.#onProgress.add(onProgress);
    this.#compacting ??= this.#compact().finally(() => {
      this.#compacting = undefined;
    });
    try {
      return await this.#compacting;
    } finally {
      if (onProgress !== undefined) this.#onProgress.delete(onProgress);
    }
  }

  /** Waits for what was submitted, checkpoints and closes the files. Nothing may be submitted any more. */
  async close(): Promise<void> {
    this.#closing = true;
    await this.#compacting?.catch(() => undefined);
    await (this.#nextCheckpoint ?? this.#checkpointing)?.catch(() => undefined);
    await this.#committer.exclusive(() => Promise.resolve());
    try {
      const changed = this.#wal.isOpen || this.#checkpointVersion < this.visibleVersion;
      if (changed && this.readOnly === undefined) await this.#checkpoint(true);
    } catch (error) {
      this.#warn("no checkpoint at close: the next start replays the WAL", error);
    }
    this.#committer.close();
    for (const closed of await Promise.allSettled([this.#wal.close(), this.#data.close()])) {
      if (closed.status === "rejected") this.#warn("a file could not be closed", closed.reason);
    }
  }

  /** Asks long work that only concerns this process, such as a compaction, to end soon. */
  stopLongWork(): void {
    this.#closing = true;
  }

  get #parts(): StoreParts {
    const { platform, layout, databaseId } = this.#options;
    return { platform, layout, databaseId, data: this.#data, index: this.index, committer: this.#committer };
  }

  async #compact(): Promise<CompactionResult> {
    if (this.readOnly !== undefined) throw this.readOnly;
    const bytesBefore = this.#data.bytes;
    try {
      // The last compaction's end may be missing: it needs a checkpoint.
      if (this.#data.previous === undefined && this.#data.needsAdoption) await this.checkpoint();
      const stopped = (): boolean => this.#closing;
      const onProgress = (progress: CompactionProgress): void => {
        for (const listener of this.#onProgress) listener(progress);
      };
      const progress = await moveLiveRecords(this.#parts, { onProgress, stopped });
      // A checkpoint that began while both files counted must not end when only one does.
      while (this.#checkpointing !== undefined) await this.#checkpointing.catch(() => undefined);
      const previous = this.#data.dropPrevious();
      try {
        await this.checkpoint();
      } finally {
        await this.#leases.readersGone();
        await previous.close().catch((error: unknown) => this.#warn("the old data file could not be closed", error));
      }
      return { ...progress, bytesReclaimed: Math.max(0, bytesBefore - this.#data.bytes) };
    } catch (error) {
      throw diskError("The compaction did not end; what it did is kept", error);
    }
  }

  #compactInBackground(): void {
    if (this.#closing || this.#compacting !== undefined) return;
    this.compact().catch((error: unknown) => this.#warn("a compaction failed; it goes on with the next one", error));
  }

  #warn(message: string, error: unknown): void {
    const { layout, observer } = this.#options;
    observer.event("warn", message, { database: layout.database, error });
  }

  async #checkpoint(closing: boolean): Promise<number> {
    const { platform, layout, trimAfterCheckpoint, keepSegments } = this.#options;
    if (this.readOnly !== undefined) throw this.readOnly;
    const walBytes = this.#walBytes;
    let checkpoint: Checkpoint;
    try {
      checkpoint = await writeCheckpoint(this.#parts, closing);
      this.#checkpointVersion = checkpoint.version;
      this.#walBytes -= walBytes;
      if (this.#data.previous === undefined && this.#data.needsAdoption) {
        await adoptCompacted(platform.fs, layout, this.#data);
      }
    } catch (error) {
      throw diskError("No checkpoint was written", error);
    }
    try {
      if (trimAfterCheckpoint) await trimSegments(platform.fs, layout, checkpoint, keepSegments);
    } catch (error) {
      this.#warn("WAL segments could not be trimmed; the next checkpoint tries again", error);
    }
    return this.#checkpointVersion;
  }

  #publish(commit: Commit, offset: number, walBytes: number): void {
    const { parity } = this.#data.current;
    let at = offset;
    for (const mutation of commit.mutations) {
      const length = dataBytesOf(mutation);
      this.index.apply(mutation, commit.version, { offset: at, length, parity });
      at += length;
    }
    this.#walBytes += walBytes;
    this.#checkpointIfDue();
  }

  #checkpointIfDue(): void {
    if (this.#walBytes >= this.#checkpointAt && this.#checkpointing === undefined && !this.#closing) {
      void this.#automaticCheckpoint();
    }
  }

  async #automaticCheckpoint(): Promise<void> {
    const { checkpointBytes, compactionBytes, compactionDeadRatio } = this.#options;
    try {
      await this.checkpoint();
      this.#checkpointAt = checkpointBytes;
    } catch (error) {
      this.#checkpointAt = this.#walBytes + checkpointBytes / 8;
      this.#warn("a checkpoint failed; the WAL grows until one succeeds", error);
      return;
    }
    if (wantsCompaction(this.#data, this.index, compactionBytes, compactionDeadRatio)) this.#compactInBackground();
  }

  #onAbort(): void {
    this.#nextVersion = Math.max(this.#versionFloor, this.#committer.lastVersion + 1);
    this.#listener.onAbort();
  }
}
