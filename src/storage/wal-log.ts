// The write side of a database's WAL: the active segment, and how a fresh one takes its place.
//
// A new segment is written and made durable under another name before the old one is renamed, and each rename is
// durable before the next step, so that at every moment either the old segment is active or the new one is complete:
//   1. `.wal.new` with its header and first groups; datasync; directory sync
//   2. `.wal` -> `.wal.N`; directory sync
//   3. `.wal.new` -> `.wal`; directory sync
// Until step 2 a failure changes nothing, and a rename that found no space has changed nothing either; from then on a
// failure must end all writing until the database is opened again.

import { assert } from "../base/assert.ts";
import { sabotaged } from "../base/sabotage.ts";
import { isErrno, writeFully } from "../platform/file-io.ts";
import type { File, FileSystem, Platform } from "../platform/platform.ts";
import { FatalWriteError, isDiskFull } from "./disk-errors.ts";
import type { Layout } from "./layout.ts";
import { encodeSegmentHeader, type SegmentHeader, segmentHeaderBytes } from "./wal-format.ts";

export interface SegmentStart {
  readonly firstVersion: number;
  readonly baseVersion: number;
  /** The first groups of the segment, sealed with its salt; durable before the segment becomes active. */
  readonly body?: (salt: number) => Promise<Uint8Array>;
  /** Whether commits may have been acknowledged that this log lost; by default, whether the fsync mode allows it. */
  readonly lossy?: boolean;
}

export class WalLog {
  readonly #platform: Platform;
  readonly #layout: Layout;
  readonly #databaseId: number;
  readonly #lossy: boolean;
  #file: File | undefined;
  #header: SegmentHeader | undefined;
  /** Number of the newest segment on disk; 0 when there is none. */
  #newest: number;
  #size = 0;
  /** Bytes of the segments on disk by number, but for the one that is open. */
  readonly #sizes: Map<number, number>;
  /** A change of segments failed half-way: which file has which name is known only after recovery has looked. */
  #halfChanged = false;

  /** `sizes` has the bytes of the segments on disk by number; the greatest one is the active segment. */
  constructor(
    platform: Platform,
    layout: Layout,
    databaseId: number,
    lossy: boolean,
    sizes: ReadonlyMap<number, number>,
  ) {
    this.#platform = platform;
    this.#layout = layout;
    this.#databaseId = databaseId;
    this.#lossy = lossy;
    this.#newest = Math.max(0, ...sizes.keys());
    this.#sizes = new Map(sizes);
  }

  /** Whether a segment is open for appending. A database that was closed cleanly starts without one. */
  get isOpen(): boolean {
    return this.#file !== undefined;
  }

  /** Bytes of the active segment. */
  get size(): number {
    return this.#size;
  }

  /** Bytes and number of all segments on disk. */
  get extent(): { readonly bytes: number; readonly segments: number } {
    let bytes = this.#size;
    for (const size of this.#sizes.values()) bytes += size;
    return { bytes, segments: this.#sizes.size + (this.isOpen ? 1 : 0) };
  }

  /** An older segment was removed. */
  forget(segment: number): void {
    this.#sizes.delete(segment);
  }

  /** Number of the segment that appends go to, or that the next one will get. */
  get segment(): number {
    return this.#file === undefined ? this.#newest + 1 : this.#newest;
  }

  /** Salt of the active segment. */
  get salt(): number {
    assert(this.#header !== undefined, "the WAL has no active segment");
    return this.#header.salt;
  }

  /** Starts a fresh segment and makes it the active one. Everything in the old one must be durable. */
  async start(start: SegmentStart): Promise<void> {
    if (this.#halfChanged) throw new FatalWriteError("An earlier change of segments failed half-way.");
    const { fs, random } = this.#platform;
    const salt = random.u32();
    const body = (await start.body?.(salt)) ?? new Uint8Array();
    const header: SegmentHeader = {
      databaseId: this.#databaseId,
      segment: this.#newest + 1,
      firstVersion: start.firstVersion,
      baseVersion: start.baseVersion,
      durableBytes: segmentHeaderBytes + body.length,
      salt,
      lossy: start.lossy ?? this.#lossy,
    };
    const content = Buffer.concat([encodeSegmentHeader(header), body]);
    const file = await this.#writeNext(fs, content);
    try {
      await activateNext(fs, this.#layout, this.#newest);
    } catch (error) {
      await file.close().catch(() => undefined);
      if (error instanceof NothingRenamed) {
        await removeIfThere(fs, this.#layout.nextSegment).catch(() => undefined);
        throw error.cause;
      }
      this.#halfChanged = true;
      throw new FatalWriteError("The WAL could not change over to a new segment.", { cause: error });
    }
    const old = this.#file;
    if (old !== undefined) this.#sizes.set(this.#newest, this.#size);
    this.#file = file;
    this.#header = header;
    this.#newest = header.segment;
    this.#size = content.length;
    await old?.close();
  }

  /** Appends bytes behind the last ones; they count only after `accept`. */
  async append(bytes: Uint8Array): Promise<void> {
    await writeFully(this.#active, bytes, this.#size);
  }

  accept(bytes: number): void {
    this.#size += bytes;
  }

  async datasync(): Promise<void> {
    await this.#active.datasync();
  }

  /** Removes what was appended and not accepted, durably. */
  async discard(): Promise<void> {
    await this.#active.truncate(this.#size);
    if (!sabotaged("undo-unsynced")) await this.#active.datasync();
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  get #active(): File {
    assert(this.#file !== undefined, "the WAL has no active segment");
    return this.#file;
  }

  async #writeNext(fs: FileSystem, content: Uint8Array): Promise<File> {
    await removeIfThere(fs, this.#layout.nextSegment);
    const file = await fs.open(this.#layout.nextSegment, "create");
    try {
      await writeFully(file, content, 0);
      await file.datasync();
      await fs.syncDirectory(this.#layout.walDirectory);
      return file;
    } catch (error) {
      await file.close().catch(() => undefined);
      await removeIfThere(fs, this.#layout.nextSegment).catch(() => undefined);
      throw error;
    }
  }
}

/** Step 2 found no space for the new name: the old segment is still active. */
class NothingRenamed extends Error {
  override readonly name = "NothingRenamed";
}

/** Steps 2 and 3 above; also what recovery does when it finds step 2 done and step 3 not. */
export async function activateNext(fs: FileSystem, layout: Layout, oldSegment: number): Promise<void> {
  if (await fs.exists(layout.activeSegment)) {
    try {
      await fs.rename(layout.activeSegment, layout.segment(oldSegment));
    } catch (error) {
      throw isDiskFull(error) ? new NothingRenamed("no space for a name", { cause: error }) : error;
    }
    if (!sabotaged("segment-rename-unsynced")) await fs.syncDirectory(layout.walDirectory);
  }
  await fs.rename(layout.nextSegment, layout.activeSegment);
  await fs.syncDirectory(layout.walDirectory);
}

export async function removeIfThere(fs: FileSystem, path: string): Promise<void> {
  try {
    await fs.unlink(path);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
}
