// Tells what a segment of the write-ahead log says: its header, each group, each record of it, and damage between.

import { idOf, readU64 } from "../base/u64.ts";
import { mutationOf } from "../storage/commit.ts";
import {
  checkpointOf,
  decodeRecord,
  decodeSegmentHeader,
  groupRecordBytes,
  type SegmentHeader,
  segmentHeaderBytes,
  walOp,
  type WalRecord,
} from "../storage/wal-format.ts";
import type { WalGroup } from "../storage/wal-reader.ts";
import { walkSegment } from "../storage/verify/walk-segment.ts";
import { headerOfGroups } from "./lost-headers.ts";
import { damageAt, type Piece, timeOf, unreadable } from "./inspected-piece.ts";

/** Of the database's id in a record. */
const databaseIdOffset = 16;
const opNames = new Map<number, string>(Object.entries(walOp).map(([name, op]) => [op, name]));

/** The pieces of a segment whose bytes these are. Bytes that are still zero behind the last group are told as such. */
export function* inspectSegment(bytes: Buffer): Generator<Piece> {
  const decoded = decodeSegmentHeader(bytes);
  const header = typeof decoded === "string" ? lostHeader(bytes) : decoded;
  if (typeof decoded === "object") {
    const { databaseId, segment, firstVersion, baseVersion, durableBytes, lossy } = decoded;
    const facts = { database: databaseId, segment, firstVersion, baseVersion, durableBytes, lossy };
    yield { offset: 0, length: segmentHeaderBytes, what: "header", facts };
  } else if (header !== undefined) {
    yield unreadable(0, segmentHeaderBytes, `${decoded}; the records tell the salt`);
  } else {
    // Every record's checksum is seeded with the salt that stands here.
    yield unreadable(0, bytes.length, decoded);
  }
  if (header === undefined) return;
  for (const piece of walkSegment(bytes, header)) {
    if (piece.kind === "damage") {
      const { offset, length } = piece;
      const isEmpty = bytes.subarray(offset, offset + length).every((byte) => byte === 0);
      yield isEmpty ? { offset, length, what: "zeros", facts: {} } : damageAt(offset, length);
      continue;
    }
    yield groupPiece(piece.group);
    yield* recordsOf(bytes, piece.group, header);
  }
}

/** What is needed of a header to read the records, by the records. */
function lostHeader(bytes: Buffer): SegmentHeader | undefined {
  const isLong = bytes.length >= segmentHeaderBytes + groupRecordBytes;
  const databaseId = isLong ? readU64(bytes, segmentHeaderBytes + databaseIdOffset) : undefined;
  return databaseId === undefined ? undefined : headerOfGroups(bytes, databaseId, 0);
}

function groupPiece({ offset, header, lastVersion, end }: WalGroup): Piece {
  const { firstVersion, baseVersion, durableOffset, commits } = header;
  const facts = { firstVersion, lastVersion, baseVersion, durableOffset, commits, bytes: end - offset, checksum: "ok" };
  return { offset, length: groupRecordBytes, what: "group", facts };
}

function* recordsOf(bytes: Buffer, group: WalGroup, header: SegmentHeader): Generator<Piece> {
  for (let offset = group.offset + groupRecordBytes; offset < group.end; ) {
    const record = decodeRecord(bytes, offset, header);
    if (record === undefined) return;
    yield recordPiece(record, offset);
    offset += record.length;
  }
}

function recordPiece(record: WalRecord, offset: number): Piece {
  const { length, version, op, commit, collection, idLow, idHigh, payload } = record;
  const what = opNames.get(op) ?? `op ${op}`;
  const checkpoint = checkpointOf(record);
  if (checkpoint !== undefined) {
    const extents = checkpoint.extents.map(({ generation, bytes }) => `${generation}:${bytes}`).join(",");
    return { offset, length, what, facts: { version, closing: checkpoint.closing, extents, checksum: "ok" } };
  }
  const mutation = mutationOf(record);
  const facts = { version, commit, collection, id: String(idOf(idLow, idHigh)) };
  if (mutation === undefined) return { offset, length, what, facts: { ...facts, bytes: payload.length } };
  const { content, createTimeMs, updateTimeMs } = mutation;
  const times = { created: timeOf(createTimeMs), updated: timeOf(updateTimeMs) };
  return { offset, length, what, facts: { ...facts, bytes: content.length, checksum: "ok", ...times }, content };
}
