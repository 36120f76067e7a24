// A document's record as the index has it: whose it is, and where it must stand.

import type { DataFile } from "./data-file.ts";
import type { DataRecordHeader } from "./data-format.ts";
import type { IndexEntry } from "./index-shard.ts";

/**
 * The identity of a document's record. Two records with the same one have the same bytes, but for their file's salt.
 */
export interface RecordIdentity {
  readonly collection: number;
  readonly idLow: number;
  readonly idHigh: number;
  readonly version: number;
  /** Bytes of the whole record. */
  readonly length: number;
  readonly createTimeMs: number;
}

/** A record and its place. The file stays open for as long as the read lease under which it was looked up. */
export interface RecordPlace extends RecordIdentity {
  readonly file: DataFile;
  readonly offset: number;
}

export function placeOf(
  collection: number,
  idLow: number,
  idHigh: number,
  entry: IndexEntry,
  file: DataFile,
): RecordPlace {
  const { version, offset, length, createTimeMs } = entry;
  return { collection, idLow, idHigh, version, offset, length, createTimeMs, file };
}

/** Whether a record, by its header, is the wanted one. */
export function hasIdentity(record: DataRecordHeader, wanted: RecordIdentity): boolean {
  return (
    record.version === wanted.version &&
    record.idLow === wanted.idLow &&
    record.idHigh === wanted.idHigh &&
    record.collection === wanted.collection &&
    record.length === wanted.length &&
    record.createTimeMs === wanted.createTimeMs
  );
}
