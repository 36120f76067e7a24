// Verifies the write-ahead log: every group of every kept segment, how groups and segments follow from each other, and
// how the last one ends. Damage of commits that a checkpoint covers costs nothing but copies to heal from.

import type { File, FileSystem } from "../../platform/platform.ts";
import type { Turn } from "../../platform/turn.ts";
import {
  type CheckpointMark,
  checkpointOf,
  decodeSegmentHeader,
  type SegmentHeader,
  segmentHeaderBytes,
} from "../wal-format.ts";
import { readSegment, type WalGroup } from "../wal-reader.ts";
import { type Finding, finding, type VerifySink } from "./finding.ts";
import { walkSegment } from "./walk-segment.ts";

/** A segment as it was at one moment. */
export interface SegmentSource {
  /** Path relative to the data directory. */
  readonly name: string;
  /** The bytes of its header, fewer when the file ends before. */
  readonly header: () => Promise<Buffer>;
  /** All of it. Asked for once: there may be many segments, and only one is held at a time. */
  readonly bytes: () => Promise<Buffer>;
}

export interface VerifiedWal {
  /** The newest checkpoint that was read. */
  readonly checkpoint: CheckpointMark | undefined;
}

/** Damage before it is known what it means. */
interface Unjudged {
  readonly finding: Finding;
  /** Versions (from, to] that it may have held; `to` is unknown when no sound group follows. */
  readonly from: number;
  readonly to: number | undefined;
}

/**
 * Reads all segments, oldest first. `servedVersion`: what an open database has in its data file and serves, whatever
 * happens to its log; 0 when none is open.
 */
export async function verifyWal(
  sources: readonly SegmentSource[],
  databaseId: number,
  servedVersion: number,
  sink: VerifySink,
  turn: Turn,
  visit: (group: WalGroup) => void = () => undefined,
): Promise<VerifiedWal> {
  const headers = await Promise.all(sources.map(async (source) => headerOf(await source.header(), databaseId)));
  const unjudged: Unjudged[] = [];
  let checkpoint: CheckpointMark | undefined;
  for (const [i, source] of sources.entries()) {
    const header = headers[i];
    const bytes = await source.bytes();
    sink.checked(segmentHeaderBytes, 1);
    if (typeof header !== "object") {
      await sink.found(
        finding({
          severity: "error",
          file: source.name,
          offset: 0,
          length: bytes.length,
          reason: "FILE_UNUSABLE",
          message: `${header ?? "it is missing"}: nothing behind it can be read.`,
        }),
      );
      continue;
    }
    const next = headers[i + 1];
    const note = (group: WalGroup): void => {
      for (const mark of group.marks.map(checkpointOf)) {
        if (mark !== undefined && mark.version >= (checkpoint?.version ?? 0)) checkpoint = mark;
      }
      visit(group);
    };
    unjudged.push(...(await verifySegment(source.name, bytes, header, asHeader(next), sink, turn, note)));
  }
  for (const one of unjudged) await sink.found(judged(one, checkpoint?.version ?? 0, servedVersion));
  return { checkpoint };
}

function asHeader(header: SegmentHeader | string | undefined): SegmentHeader | undefined {
  return typeof header === "object" ? header : undefined;
}

function headerOf(bytes: Buffer, databaseId: number): SegmentHeader | string {
  const header = decodeSegmentHeader(bytes);
  if (typeof header === "string" || header.databaseId === databaseId) return header;
  return `it belongs to database ${header.databaseId}, not ${databaseId}`;
}

async function verifySegment(
  name: string,
  bytes: Buffer,
  header: SegmentHeader,
  next: SegmentHeader | undefined,
  sink: VerifySink,
  turn: Turn,
  note: (group: WalGroup) => void,
): Promise<Unjudged[]> {
  // A segment ends where its successor begins: what stands behind that is superseded, whatever its state.
  const isOver = (version: number): boolean => next !== undefined && version >= next.baseVersion;
  const end = await readSegment(bytes, header, async (group) => {
    // A checkpoint may be the last thing in a segment: then both begin behind the same version.
    if (group.commits.length > 0 && isOver(group.header.baseVersion)) return false;
    note(group);
    sink.checked(group.end - group.offset, 1 + group.commits.length);
    await turn.pause();
    return true;
  });
  const rest = bytes.length - end.offset;
  sink.checked(rest, 0);
  const at = { file: name, offset: end.offset, length: rest };
  if (isOver(end.lastVersion) || (next === undefined && end.kind === "clean")) {
    return [];
  }
  if (next === undefined && end.kind === "torn") {
    // Nothing behind these bytes proves that they were ever durable, and nothing proves that they were not.
    const what = `The last ${rest} bytes, behind version ${end.lastVersion}, are no sound records.`;
    const torn = "An interrupted write looks like this, and then nobody was told that it happened";
    const message = `${what} ${torn}; damage does too, and then commits behind version ${end.lastVersion} are lost.`;
    await sink.found(
      finding({ ...at, severity: "warning", reason: "WAL_TORN", message, version: end.lastVersion + 1 }),
    );
    return [];
  }
  return damagesOf(name, bytes, header, end.offset, end.lastVersion, next?.baseVersion);
}

/** Every stretch of damage from the first one on, with the versions that it may have held. */
function damagesOf(
  name: string,
  bytes: Buffer,
  header: SegmentHeader,
  from: number,
  lastVersion: number,
  end: number | undefined,
): Unjudged[] {
  const found: Unjudged[] = [];
  let version = lastVersion;
  let open: { offset: number; length: number } | undefined;
  const add = (place: { offset: number; length: number }, to: number | undefined): void => {
    const fields = { file: name, ...place, severity: "error", reason: "WAL_CORRUPT", message: "" } as const;
    found.push({ finding: finding({ ...fields, version: version + 1 }), from: version, to });
  };
  for (const piece of walkSegment(bytes, header)) {
    if (piece.kind === "damage") {
      if (piece.offset >= from) open = { offset: piece.offset, length: piece.length };
      continue;
    }
    const { group } = piece;
    if (group.offset < from) continue;
    if (open !== undefined || group.header.baseVersion !== version) {
      add(open ?? { offset: group.offset, length: 0 }, group.header.baseVersion);
    }
    open = undefined;
    version = group.lastVersion;
  }
  if (open !== undefined || (end !== undefined && version < end)) add(open ?? { offset: bytes.length, length: 0 }, end);
  return found;
}

function judged({ finding: at, from, to }: Unjudged, checkpointVersion: number, servedVersion: number): Finding {
  const range = to === undefined ? `from ${from + 1} on` : `${from + 1} to ${to}`;
  if (to !== undefined && to <= checkpointVersion) {
    const message = `Commits ${range} are damaged here. A checkpoint covers them: only copies to heal from are lost.`;
    return { ...at, severity: "warning", message };
  }
  if (servedVersion > from) {
    const advice = "The open database has them: write a checkpoint before it stops.";
    const message = `Commits ${range} are damaged here. ${advice}`;
    return { ...at, severity: "warning", message };
  }
  const message = `Commits ${range} had been durable and are damaged here: they are lost unless a backup has them.`;
  return { ...at, message };
}

/** A segment on disk, opened when it is needed. */
export function segmentOnDisk(fs: FileSystem, path: string, name: string): SegmentSource {
  const reading = async (length: (size: number) => number): Promise<Buffer> => {
    const file = await fs.open(path, "read");
    try {
      return await readUpTo(file, length(await file.size()));
    } finally {
      await file.close();
    }
  };
  return {
    name,
    header: () => reading((size) => Math.min(size, segmentHeaderBytes)),
    bytes: () => reading((size) => size),
  };
}

/** A segment that is open already, as far as it reaches now. */
export function openSegmentSource(file: File, bytes: number, name: string): SegmentSource {
  return {
    name,
    header: () => readUpTo(file, Math.min(bytes, segmentHeaderBytes)),
    bytes: () => readUpTo(file, bytes),
  };
}

async function readUpTo(file: File, length: number): Promise<Buffer> {
  const target = Buffer.alloc(length);
  return target.subarray(0, await file.read(target, 0));
}
