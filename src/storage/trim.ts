// Trimming the WAL: removing older segments that no recovery can need any more.

import { sabotaged } from "../base/sabotage.ts";
import { isErrno } from "../platform/file-io.ts";
import type { FileSystem } from "../platform/platform.ts";
import { type Layout, olderSegments } from "./layout.ts";
import { readSegmentHeader } from "./wal-survey.ts";

/** A checkpoint that is in force. */
export interface Checkpoint {
  /** Everything up to this version needs no replay. */
  readonly version: number;
  /** The WAL segment that holds its record: it must not be trimmed. */
  readonly segment: number;
}

/**
 * Removes the segments that lie wholly before a checkpoint, oldest first, but keeps the newest `keep` of the older
 * ones. A segment ends where its successor says that it begins; the one with the checkpoint's record is never removed.
 */
export async function trimSegments(
  fs: FileSystem,
  layout: Layout,
  checkpoint: Checkpoint,
  keep: number,
  onRemoved: (segment: number) => void = () => undefined,
): Promise<void> {
  const numbers = olderSegments(layout.database, await fs.readdir(layout.walDirectory));
  if (sabotaged("trim-by-text-order")) numbers.sort((a, b) => (String(a) < String(b) ? -1 : 1));
  let removed = 0;
  for (const [i, number] of numbers.entries()) {
    const hasRecord = number >= checkpoint.segment && !sabotaged("trim-takes-checkpoint-record");
    if (i >= numbers.length - keep || hasRecord) break;
    const next = sabotaged("trim-takes-one-too-many") ? number : numbers[i + 1];
    const successor = next === undefined ? layout.activeSegment : layout.segment(next);
    const baseVersion = await baseVersionOf(fs, successor);
    if (baseVersion === undefined || baseVersion > checkpoint.version) break;
    await fs.unlink(layout.segment(number));
    onRemoved(number);
    removed++;
  }
  if (removed > 0) await fs.syncDirectory(layout.walDirectory);
}

/** The last version before a segment; undefined when it was renamed just now, by a rotation. */
async function baseVersionOf(fs: FileSystem, path: string): Promise<number | undefined> {
  try {
    return (await readSegmentHeader(fs, path)).header.baseVersion;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
