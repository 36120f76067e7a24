// Finding one committed change in the WAL segments that are kept: the exact copy that healing needs.
//
// A segment's successor decides where it ends (see wal-survey.ts), so of all segments that may hold a version only one
// counts: the newest that begins before it. The search looks at headers from the newest segment backwards until it has
// that one, and reads it front to back in chunks, whatever its size. Nothing is changed, and rotation and trimming may
// go on meanwhile.

import { sabotaged } from "../base/sabotage.ts";
import { isErrno, readFully } from "../platform/file-io.ts";
import type { File, FileSystem } from "../platform/platform.ts";
import type { Turn } from "../platform/turn.ts";
import { ChunkedReader } from "./chunked-file.ts";
import { dataBytesOf, hasContent, type Mutation, mutationOf } from "./commit.ts";
import { type Layout, olderSegments } from "./layout.ts";
import type { RecordIdentity } from "./record-place.ts";
import {
  decodeRecord,
  decodeSegmentHeader,
  type GroupHeader,
  groupOf,
  recordOverheadBytes,
  type SegmentHeader,
  segmentHeaderBytes,
  type WalRecord,
} from "./wal-format.ts";

interface OpenSegment {
  readonly file: File;
  readonly header: SegmentHeader;
}

/** The change that wrote this record, or undefined when no kept segment has it whole. */
export async function findInWal(
  fs: FileSystem,
  layout: Layout,
  databaseId: number,
  wanted: RecordIdentity,
  turn: Turn,
): Promise<Mutation | undefined> {
  if (sabotaged("healing-without-wal")) return undefined;
  const segment = await openSegmentOf(fs, layout, databaseId, wanted.version);
  if (segment === undefined) return undefined;
  try {
    return await searchSegment(segment, wanted, turn);
  } finally {
    await segment.file.close();
  }
}

/** Opens the one segment whose groups with this version count. */
async function openSegmentOf(
  fs: FileSystem,
  layout: Layout,
  databaseId: number,
  version: number,
): Promise<OpenSegment | undefined> {
  let segment = await openSegment(fs, layout.activeSegment, databaseId);
  if (segment === "missing") {
    // A change of segments is under way: the newest older one was active a moment ago.
    const newest = olderSegments(layout.database, await fs.readdir(layout.walDirectory)).at(-1) ?? 0;
    segment = await openSegment(fs, layout.segment(newest), databaseId);
  }
  while (typeof segment === "object" && segment.header.baseVersion >= version) {
    const before = segment.header.segment - 1;
    await segment.file.close();
    segment = await openSegment(fs, layout.segment(before), databaseId);
    if (typeof segment === "object" && segment.header.segment !== before) {
      await segment.file.close();
      return undefined;
    }
  }
  return typeof segment === "object" ? segment : undefined;
}

async function openSegment(
  fs: FileSystem,
  path: string,
  databaseId: number,
): Promise<OpenSegment | "missing" | "damaged"> {
  let file: File;
  try {
    file = await fs.open(path, "read");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return "missing";
    throw error;
  }
  try {
    const bytes = await readFully(file, 0, segmentHeaderBytes);
    const header = bytes === undefined ? "too short" : decodeSegmentHeader(bytes);
    if (typeof header === "object" && header.databaseId === databaseId) return { file, header };
  } catch (error) {
    await file.close();
    throw error;
  }
  await file.close();
  return "damaged";
}

async function searchSegment(segment: OpenSegment, wanted: RecordIdentity, turn: Turn): Promise<Mutation | undefined> {
  const reader = new ChunkedReader(segment.file, segmentHeaderBytes, await segment.file.size());
  let lastVersion = segment.header.baseVersion;
  while (lastVersion < wanted.version) {
    const opening = await takeRecord(reader, segment.header);
    const group = opening === undefined ? undefined : groupOf(opening);
    if (group === undefined || group.baseVersion !== lastVersion) return undefined;
    lastVersion = group.commits === 0 ? lastVersion : group.firstVersion + group.commits - 1;
    if (lastVersion >= wanted.version) return await searchGroup(reader, group, segment.header, wanted, turn);
    reader.skip(group.bodyBytes);
    await turn.pause();
  }
  return undefined;
}

async function searchGroup(
  reader: ChunkedReader,
  group: GroupHeader,
  header: SegmentHeader,
  wanted: RecordIdentity,
  turn: Turn,
): Promise<Mutation | undefined> {
  const end = reader.offset + group.bodyBytes;
  while (reader.offset < end) {
    const record = await takeRecord(reader, header);
    if (record === undefined || record.version > wanted.version) return undefined;
    const mutation = mutationOf(record);
    if (mutation !== undefined && record.version === wanted.version && isWanted(mutation, wanted)) return mutation;
    await turn.pause();
  }
  return undefined;
}

function isWanted(mutation: Mutation, wanted: RecordIdentity): boolean {
  return (
    hasContent(mutation.kind) &&
    mutation.idLow === wanted.idLow &&
    mutation.idHigh === wanted.idHigh &&
    mutation.collection === wanted.collection &&
    mutation.createTimeMs === wanted.createTimeMs &&
    dataBytesOf(mutation) === wanted.length
  );
}

/** The next record, moving on, or undefined when what stands there is no valid one. */
async function takeRecord(reader: ChunkedReader, segment: SegmentHeader): Promise<WalRecord | undefined> {
  const head = await reader.peek(8);
  // No record reaches 4 GiB: the upper half of its length is 0, or it fails its checksum below.
  const length = head?.readUInt32LE(0) ?? 0;
  const bytes = length < recordOverheadBytes ? undefined : await reader.take(length);
  return bytes === undefined ? undefined : decodeRecord(bytes, 0, segment);
}
