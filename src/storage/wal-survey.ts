// A look over a database's WAL before anything is changed: which segments there are, whether the ones that recovery
// needs are all there and sound, and how the last one ends.
//
// Each segment says the last version before it. A segment's successor decides where it ends: what it holds from the
// successor's base version on is superseded, whatever its state. Only the last segment may end torn.

import type { FileSystem } from "../platform/platform.ts";
import type { Turn } from "../platform/turn.ts";
import { damaged } from "./disk-errors.ts";
import { type Layout, olderSegments } from "./layout.ts";
import { activateNext, removeIfThere } from "./wal-log.ts";
import {
  type CheckpointMark,
  checkpointOf,
  decodeSegmentHeader,
  type SegmentHeader,
  segmentHeaderBytes,
} from "./wal-format.ts";
import type { SegmentLoader } from "./segment-loader.ts";
import { readSegment, type SegmentEnd, type WalGroup } from "./wal-reader.ts";

/** A segment on disk. */
export interface Segment {
  readonly path: string;
  readonly header: SegmentHeader;
  /** Length of the file. */
  readonly bytes: number;
}

/** Damage that can't be an interrupted write: commits that were acknowledged may be gone. */
export interface Corruption {
  readonly path: string;
  readonly offset: number;
  readonly reason: string;
  /** The last version before the damage. */
  readonly lastVersion: number;
}

export interface WalSurvey {
  /** Contiguous by number, the active one last. */
  readonly segments: readonly Segment[];
  /** Number of the active segment. */
  readonly newest: number;
  /** Length of its file. */
  readonly newestBytes: number;
  /** How the active segment ends. */
  readonly end: SegmentEnd;
  /** For each segment, by its number, the offset behind its last valid group. */
  readonly ends: ReadonlyMap<number, number>;
  readonly corruption: Corruption | undefined;
  /** The newest checkpoint on record. */
  readonly checkpoint: CheckpointMark | undefined;
  /** The last thing written was the checkpoint of a clean close. */
  readonly closedCleanly: boolean;
}

/**
 * Lists the segments without a gap up to the active one, oldest first. Finishes a change of segments that was cut
 * short.
 */
export async function findSegments(fs: FileSystem, layout: Layout, databaseId: number): Promise<Segment[]> {
  const names = await fs.readdir(layout.walDirectory);
  const older = olderSegments(layout.database, names);
  if (!(await fs.exists(layout.activeSegment))) await finishActivation(fs, layout, databaseId, older.at(-1) ?? 0);
  await removeIfThere(fs, layout.nextSegment);
  const active = await openHeader(fs, layout.activeSegment, databaseId);
  const segments = [active];
  for (const number of older.reverse()) {
    const successor = segments[0] as Segment;
    if (number !== successor.header.segment - 1) break;
    const segment = await openHeader(fs, layout.segment(number), databaseId);
    if (segment.header.segment !== number)
      throw damaged(segment.path, `it says that it is segment ${segment.header.segment}`);
    segments.unshift(segment);
  }
  return segments;
}

/**
 * Reads all of these segments and judges them. `segments` are contiguous, the active one last. Damage of versions up to
 * `replayFrom` takes nothing away; by default that is where the newest checkpoint on record lets a replay start.
 */
export async function surveyWal(
  loader: SegmentLoader,
  segments: readonly Segment[],
  turn: Turn,
  replayFrom?: number,
): Promise<WalSurvey> {
  let checkpoint: CheckpointMark | undefined;
  const damages: Damage[] = [];
  let end: SegmentEnd | undefined;
  let newestBytes = 0;
  let closedCleanly = false;
  const ends = new Map<number, number>();
  for (const [i, segment] of segments.entries()) {
    closedCleanly = false;
    const note = async (group: WalGroup): Promise<boolean> => {
      closedCleanly = false;
      for (const mark of group.marks.map(checkpointOf)) {
        if (mark === undefined) continue;
        if (checkpoint === undefined || mark.version >= checkpoint.version) checkpoint = mark;
        closedCleanly = mark.closing;
      }
      await turn.pause();
      return true;
    };
    const bytes = await loader.load(segment.path);
    newestBytes = bytes.length;
    end = await readSegment(bytes, segment.header, note);
    ends.set(segment.header.segment, end.offset);
    const damage = judge(segment, end, segments[i + 1]);
    if (damage !== undefined) damages.push(damage);
  }
  const active = segments.at(-1);
  if (active === undefined || end === undefined) throw new Error("a survey needs the active segment");
  closedCleanly &&= end.kind === "clean";
  const newest = active.header.segment;
  const covered = replayFrom ?? checkpoint?.version ?? 0;
  const corruption = damages.find(({ upTo }) => upTo > covered);
  return { segments, newest, newestBytes, end, ends, corruption, checkpoint, closedCleanly };
}

/**
 * Hands the groups that count to `visit`: those of these segments, without what later segments supersede. A segment
 * that ends elsewhere than in the survey was misread then or now: DATABASE_CORRUPT, or commits would go missing
 * unnoticed. Groups are views of what `loader` has loaded last.
 */
export async function replayGroups(
  loader: SegmentLoader,
  segments: readonly Segment[],
  ends: WalSurvey["ends"],
  visit: (group: WalGroup, segment: Segment) => Promise<void>,
): Promise<void> {
  for (const [i, segment] of segments.entries()) {
    const { path, header } = segment;
    const next = segments[i + 1]?.header;
    let superseded = false;
    const { offset } = await readSegment(await loader.load(path), header, async (group) => {
      superseded = next !== undefined && group.header.baseVersion >= next.baseVersion;
      if (!superseded) await visit(group, segment);
      return !superseded;
    });
    if (superseded || offset === ends.get(header.segment)) continue;
    throw damaged(path, `it was read twice, and differently: its group at offset ${offset} is damaged or was`);
  }
}

/** The header of a segment file and its length; DATABASE_CORRUPT when it has no valid header. */
export async function readSegmentHeader(fs: FileSystem, path: string): Promise<Omit<Segment, "path">> {
  const file = await fs.open(path, "read");
  try {
    const size = await file.size();
    const bytes = Buffer.alloc(Math.min(size, segmentHeaderBytes));
    await file.read(bytes, 0);
    const header = decodeSegmentHeader(bytes);
    if (typeof header === "string") throw damaged(path, header);
    return { header, bytes: size };
  } finally {
    await file.close();
  }
}

/** Damage that matters unless a checkpoint covers the versions up to `upTo`. */
interface Damage extends Corruption {
  readonly upTo: number;
}

function judge(segment: Segment, end: SegmentEnd, next: Segment | undefined): Damage | undefined {
  const { path } = segment;
  const { offset, lastVersion } = end;
  if (next === undefined) {
    if (end.kind !== "corrupt") return undefined;
    const upTo = Number.POSITIVE_INFINITY;
    return { path, offset, lastVersion, upTo, reason: "bytes that had been made durable are damaged" };
  }
  if (lastVersion >= next.header.baseVersion) return undefined;
  const missing = `versions ${lastVersion + 1} to ${next.header.baseVersion} are missing`;
  const upTo = next.header.baseVersion;
  return { path, offset, lastVersion, upTo, reason: end.kind === "clean" ? missing : `damaged bytes: ${missing}` };
}

async function finishActivation(fs: FileSystem, layout: Layout, databaseId: number, oldest: number): Promise<void> {
  const next = (await fs.exists(layout.nextSegment)) ? await openHeader(fs, layout.nextSegment, databaseId) : undefined;
  if (next === undefined || next.header.segment !== oldest + 1) {
    throw damaged(layout.activeSegment, "the active WAL segment is missing");
  }
  // The first rename may not be durable yet, and the second one must not overtake it.
  await fs.syncDirectory(layout.walDirectory);
  await activateNext(fs, layout, oldest);
}

async function openHeader(fs: FileSystem, path: string, databaseId: number): Promise<Segment> {
  const { header, bytes } = await readSegmentHeader(fs, path);
  if (header.databaseId !== databaseId)
    throw damaged(path, `it belongs to database ${header.databaseId}, not ${databaseId}`);
  return { path, header, bytes };
}
