// The upkeep of an open database's files: checkpoints and compactions, on demand and by themselves.
//
// Invariants
// 1. At most one checkpoint and one compaction are under way; who asks meanwhile joins them, or the one that follows.
// 2. What fails here loses nothing: the WAL grows until a checkpoint succeeds, the data files until a compaction does.

import { DocDBError } from "../base/errors.ts";
import { sabotaged } from "../base/sabotage.ts";
import { NamesInDoubt } from "../platform/careful-file-system.ts";
import type { UpkeepMeter } from "../telemetry/meters.ts";
import { writeCheckpoint } from "./checkpoint.ts";
import { adoptCompacted, liveBytes, moveLiveRecords, wantsCompaction } from "./compaction.ts";
import { diskError, namesLost } from "./disk-errors.ts";
import type { GivenUpFiles } from "./given-up-files.ts";
import type { Healing } from "./healing.ts";
import { Later } from "./later.ts";
import type { CompactionProgress } from "./live-copies.ts";
import type { StoreOptions } from "./store-options.ts";
import type { DataFileStats, UpkeepRun, WalStats } from "./store-stats.ts";
import type { StoreParts } from "./store-parts.ts";
import { type Checkpoint, trimSegments } from "./trim.ts";

/** What a compaction did. */
export interface CompactionResult extends CompactionProgress {
  /** Bytes by which the data files became smaller. Writes that went on meanwhile count against it. */
  readonly bytesReclaimed: number;
}

/** The checkpoint that a database was opened with. */
export interface OpeningCheckpoint {
  readonly version: number;
  /** Bytes of the WAL behind it. */
  readonly walBytes: number;
  /** Whether its index snapshot was of no use. */
  readonly lacksSnapshot: boolean;
  /** It is that of a clean close, and the last thing in the WAL. */
  readonly closedCleanly: boolean;
}

/** A checkpoint doesn't give way to requests any more when the WAL has grown to so many times what brought it about. */
const urgentWal = 2;

export class Upkeep {
  readonly #options: StoreOptions;
  readonly #parts: StoreParts;
  readonly #healing: Healing;
  readonly #givenUp: GivenUpFiles;
  #checkpointVersion: number;
  /** Whether the next start would have to rebuild the index. */
  #lacksSnapshot: boolean;
  readonly #openedClean: boolean;
  #checkpointing: Promise<number> | undefined;
  /** The one that follows the one under way. */
  #nextCheckpoint: Promise<number> | undefined;
  /** Bytes of WAL since the last checkpoint, and how many of them bring the next one about. */
  #walBytes: number;
  #checkpointAt: number;
  #compacting: Promise<CompactionResult> | undefined;
  readonly #onProgress = new Set<(progress: CompactionProgress) => void>();
  #closing = false;
  #lastCheckpoint: UpkeepRun | undefined;
  #lastCompaction: UpkeepRun | undefined;
  readonly #checkpointLater: Later;
  readonly #compactLater: Later;

  constructor(
    options: StoreOptions,
    parts: StoreParts,
    healing: Healing,
    givenUp: GivenUpFiles,
    opening: OpeningCheckpoint,
  ) {
    this.#options = options;
    this.#parts = parts;
    this.#healing = healing;
    this.#givenUp = givenUp;
    this.#checkpointVersion = opening.version;
    this.#lacksSnapshot = opening.lacksSnapshot;
    this.#openedClean = opening.closedCleanly;
    this.#walBytes = opening.walBytes;
    this.#checkpointAt = options.checkpointBytes;
    const { clock } = options.platform;
    this.#checkpointLater = new Later(clock, () => void this.#automaticCheckpoint());
    this.#compactLater = new Later(clock, () => this.#compactIfDue());
  }

  get isCompacting(): boolean {
    return this.#compacting !== undefined;
  }

  get dataFileStats(): DataFileStats {
    const { data, index } = this.#parts;
    const { bytes } = data;
    const { generation } = data.current.header;
    return { bytes, deadBytes: bytes - liveBytes(index), generation, lastCompaction: this.#lastCompaction };
  }

  get walStats(): WalStats {
    const { wal } = this.#parts;
    const [replayBytes, checkpointVersion, lastCheckpoint] = [
      this.#walBytes,
      this.#checkpointVersion,
      this.#lastCheckpoint,
    ];
    return { ...wal.extent, currentSegment: wal.segment, replayBytes, checkpointVersion, lastCheckpoint };
  }

  /** Takes up what the last process left: a WAL that is due for a checkpoint, a compaction that did not end. */
  async resume(): Promise<void> {
    // Whatever a server that dies again and again leaves, its WAL stays bounded.
    if (this.#walBytes >= this.#options.checkpointBytes) await this.#automaticCheckpoint();
    if (this.#parts.data.previous !== undefined) this.#compactInBackground();
  }

  /** Told of every published commit: a checkpoint may be due. */
  noteCommit(walBytes: number): void {
    this.#walBytes += walBytes;
    if (this.#walBytes >= this.#checkpointAt && this.#checkpointing === undefined && !this.#closing) {
      void this.#automaticCheckpoint();
    }
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
    this.#checkpointing = this.#writeCheckpoint(false).finally(() => {
      this.#checkpointing = undefined;
    });
    return this.#checkpointing;
  }

  /**
   * Gives back the space of what was replaced or deleted; joins a compaction that is under way. `onProgress` is told
   * how far it has come. DOCUMENT_CORRUPT when a record can't be healed: then nothing is given up.
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

  /** Asks long work to end soon; nothing starts by itself any more. */
  stop(): void {
    this.#closing = true;
    this.#checkpointLater.stop();
    this.#compactLater.stop();
  }

  /** Waits for what is under way. */
  async idle(): Promise<void> {
    await this.#compacting?.catch(() => undefined);
    await (this.#nextCheckpoint ?? this.#checkpointing)?.catch(() => undefined);
  }

  /** Writes the checkpoint of a clean close, if there is anything to cover. No commit is under way or will follow. */
  async closeCleanly(): Promise<void> {
    const { wal, committer } = this.#parts;
    // After a crash in the middle of a close nothing may be left to cover, but the WAL doesn't say so yet.
    const unsaid = !this.#openedClean && committer.lastVersion > 0;
    const changed = unsaid || wal.isOpen || this.#lacksSnapshot || this.#checkpointVersion < committer.lastVersion;
    try {
      if (changed && committer.readOnly === undefined) await this.#writeCheckpoint(true);
    } catch (error) {
      this.#warn("no checkpoint at close: the next start replays the WAL", error);
    }
  }

  async #compact(): Promise<CompactionResult> {
    if (this.#parts.committer.readOnly !== undefined) throw this.#parts.committer.readOnly;
    const bytesBefore = this.#parts.data.bytes;
    const startedMs = this.#options.platform.clock.monotonicMs();
    try {
      // The last compaction's end may be missing: it needs a checkpoint.
      if (this.#parts.data.previous === undefined && this.#parts.data.needsAdoption) await this.checkpoint();
      const stopped = (): boolean => this.#closing;
      const onProgress = (progress: CompactionProgress): void => {
        for (const listener of this.#onProgress) listener(progress);
      };
      const watch = { onProgress, stopped };
      const progress = await moveLiveRecords(this.#parts, this.#healing, watch, this.#options.compactionBatchBytes);
      // A checkpoint that began while both files counted must not end when only one does.
      while (this.#checkpointing !== undefined) await this.#checkpointing.catch(() => undefined);
      // At once: a snapshot may look for it in the next turn.
      this.#givenUp.add(this.#parts.data.dropPrevious());
      if (sabotaged("compacted-file-adopted-early")) {
        await adoptCompacted(this.#parts.platform.fs, this.#parts.layout, this.#parts.data);
      }
      await this.checkpoint();
      this.#compactLater.succeeded();
      const bytesReclaimed = Math.max(0, bytesBefore - this.#parts.data.bytes);
      this.#parts.meters.reclaimedBytes += bytesReclaimed;
      this.#lastCompaction = this.#runSince(startedMs, this.#parts.meters.compactions);
      return { ...progress, bytesReclaimed };
    } catch (error) {
      this.#parts.meters.compactions.failed++;
      throw this.#explained("The compaction did not end; what it did is kept", error);
    }
  }

  /** Starts a compaction, or takes up one that did not end, if there is reason to. */
  #compactIfDue(): void {
    const { compactionBytes, compactionDeadRatio } = this.#options;
    const { data, index } = this.#parts;
    const unfinished = data.previous !== undefined;
    if (unfinished || wantsCompaction(data, index, compactionBytes, compactionDeadRatio)) this.#compactInBackground();
  }

  #compactInBackground(): void {
    if (this.#closing || this.#compacting !== undefined) return;
    this.compact().catch((error: unknown) => {
      this.#warn("a compaction failed; it goes on with the next one", error);
      // A record that can't be read doesn't mend by itself.
      const canMend = !(error instanceof DocDBError && error.code === "DOCUMENT_CORRUPT");
      if (canMend && this.#parts.committer.readOnly === undefined) this.#compactLater.failed();
    });
  }

  #warn(message: string, error: unknown): void {
    const { layout, observer } = this.#options;
    observer.failure(`database ${layout.database}: ${message}`, DocDBError.from(error));
  }

  /** What to answer with. A directory that can't be trusted ends all writing. */
  #explained(what: string, error: unknown): unknown {
    return error instanceof NamesInDoubt
      ? this.#parts.committer.latch(namesLost(error), error)
      : diskError(what, error);
  }

  async #writeCheckpoint(closing: boolean): Promise<number> {
    const { platform, layout, checkpointBytes, trimAfterCheckpoint, keepSegments } = this.#options;
    if (this.#parts.committer.readOnly !== undefined) throw this.#parts.committer.readOnly;
    const walBytes = this.#walBytes;
    const startedMs = platform.clock.monotonicMs();
    let checkpoint: Checkpoint;
    try {
      const turn = this.#parts.background.turn(() => this.#closing || this.#walBytes >= urgentWal * checkpointBytes);
      checkpoint = await writeCheckpoint(this.#parts, closing, turn);
      this.#checkpointVersion = checkpoint.version;
      this.#lacksSnapshot = false;
      this.#walBytes -= walBytes;
      this.#checkpointLater.succeeded();
      if (this.#parts.data.previous === undefined && this.#parts.data.needsAdoption) {
        await adoptCompacted(platform.fs, layout, this.#parts.data);
      }
    } catch (error) {
      this.#parts.meters.checkpoints.failed++;
      throw this.#explained("No checkpoint was written", error);
    }
    try {
      const forget = (segment: number): void => this.#parts.wal.forget(segment);
      if (trimAfterCheckpoint) await trimSegments(platform.fs, layout, checkpoint, keepSegments, forget);
    } catch (error) {
      if (error instanceof NamesInDoubt) throw this.#parts.committer.latch(namesLost(error), error);
      this.#warn("WAL segments could not be trimmed; the next checkpoint tries again", error);
    }
    this.#lastCheckpoint = this.#runSince(startedMs, this.#parts.meters.checkpoints);
    return this.#checkpointVersion;
  }

  #runSince(startedMs: number, meter: UpkeepMeter): UpkeepRun {
    const { clock } = this.#options.platform;
    const durationMs = clock.monotonicMs() - startedMs;
    meter.durations.record(durationMs);
    return { endTimeMs: clock.now(), durationMs };
  }

  async #automaticCheckpoint(): Promise<void> {
    const { checkpointBytes } = this.#options;
    try {
      await this.checkpoint();
      this.#checkpointAt = checkpointBytes;
    } catch (error) {
      this.#checkpointAt = this.#walBytes + checkpointBytes / 8;
      this.#warn("a checkpoint failed; the WAL grows until one succeeds", error);
      if (this.#parts.committer.readOnly === undefined) this.#checkpointLater.failed();
      return;
    }
    this.#compactIfDue();
  }
}
