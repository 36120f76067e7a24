// The bytes of a write-ahead log segment. docs/formats/wal.md has the tables; all integers are little-endian.
//
//   segment := header group*
//   header  := magic[8] format u32, flags u32, database u64, segment u64, firstVersion u64, baseVersion u64,
//              durableBytes u64, salt u32, crc u32
//   group   := GROUP record, then the records of its commits
//   record  := length u64, version u64, database u64, op u8, flags u8, collection u32, document u64,
//              payloadLength u32, payload, crc u32
//
// Invariants
// 1. Every crc is seeded with the segment's salt and covers all bytes before it, lengths and ids included.
// 2. A GROUP record names the offset up to which its segment was known durable when it was written. Under a mode that
//    acknowledges after durability that is its own offset: group N+1 is written only after group N is durable.
// 3. Versions are contiguous inside a group. A GROUP record names its first version and the version before it.
// 4. The last record of each commit, and only that, carries the COMMIT flag.

import { checksum } from "../base/checksum.ts";
import { sabotaged } from "../base/sabotage.ts";
import { readU64, writeU64 } from "../base/u64.ts";
import type { Pieces } from "../platform/turn.ts";
import { type DataExtent, extentBytes, readExtent, writeExtent } from "./data-extent.ts";
import { checksumInPieces } from "./long-bytes.ts";

export const walFormatVersion = 1;
const magic = Buffer.from("DOCDBWAL", "latin1");

export const segmentHeaderBytes = 64;
/** Bytes of a record before its payload. */
export const recordHeaderBytes = 42;
/** Bytes of a record besides its payload. */
export const recordOverheadBytes: number = recordHeaderBytes + 4;
/** Bytes that precede the content in the payload of a mutation: create time and update time. */
export const timesBytes = 16;
/** Bytes of the GROUP record's payload. */
const groupPayloadBytes = 24;
export const groupRecordBytes: number = recordOverheadBytes + groupPayloadBytes;

/**
 * What a record says. The first five are mutations; their payload is create time u64, update time u64 (ms), content.
 * A PUT's content is JSON, a new collection's its name, and `collection` its id; the others have none.
 */
export const walOp = {
  put: 1,
  delete: 2,
  createCollection: 3,
  dropCollection: 4,
  request: 5,
  /**
   * Opens a group. Payload: base version u64, durable offset u64, bytes of the group's other records u32, commits u32.
   */
  group: 16,
  /** A checkpoint. `version` is where replay starts; payload: flags u32, an extent for each data file. */
  checkpoint: 17,
} as const;

export type WalOp = (typeof walOp)[keyof typeof walOp];

const commitFlag = 1;
const lossyFlag = 1;

export interface SegmentHeader {
  readonly databaseId: number;
  readonly segment: number;
  /** Every version given out from this segment on is this one or greater. */
  readonly firstVersion: number;
  /** The last version before this segment. What stands behind it in earlier segments is superseded by this one. */
  readonly baseVersion: number;
  /** Bytes of the segment that were durable before it became the active one. */
  readonly durableBytes: number;
  readonly salt: number;
  /** Written under a fsync mode that acknowledges before durability. */
  readonly lossy: boolean;
}

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(segmentHeaderBytes);
  magic.copy(bytes, 0);
  bytes.writeUInt32LE(walFormatVersion, 8);
  bytes.writeUInt32LE(header.lossy ? lossyFlag : 0, 12);
  writeU64(bytes, header.databaseId, 16);
  writeU64(bytes, header.segment, 24);
  writeU64(bytes, header.firstVersion, 32);
  writeU64(bytes, header.baseVersion, 40);
  writeU64(bytes, header.durableBytes, 48);
  bytes.writeUInt32LE(header.salt, 56);
  bytes.writeUInt32LE(checksum(bytes.subarray(0, 60)), 60);
  return bytes;
}

/** The header, or why these bytes aren't one. */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader | string {
  if (bytes.length < segmentHeaderBytes) return `the file ends inside the segment header (${bytes.length} bytes)`;
  if (!bytes.subarray(0, 8).equals(magic)) return "the file does not start with a WAL segment's magic bytes";
  const format = bytes.readUInt32LE(8);
  if (bytes.readUInt32LE(60) !== checksum(bytes.subarray(0, 60))) return "the segment header fails its checksum";
  if (format !== walFormatVersion) return `WAL format ${format} is unknown; this version reads ${walFormatVersion}`;
  const [databaseId, segment, firstVersion, baseVersion, durableBytes] = [16, 24, 32, 40, 48].map((offset) =>
    readU64(bytes, offset),
  );
  if (
    databaseId === undefined ||
    segment === undefined ||
    firstVersion === undefined ||
    baseVersion === undefined ||
    durableBytes === undefined
  ) {
    return "the segment header holds a number out of range";
  }
  const lossy = (bytes.readUInt32LE(12) & lossyFlag) !== 0;
  const salt = bytes.readUInt32LE(56);
  return { databaseId, segment, firstVersion, baseVersion, durableBytes, salt, lossy };
}

/** One record, decoded. `payload` is a view into the bytes that were read. */
export interface WalRecord {
  readonly version: number;
  readonly op: number;
  readonly commit: boolean;
  readonly collection: number;
  readonly idLow: number;
  readonly idHigh: number;
  readonly payload: Buffer;
  /** Bytes of the whole record. */
  readonly length: number;
}

export interface RecordFields {
  readonly version: number;
  readonly op: WalOp;
  readonly commit: boolean;
  readonly collection: number;
  readonly idLow: number;
  readonly idHigh: number;
}

/** What a record is sealed with. */
export interface SegmentKey {
  readonly databaseId: number;
  readonly salt: number;
}

/**
 * Writes one record at `offset`. The payload must already stand at `offset + recordHeaderBytes`, so that the caller can
 * compose it in place. Returns the offset behind the record.
 */
export function sealRecord(
  target: Buffer,
  offset: number,
  segment: SegmentKey,
  fields: RecordFields,
  payloadBytes: number,
): number {
  const end = writeRecordHeader(target, offset, segment, fields, payloadBytes);
  target.writeUInt32LE(checksum(target.subarray(offset, end - 4), segment.salt), end - 4);
  return end;
}

/** Like `sealRecord`, for a payload of any size. */
export function* sealRecordInPieces(
  target: Buffer,
  offset: number,
  segment: SegmentKey,
  fields: RecordFields,
  payloadBytes: number,
): Pieces<number> {
  const end = writeRecordHeader(target, offset, segment, fields, payloadBytes);
  const sum = yield* checksumInPieces(target.subarray(offset, end - 4), segment.salt);
  target.writeUInt32LE(sum, end - 4);
  return end;
}

/** Writes what stands before the payload; returns the offset behind the record. */
function writeRecordHeader(
  target: Buffer,
  offset: number,
  segment: SegmentKey,
  fields: RecordFields,
  payloadBytes: number,
): number {
  const length = recordOverheadBytes + payloadBytes;
  writeU64(target, length, offset);
  writeU64(target, fields.version, offset + 8);
  writeU64(target, segment.databaseId, offset + 16);
  target[offset + 24] = fields.op;
  target[offset + 25] = fields.commit ? commitFlag : 0;
  target.writeUInt32LE(fields.collection, offset + 26);
  target.writeUInt32LE(fields.idLow, offset + 30);
  target.writeUInt32LE(fields.idHigh, offset + 34);
  target.writeUInt32LE(payloadBytes, offset + 38);
  return offset + length;
}

/** The record at `offset`, or undefined when the bytes there are no valid record of this segment. */
export function decodeRecord(
  source: Buffer,
  offset: number,
  segment: { readonly databaseId: number; readonly salt: number },
): WalRecord | undefined {
  if (offset + recordOverheadBytes > source.length) return undefined;
  const length = readU64(source, offset);
  if (length === undefined || length < recordOverheadBytes || offset + length > source.length) return undefined;
  const payloadBytes = source.readUInt32LE(offset + 38);
  if (payloadBytes !== length - recordOverheadBytes) return undefined;
  const end = offset + length;
  const sound = source.readUInt32LE(end - 4) === checksum(source.subarray(offset, end - 4), segment.salt);
  if (!sound && !sabotaged("wal-records-unchecked")) return undefined;
  const version = readU64(source, offset + 8);
  if (version === undefined || readU64(source, offset + 16) !== segment.databaseId) return undefined;
  return {
    version,
    op: source[offset + 24] ?? 0,
    commit: ((source[offset + 25] ?? 0) & commitFlag) !== 0,
    collection: source.readUInt32LE(offset + 26),
    idLow: source.readUInt32LE(offset + 30),
    idHigh: source.readUInt32LE(offset + 34),
    payload: source.subarray(offset + recordHeaderBytes, end - 4),
    length,
  };
}

export interface GroupHeader {
  /** The version of the group's first commit; with no commits in it, the one that comes next. */
  readonly firstVersion: number;
  /** The last version before the group. */
  readonly baseVersion: number;
  /** Bytes of the segment that were known durable when the group was written. */
  readonly durableOffset: number;
  /** Bytes of the records behind the GROUP record. */
  readonly bodyBytes: number;
  readonly commits: number;
}

/** Writes a GROUP record at `offset`; returns the offset behind it. */
export function sealGroup(
  target: Buffer,
  offset: number,
  segment: { readonly databaseId: number; readonly salt: number },
  group: GroupHeader,
): number {
  const payload = offset + recordHeaderBytes;
  writeU64(target, group.baseVersion, payload);
  writeU64(target, group.durableOffset, payload + 8);
  target.writeUInt32LE(group.bodyBytes, payload + 16);
  target.writeUInt32LE(group.commits, payload + 20);
  const fields = { version: group.firstVersion, op: walOp.group, commit: false, collection: 0, idLow: 0, idHigh: 0 };
  return sealRecord(target, offset, segment, fields, groupPayloadBytes);
}

/** The group that a record opens, or undefined when it is of another kind. */
export function groupOf(record: WalRecord): GroupHeader | undefined {
  if (record.op !== walOp.group || record.payload.length !== groupPayloadBytes) return undefined;
  const baseVersion = readU64(record.payload, 0);
  const durableOffset = readU64(record.payload, 8);
  if (baseVersion === undefined || durableOffset === undefined) return undefined;
  const bodyBytes = record.payload.readUInt32LE(16);
  return {
    firstVersion: record.version,
    baseVersion,
    durableOffset,
    bodyBytes,
    commits: record.payload.readUInt32LE(20),
  };
}

export interface CheckpointMark {
  /** Commits up to this version are in the data file. */
  readonly version: number;
  /** The data files and how much of each is durable, the older one first. */
  readonly extents: readonly DataExtent[];
  /** Written at a clean close: nothing was acknowledged behind it. */
  readonly closing: boolean;
}

const closingFlag = 1;

export function checkpointPayloadBytes(mark: CheckpointMark): number {
  return 4 + mark.extents.length * extentBytes;
}

export function writeCheckpointPayload(target: Buffer, offset: number, mark: CheckpointMark): void {
  target.writeUInt32LE(mark.closing ? closingFlag : 0, offset);
  mark.extents.forEach((extent, i) => writeExtent(target, offset + 4 + i * extentBytes, extent));
}

export function checkpointOf(record: WalRecord): CheckpointMark | undefined {
  const { op, version, payload } = record;
  if (op !== walOp.checkpoint || payload.length < 4 + extentBytes) return undefined;
  const extents: DataExtent[] = [];
  for (let offset = 4; offset + extentBytes <= payload.length; offset += extentBytes) {
    const extent = readExtent(payload, offset);
    if (extent === undefined) return undefined;
    extents.push(extent);
  }
  return { version, extents, closing: (payload.readUInt32LE(0) & closingFlag) !== 0 };
}
