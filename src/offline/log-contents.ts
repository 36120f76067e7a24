// Everything that can still be read of a database's write-ahead log, on both sides of any damage.

import { readWholeFile } from "../platform/file-io.ts";
import type { FileSystem } from "../platform/platform.ts";
import type { Turn } from "../platform/turn.ts";
import { type Layout, olderSegments } from "../storage/layout.ts";
import { headerOfGroups } from "./lost-headers.ts";
import { refuseUnknownFormat } from "./unknown-format.ts";
import { walkSegment } from "../storage/verify/walk-segment.ts";
import { type CheckpointMark, checkpointOf, decodeSegmentHeader, type SegmentHeader } from "../storage/wal-format.ts";
import type { WalGroup } from "../storage/wal-reader.ts";

export interface LogContents {
  /** Sound groups in order, without those that a later segment supersedes. They need not follow from each other. */
  readonly groups: readonly WalGroup[];
  readonly checkpoint: CheckpointMark | undefined;
  /** No version above this one is written or promised anywhere in the log. */
  readonly highestVersion: number;
  /** The greatest number of a segment, by file name or header. */
  readonly highestSegment: number;
  /** Every file of the log. */
  readonly paths: readonly string[];
  /** Whether the active segment is there and nothing damaged stands at its end: then no commit is missing behind it. */
  readonly endsSoundly: boolean;
  /** Headers of segments whose own are damaged, worked out from their groups. */
  readonly lostHeaders: ReadonlyMap<string, SegmentHeader>;
}

export async function readLog(fs: FileSystem, layout: Layout, databaseId: number, turn: Turn): Promise<LogContents> {
  const numbers = olderSegments(layout.database, await fs.readdir(layout.walDirectory));
  const paths = numbers.map((number) => layout.segment(number));
  for (const path of [layout.activeSegment, layout.nextSegment]) if (await fs.exists(path)) paths.push(path);
  let highestSegment = numbers.at(-1) ?? 0;
  let highestVersion = 0;
  const segments: { path: string; bytes: Buffer; header: SegmentHeader }[] = [];
  const lostHeaders = new Map<string, SegmentHeader>();
  for (const [i, path] of paths.entries()) {
    const bytes = (await readWholeFile(fs, path)) ?? Buffer.alloc(0);
    const decoded = decodeSegmentHeader(bytes);
    if (typeof decoded === "string") refuseUnknownFormat(path, decoded);
    const number = numbers[i] ?? (numbers.at(-1) ?? 0) + 1;
    const header = typeof decoded === "string" ? headerOfGroups(bytes, databaseId, number) : decoded;
    if (header === undefined || header.databaseId !== databaseId) continue;
    if (typeof decoded === "string") lostHeaders.set(path, header);
    highestSegment = Math.max(highestSegment, header.segment);
    highestVersion = Math.max(highestVersion, header.baseVersion, header.firstVersion - 1);
    // A next segment beside an active one never took over.
    if (path !== layout.nextSegment || !paths.includes(layout.activeSegment)) segments.push({ path, bytes, header });
  }
  const groups: WalGroup[] = [];
  let checkpoint: CheckpointMark | undefined;
  let endsSoundly = false;
  for (const [i, { bytes, header }] of segments.entries()) {
    const end = segments[i + 1]?.header.baseVersion ?? Number.POSITIVE_INFINITY;
    // An active segment without a group has lost nothing unless more of it had been durable.
    endsSoundly = bytes.length >= header.durableBytes;
    for (const piece of walkSegment(bytes, header)) {
      await turn.pause();
      endsSoundly = piece.kind === "group" || bytes.subarray(piece.offset).every((byte) => byte === 0);
      if (piece.kind === "damage") continue;
      highestVersion = Math.max(highestVersion, piece.group.lastVersion);
      if (piece.group.header.baseVersion >= end) continue;
      groups.push(piece.group);
      for (const mark of piece.group.marks.map(checkpointOf)) {
        if (mark !== undefined && mark.version >= (checkpoint?.version ?? 0)) checkpoint = mark;
      }
    }
  }
  endsSoundly &&= segments.at(-1)?.path === layout.activeSegment;
  return { groups, checkpoint, highestVersion, highestSegment, paths, endsSoundly, lostHeaders };
}
