// Group commit: every commit that waits while the disk is busy shares the next write and the next fsync.
//
// Invariants
// 1. A commit is published, and its promise resolved, only after the datasync that covers it (modes `group`, `always`)
//    or after its bytes were handed to the kernel (`interval`, `none`).
// 2. Commits are written, published and resolved in the order of submission, which is the order of versions.
// 3. A group that fails takes everything behind it along, because that was validated against it: all of them are
//    refused, none becomes visible, and `onAbort` runs before any of their callers learns of it.
// 4. After a datasync failed, or a failed write could not be undone, nothing is written any more.

import { DocDBError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import type { MemoryAccount } from "../base/memory-account.ts";
import { sabotaged } from "../base/sabotage.ts";
import { NamesInDoubt } from "../platform/careful-file-system.ts";
import { bothSettled } from "../platform/file-io.ts";
import type { Clock, Timer } from "../platform/platform.ts";
import { Turn } from "../platform/turn.ts";
import { GroupTimes, type OperationTimes } from "../telemetry/operation-times.ts";
import {
  type Commit,
  dataBytesOf,
  encodeCheckpointGroup,
  type GroupPlace,
  type GroupRecords,
  dataRecordPieces,
  memoryBytesOf,
  walBytesOf,
  walGroupPieces,
} from "./commit.ts";
import type { DataFiles } from "./data-files.ts";
import { FatalWriteError, isDiskFailure, namesLost, outcomeUnknown, readOnlyError, writeError } from "./disk-errors.ts";
import { isLossy } from "./fsync-mode.ts";
import type { Exclusive, GroupCommitListener, GroupCommitOptions, Waiting } from "./group-commit-options.ts";
import type { CheckpointMark } from "./wal-format.ts";
import type { WalLog } from "./wal-log.ts";

/** Commits that are published in one turn of the event loop. */
const commitsInTurn = 256;
/** Bytes of a segment past which a clean close leaves a new one behind: the next opening reads the active segment. */
const closingSegmentBytes = 1024 * 1024;

export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #clock: Clock;
  readonly #wal: WalLog;
  readonly #data: DataFiles;
  readonly #listener: GroupCommitListener;
  #queue: Waiting[] = [];
  #exclusives: Exclusive[] = [];
  #running = false;
  #closed = false;
  #timer: Timer | undefined;
  #lastVersion: number;
  #durableOffset: number;
  #durableVersion: number;
  readonly #pendingMemory: MemoryAccount;
  readonly #groupMemory: MemoryAccount;
  /** Commits that were submitted, and those of them that were answered. */
  #submitted = 0;
  #settled = 0;
  #readOnly: DocDBError | undefined;
  #lastGroup: GroupRecords | undefined;
  /** Groups and fsyncs so far, for statistics. */
  readonly counts = { groups: 0, commits: 0, fsyncs: 0, fsyncMs: 0 };

  constructor(
    options: GroupCommitOptions,
    clock: Clock,
    wal: WalLog,
    data: DataFiles,
    lastVersion: number,
    listener: GroupCommitListener,
  ) {
    this.#options = options;
    this.#pendingMemory = options.memory.child();
    this.#groupMemory = options.memory.child();
    this.#clock = clock;
    this.#wal = wal;
    this.#data = data;
    this.#lastVersion = lastVersion;
    this.#durableOffset = wal.size;
    this.#durableVersion = lastVersion;
    this.#listener = listener;
  }

  /** The last version that was published. */
  get lastVersion(): number {
    return this.#lastVersion;
  }

  /** Everything up to this version is durable: what is published, unless the fsync mode is a lossy one. */
  get durableVersion(): number {
    return isLossy(this.#options.mode) ? this.#durableVersion : this.#lastVersion;
  }

  /** Bytes of memory of commits that were submitted and not yet answered. */
  get pendingBytes(): number {
    return this.#pendingMemory.bytes;
  }

  /** Why nothing can be written any more, if so. */
  get readOnly(): DocDBError | undefined {
    return this.#readOnly;
  }

  /** The last group that was published, while it is still in memory: at most `limits.groupBytes`. */
  get lastGroup(): GroupRecords | undefined {
    return this.#lastGroup;
  }

  /** Submits a commit with the next version. Resolves when it is published, rejects when it never will be. */
  submit(commit: Commit, times?: OperationTimes): Promise<void> {
    if (this.#readOnly !== undefined) return Promise.reject(this.#readOnly);
    const memoryBytes = memoryBytesOf(commit);
    this.#pendingMemory.charge(memoryBytes);
    this.#submitted++;
    return new Promise((resolve, reject) => {
      times?.submitted();
      this.#queue.push({ commit, times, bytes: walBytesOf(commit), memoryBytes, resolve, reject });
      this.#start();
    });
  }

  /** Runs `action` between two groups: after everything submitted so far, with no group under way. */
  exclusive<T>(action: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = async (): Promise<void> => resolve(await action());
      this.#exclusives.push({ after: this.#submitted, run, reject });
      this.#start();
    });
  }

  /** Makes everything published so far durable in the WAL. */
  async sync(): Promise<void> {
    await this.exclusive(() => this.#syncNow());
  }

  /** Writes a checkpoint record durably; returns the segment that it stands in. Only inside `exclusive`. */
  async appendCheckpoint(mark: CheckpointMark): Promise<number> {
    if (this.#readOnly !== undefined) throw this.#readOnly;
    let bytes: Buffer;
    try {
      await this.#openSegment(mark.closing ? closingSegmentBytes : undefined);
      await this.#syncNow();
      bytes = encodeCheckpointGroup(mark, this.#place());
      await this.#wal.append(bytes);
    } catch (error) {
      throw await this.#undo(error);
    }
    this.#wal.accept(bytes.length);
    if (!sabotaged("checkpoint-record-unsynced")) await this.#syncNow();
    return this.#wal.segment;
  }

  /**
   * Ends all writing, as after a disk that lied: nothing is appended or synced again until the database is reopened.
   */
  latch(what: string, cause: unknown): DocDBError {
    if (this.#readOnly === undefined) {
      this.#readOnly = readOnlyError(what, cause);
      this.#listener.onReadOnly(this.#readOnly);
    }
    return this.#readOnly;
  }

  /** Stops the timer; submissions after this are a defect. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #start(): void {
    if (this.#running) return;
    this.#running = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    // Requests that arrived in the same turn of the event loop make one group.
    await this.#clock.yield();
    while (this.#queue.length > 0 || this.#exclusives.length > 0) {
      const exclusive = this.#exclusives[0];
      if (exclusive === undefined || exclusive.after > this.#settled) await this.#writeGroup(this.#takeGroup());
      else await this.#runExclusive(exclusive);
    }
    this.#running = false;
  }

  async #runExclusive(exclusive: Exclusive): Promise<void> {
    this.#exclusives.shift();
    try {
      await exclusive.run();
    } catch (error) {
      exclusive.reject(error);
    }
  }

  #takeGroup(): Waiting[] {
    if (this.#options.mode === "always") return this.#queue.splice(0, 1);
    let bytes = 0;
    let count = 0;
    for (const waiting of this.#queue) {
      if (count > 0 && bytes + waiting.bytes > limits.groupBytes) break;
      bytes += waiting.bytes;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  async #writeGroup(group: Waiting[]): Promise<void> {
    const commits = group.map((waiting) => waiting.commit);
    const times = new GroupTimes(this.#clock);
    for (const waiting of group) times.add(waiting.times);
    let walBytes: Buffer;
    let dataBytes: Buffer;
    try {
      if (this.#readOnly !== undefined) throw this.#readOnly;
      await this.#openSegment();
      const turn = new Turn(this.#clock);
      walBytes = await turn.run(walGroupPieces(commits, this.#place()));
      dataBytes = await turn.run(dataRecordPieces(commits, this.#data.current.header.salt));
      // A checkpoint may have met a disk that lies meanwhile.
      if (this.readOnly !== undefined) throw this.readOnly;
      times.append();
      this.#groupMemory.resize(walBytes.length + dataBytes.length);
      await bothSettled(this.#data.current.append(dataBytes), this.#wal.append(walBytes));
      times.appended();
    } catch (error) {
      this.#abort(group, await this.#undo(error));
      return;
    }
    this.#wal.accept(walBytes.length);
    if (!isLossy(this.#options.mode) && !sabotaged("early-acknowledgement")) {
      try {
        await this.#syncNow();
        times.synced();
      } catch (error) {
        this.#abort(group, outcomeUnknown(error));
        return;
      }
    }
    this.counts.groups++;
    this.counts.commits += group.length;
    this.#options.meters.group(times, walBytes.length);
    const { salt } = this.#data.current.header;
    this.#lastGroup = dataBytes.length > limits.groupBytes ? undefined : { bytes: dataBytes, salt };
    this.#groupMemory.resize(this.#lastGroup?.bytes.length ?? 0);
    await this.#publish(group, dataBytes.length);
    if (this.#options.mode === "interval") this.#scheduleSync();
  }

  #place(): GroupPlace {
    const { databaseId } = this.#options;
    return { databaseId, salt: this.#wal.salt, baseVersion: this.#lastVersion, durableOffset: this.#durableOffset };
  }

  async #publish(group: Waiting[], dataBytes: number): Promise<void> {
    let offset = this.#data.current.tail;
    this.#data.current.accept(dataBytes);
    for (const [i, { commit, bytes, memoryBytes, resolve }] of group.entries()) {
      // What their callers do about it takes longer than publishing them.
      if (i > 0 && i % commitsInTurn === 0) await this.#clock.yield();
      const publishing = this.#listener.publish(commit, offset, bytes);
      const reveal = publishing === undefined ? undefined : await publishing;
      for (const mutation of commit.mutations) offset += dataBytesOf(mutation);
      this.#lastVersion = commit.version;
      reveal?.();
      this.#pendingMemory.charge(-memoryBytes);
      this.#settled++;
      resolve();
    }
  }

  /** Makes the next append possible: a first segment, or a new one when the active one is full. */
  async #openSegment(fullBytes: number = this.#options.segmentBytes): Promise<void> {
    if (this.#wal.isOpen && this.#wal.size < Math.min(fullBytes, this.#options.segmentBytes)) return;
    if (this.#wal.isOpen && !sabotaged("rotation-without-sync")) await this.#syncNow();
    const firstVersion = Math.max(this.#lastVersion + 1, this.#options.versionFloor);
    await this.#wal.start({ firstVersion, baseVersion: this.#lastVersion });
    this.#durableOffset = this.#wal.size;
  }

  /** Makes the WAL durable, or latches the database. */
  async #syncNow(): Promise<void> {
    if (this.#readOnly !== undefined) throw this.#readOnly;
    if (!this.#wal.isOpen || this.#durableOffset === this.#wal.size) return;
    const startedMs = this.#clock.monotonicMs();
    try {
      await this.#wal.datasync();
    } catch (error) {
      if (!sabotaged("failed-sync-believed")) throw this.latch("the disk failed to make the WAL durable.", error);
    }
    const tookMs = this.#clock.monotonicMs() - startedMs;
    this.#options.meters.fsyncs.record(tookMs);
    this.counts.fsyncs++;
    this.counts.fsyncMs += tookMs;
    this.#durableVersion = this.#lastVersion;
    this.#durableOffset = this.#wal.size;
  }

  #scheduleSync(): void {
    if (this.#timer !== undefined || this.#closed) return;
    this.#timer = this.#clock.after(this.#options.intervalMs, () => {
      this.#timer = undefined;
      // A failure latches the database and is reported there.
      this.sync().catch(() => undefined);
    });
  }

  /**
   * Takes back what a failed group wrote, so that the next one finds sound ground. Returns the error to answer with.
   */
  async #undo(error: unknown): Promise<DocDBError> {
    if (!isDiskFailure(error)) throw error;
    if (error instanceof DocDBError) return error;
    if (error instanceof NamesInDoubt) return this.latch(namesLost(error), error);
    if (error instanceof FatalWriteError) return this.latch("the WAL could not change over to a new segment.", error);
    try {
      await this.#data.current.discard();
      if (this.#wal.isOpen) await this.#wal.discard();
    } catch (second) {
      return outcomeUnknown(this.latch("a failed write could not be taken back.", second));
    }
    this.#durableOffset = this.#wal.size;
    return writeError(error);
  }

  /** Ends a group with this error, and refuses everything that was validated after it: none of that was written. */
  #abort(group: Waiting[], error: DocDBError): void {
    const followers = this.#queue;
    this.#queue = [];
    this.#groupMemory.resize(this.#lastGroup?.bytes.length ?? 0);
    this.#listener.onAbort();
    for (const waiting of group) this.#refuse(waiting, error);
    for (const waiting of followers) this.#refuse(waiting, this.#readOnly ?? error);
  }

  #refuse({ memoryBytes, reject }: Waiting, error: DocDBError): void {
    this.#pendingMemory.charge(-memoryBytes);
    this.#settled++;
    reject(error);
  }
}
