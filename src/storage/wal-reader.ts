// Reads one WAL segment: hands out its valid groups in order, and says how it ends.
//
// An end is *clean* (the file stops, or only zeros follow), *torn* (what follows was never known durable: an
// interrupted write) or *corrupt* (a later group proves that the damaged bytes had been durable: commits that were
// acknowledged are gone).

import { sabotaged } from "../base/sabotage.ts";
import { type Commit, type Mutation, mutationOf } from "./commit.ts";
import {
  decodeRecord,
  type GroupHeader,
  groupOf,
  groupRecordBytes,
  type SegmentHeader,
  segmentHeaderBytes,
  walOp,
  type WalRecord,
} from "./wal-format.ts";

/** A valid group. Payloads are views into the segment's bytes. */
export interface WalGroup {
  /** Offset of the group in its segment. */
  readonly offset: number;
  readonly header: GroupHeader;
  /** The last version after this group. */
  readonly lastVersion: number;
  readonly commits: readonly Commit[];
  /** Records that are no part of a commit: checkpoints. */
  readonly marks: readonly WalRecord[];
  /** Offset behind the group. */
  readonly end: number;
}

export interface SegmentEnd {
  readonly kind: "clean" | "torn" | "corrupt";
  /** Offset behind the last valid group. */
  readonly offset: number;
  /** The last version of the valid groups. */
  readonly lastVersion: number;
  /** Bytes of the segment that its own groups prove to have been durable. */
  readonly durableOffset: number;
}

/** Hands the groups of a segment to `visit`, until it returns false, the segment ends, or damage stops it. */
export async function readSegment(
  bytes: Buffer,
  header: SegmentHeader,
  visit: (group: WalGroup) => boolean | Promise<boolean>,
): Promise<SegmentEnd> {
  let offset = segmentHeaderBytes;
  let lastVersion = header.baseVersion;
  let durableOffset = header.durableBytes;
  while (offset < bytes.length) {
    const group = readGroup(bytes, offset, header);
    if (group === undefined || group.header.baseVersion !== lastVersion) {
      return { kind: kindOfDamage(bytes, offset, header), offset, lastVersion, durableOffset };
    }
    durableOffset = Math.max(durableOffset, group.header.durableOffset);
    if (!(await visit(group))) return { kind: "clean", offset, lastVersion, durableOffset };
    offset = group.end;
    lastVersion = group.lastVersion;
  }
  // A file that ends before what it calls durable has lost its end.
  return { kind: offset < durableOffset ? "corrupt" : "clean", offset, lastVersion, durableOffset };
}

/** The group at `offset`, whole and valid, or undefined. */
export function readGroup(bytes: Buffer, offset: number, segment: SegmentHeader): WalGroup | undefined {
  const opening = decodeRecord(bytes, offset, segment);
  const header = opening === undefined ? undefined : groupOf(opening);
  if (opening === undefined || header === undefined) return undefined;
  const end = offset + opening.length + header.bodyBytes;
  if (end > bytes.length) return undefined;
  const commits: Commit[] = [];
  const marks: WalRecord[] = [];
  let mutations: Mutation[] = [];
  let at = offset + opening.length;
  while (at < end) {
    const record = decodeRecord(bytes, at, segment);
    if (record === undefined || record.op === walOp.group) return undefined;
    at += record.length;
    const mutation = mutationOf(record);
    if (mutation === undefined) {
      marks.push(record);
      continue;
    }
    if (record.version !== header.firstVersion + commits.length) return undefined;
    mutations.push(mutation);
    if (record.commit) {
      commits.push({ version: record.version, mutations });
      mutations = [];
    }
  }
  if (at !== end || mutations.length > 0 || commits.length !== header.commits) return undefined;
  const lastVersion = commits.at(-1)?.version ?? header.baseVersion;
  return { offset, header, lastVersion, commits, marks, end };
}

/** Whether what stands at `offset` is an interrupted write or the damage of bytes that had been durable. */
function kindOfDamage(bytes: Buffer, offset: number, segment: SegmentHeader): "clean" | "torn" | "corrupt" {
  if (offset < segment.durableBytes) return "corrupt";
  if (isZero(bytes, offset)) return "clean";
  if (sabotaged("corruption-taken-for-torn")) return "torn";
  const length = Buffer.alloc(8);
  length.writeUInt32LE(groupRecordBytes);
  for (let at = bytes.indexOf(length, offset); at !== -1; at = bytes.indexOf(length, at + 1)) {
    const record = decodeRecord(bytes, at, segment);
    const later = record === undefined ? undefined : groupOf(record);
    if (later !== undefined && later.durableOffset > offset) return "corrupt";
  }
  return "torn";
}

const zeros = Buffer.alloc(64 * 1024);

function isZero(bytes: Buffer, from: number): boolean {
  for (let at = from; at < bytes.length; at += zeros.length) {
    const piece = bytes.subarray(at, at + zeros.length);
    if (!piece.equals(zeros.subarray(0, piece.length))) return false;
  }
  return true;
}
