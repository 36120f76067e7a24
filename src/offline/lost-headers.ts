// Headers of files whose own is damaged, worked out from the records behind them. The salt follows from any record
// (seed-of.ts); that a second checksum holds under the same salt is the proof. What else a header says follows from its
// groups, or is guessed on the safe side.

import { readU64 } from "../base/u64.ts";
import { mutationKindOf } from "../storage/commit.ts";
import { dataRecordHeaderBytes, decodeDataRecord } from "../storage/data-format.ts";
import {
  decodeRecord,
  groupOf,
  groupRecordBytes,
  recordOverheadBytes,
  type SegmentHeader,
  segmentHeaderBytes,
} from "../storage/wal-format.ts";
import { seedOf } from "./seed-of.ts";

/** Bytes from the start of a data file whose header is damaged that are looked through for its salt. */
export const searchedBytes: number = 4 * 1024 * 1024;

/** The salt of a data file by its records, of which these are some; undefined when none of them proves one. */
export function saltOfRecords(bytes: Buffer): number | undefined {
  for (let at = 0; at + dataRecordHeaderBytes <= bytes.length; at++) {
    if (mutationKindOf(bytes.readUInt32LE(at + 8)) === undefined) continue;
    const length = bytes.readUInt32LE(at + 4);
    if (length < dataRecordHeaderBytes || length > bytes.length - at) continue;
    const salt = seedOf(bytes.subarray(at + 4, at + dataRecordHeaderBytes), bytes.readUInt32LE(at));
    // The content's checksum is the proof.
    if (decodeDataRecord(bytes, at, salt) !== undefined) return salt;
  }
  return undefined;
}

/**
 * The header of a WAL segment by its groups; undefined when none of them proves one. That it was lossy is assumed: then
 * versions are passed over that may have been given out.
 */
export function headerOfGroups(bytes: Buffer, databaseId: number, segment: number): SegmentHeader | undefined {
  const length = Buffer.alloc(8);
  length.writeUInt32LE(groupRecordBytes);
  for (let at = bytes.indexOf(length, segmentHeaderBytes); at !== -1; at = bytes.indexOf(length, at + 1)) {
    const end = at + groupRecordBytes;
    if (end + recordOverheadBytes > bytes.length || readU64(bytes, at + 16) !== databaseId) continue;
    const salt = seedOf(bytes.subarray(at, end - 4), bytes.readUInt32LE(end - 4));
    const opening = decodeRecord(bytes, at, { databaseId, salt });
    const group = opening === undefined ? undefined : groupOf(opening);
    // The checksum of the record that follows is the proof.
    if (group === undefined || decodeRecord(bytes, end, { databaseId, salt }) === undefined) continue;
    const { firstVersion, baseVersion } = group;
    const durableBytes = segmentHeaderBytes;
    return { databaseId, segment, firstVersion, baseVersion, durableBytes, salt, lossy: true };
  }
  return undefined;
}
