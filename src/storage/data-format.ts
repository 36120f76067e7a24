// The bytes of a data file. docs/formats/data.md has the tables; all integers are little-endian.
//
//   file   := header record*
//   header := magic[8] format u32, salt u32, database u64, generation u64, crc u32
//   record := header crc u32, length u32, kind u8, zero[3], collection u32, document u64, version u64,
//             create time u64, update time u64 (ms), content crc u32, content
//
// Invariants
// 1. Both checksums are seeded with the file's salt. The header's covers the rest of the header, the content's
//    checksum included; so damage of the content leaves it certain whose record this is and where the next one begins.
// 2. Each record says whose it is: a read that lands on another record is noticed.
// 3. The newest record of a document is the one with the greatest version. After a recovery a record may stand twice.
// 4. The bytes of a record follow from the file's salt and what is recorded: a damaged one can be written anew in its
//    place.

import { checksum } from "../base/checksum.ts";
import { sabotaged } from "../base/sabotage.ts";
import { readU64, writeU64 } from "../base/u64.ts";
import type { Pieces } from "../platform/turn.ts";
import { checksumInPieces, copyInPieces } from "./long-bytes.ts";

export const dataFormatVersion = 2;
const magic = Buffer.from("DOCDBDAT", "latin1");

export const dataHeaderBytes = 36;
/** Bytes of a record before its content. */
export const dataRecordHeaderBytes = 52;

/** Where in a record the checksum of its content stands. */
export const contentChecksumOffset = 48;

export const dataKind = {
  /** A document's content: JSON. */
  live: 1,
  /** A document's deletion; no content. */
  tombstone: 2,
  /** A new collection; content: its name. Create time and update time are its own. */
  createCollection: 3,
  dropCollection: 4,
  /** What a request came to: see request-table.ts. */
  request: 5,
} as const;

export type DataKind = (typeof dataKind)[keyof typeof dataKind];

export interface DataHeader {
  readonly databaseId: number;
  /** Counts up with each compaction. */
  readonly generation: number;
  readonly salt: number;
}

export function encodeDataHeader(header: DataHeader): Buffer {
  const bytes = Buffer.alloc(dataHeaderBytes);
  magic.copy(bytes, 0);
  bytes.writeUInt32LE(dataFormatVersion, 8);
  bytes.writeUInt32LE(header.salt, 12);
  writeU64(bytes, header.databaseId, 16);
  writeU64(bytes, header.generation, 24);
  bytes.writeUInt32LE(checksum(bytes.subarray(0, 32)), 32);
  return bytes;
}

/** The header, or why these bytes aren't one. */
export function decodeDataHeader(bytes: Buffer): DataHeader | string {
  if (bytes.length < dataHeaderBytes) return `the file ends inside the data file header (${bytes.length} bytes)`;
  if (!bytes.subarray(0, 8).equals(magic)) return "the file does not start with a data file's magic bytes";
  if (bytes.readUInt32LE(32) !== checksum(bytes.subarray(0, 32))) return "the data file header fails its checksum";
  const format = bytes.readUInt32LE(8);
  if (format !== dataFormatVersion) return `data format ${format} is unknown; this version reads ${dataFormatVersion}`;
  const databaseId = readU64(bytes, 16);
  const generation = readU64(bytes, 24);
  if (databaseId === undefined || generation === undefined) return "the data file header holds a number out of range";
  return { databaseId, generation, salt: bytes.readUInt32LE(12) };
}

export interface DataFields {
  readonly kind: DataKind;
  readonly collection: number;
  readonly idLow: number;
  readonly idHigh: number;
  readonly version: number;
  readonly createTimeMs: number;
  readonly updateTimeMs: number;
}

/** What a record says of itself before its content. */
export interface DataRecordHeader extends Omit<DataFields, "kind"> {
  readonly kind: number;
  /** Bytes of the whole record. */
  readonly length: number;
  /** Checksum of the content, seeded with the file's salt. */
  readonly contentChecksum: number;
}

/** A record, decoded. `content` is a view into the bytes that were read. */
export interface DataRecord extends DataRecordHeader {
  readonly content: Buffer;
}

/** Writes a record at `offset` with this content; returns the offset behind it. */
export function writeDataRecord(
  target: Buffer,
  offset: number,
  salt: number,
  fields: DataFields,
  content: Uint8Array,
): number {
  target.set(content, offset + dataRecordHeaderBytes);
  return writeDataRecordHeader(target, offset, salt, fields, content.length, checksum(content, salt));
}

/** Like `writeDataRecord`, for content of any size. */
export function* writeDataRecordInPieces(
  target: Buffer,
  offset: number,
  salt: number,
  fields: DataFields,
  content: Uint8Array,
): Pieces<number> {
  yield* copyInPieces(target, content, offset + dataRecordHeaderBytes);
  const sum = yield* checksumInPieces(content, salt);
  return writeDataRecordHeader(target, offset, salt, fields, content.length, sum);
}

/** Writes what stands before the content; returns the offset behind the record. */
function writeDataRecordHeader(
  target: Buffer,
  offset: number,
  salt: number,
  fields: DataFields,
  contentBytes: number,
  contentChecksum: number,
): number {
  const contentStart = offset + dataRecordHeaderBytes;
  target.writeUInt32LE(dataRecordHeaderBytes + contentBytes, offset + 4);
  target.writeUInt32LE(fields.kind, offset + 8);
  target.writeUInt32LE(fields.collection, offset + 12);
  target.writeUInt32LE(fields.idLow, offset + 16);
  target.writeUInt32LE(fields.idHigh, offset + 20);
  writeU64(target, fields.version, offset + 24);
  writeU64(target, fields.createTimeMs, offset + 32);
  writeU64(target, fields.updateTimeMs, offset + 40);
  target.writeUInt32LE(contentChecksum, offset + contentChecksumOffset);
  target.writeUInt32LE(checksum(target.subarray(offset + 4, contentStart), salt), offset);
  return contentStart + contentBytes;
}

/** The header of the record at `offset`, or undefined when the bytes there are none of a file with this salt. */
export function decodeDataRecordHeader(source: Buffer, offset: number, salt: number): DataRecordHeader | undefined {
  const contentStart = offset + dataRecordHeaderBytes;
  if (contentStart > source.length) return undefined;
  if (source.readUInt32LE(offset) !== checksum(source.subarray(offset + 4, contentStart), salt)) return undefined;
  const length = source.readUInt32LE(offset + 4);
  const version = readU64(source, offset + 24);
  const createTimeMs = readU64(source, offset + 32);
  const updateTimeMs = readU64(source, offset + 40);
  if (length < dataRecordHeaderBytes || version === undefined) return undefined;
  if (createTimeMs === undefined || updateTimeMs === undefined) return undefined;
  const contentChecksum = source.readUInt32LE(offset + contentChecksumOffset);
  return { ...readOwner(source, offset), version, createTimeMs, updateTimeMs, contentChecksum, length };
}

/**
 * What the 52 bytes at `offset` say of whose record they begin. Without a look at their checksum this proves nothing.
 */
export function readOwner(
  source: Buffer,
  offset: number,
): Pick<DataRecordHeader, "kind" | "collection" | "idLow" | "idHigh"> {
  return {
    kind: source.readUInt32LE(offset + 8),
    collection: source.readUInt32LE(offset + 12),
    idLow: source.readUInt32LE(offset + 16),
    idHigh: source.readUInt32LE(offset + 20),
  };
}

/** The record at `offset`, or undefined when the bytes there are no whole record of a file with this salt. */
export function decodeDataRecord(source: Buffer, offset: number, salt: number): DataRecord | undefined {
  const header = decodeDataRecordHeader(source, offset, salt);
  if (header === undefined || offset + header.length > source.length) return undefined;
  const content = source.subarray(offset + dataRecordHeaderBytes, offset + header.length);
  const whole = header.contentChecksum === checksum(content, salt) || sabotaged("unchecked-content");
  return whole ? { ...header, content } : undefined;
}
