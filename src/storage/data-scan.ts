// Rebuilding the index from the data files alone: every record says whose it is, and the one with the greatest version
// counts.
//
// A record with a sound header and damaged content is known to be somebody's: it counts like any other, so that its
// document is never taken for absent or for an older version of itself, unless a sound copy of it is found too.

import { sabotaged } from "../base/sabotage.ts";
import type { File } from "../platform/platform.ts";
import type { Turn } from "../platform/turn.ts";
import { ChunkedReader } from "./chunked-file.ts";
import { mutationKindOf } from "./commit.ts";
import {
  dataHeaderBytes,
  dataKind,
  type DataHeader,
  dataRecordHeaderBytes,
  type DataRecordHeader,
  decodeDataRecord,
  decodeDataRecordHeader,
} from "./data-format.ts";
import { damaged } from "./disk-errors.ts";
import type { DocumentIndex } from "./document-index.ts";
import type { Parity } from "./index-shard.ts";

const noBytes = new Uint8Array();

/** A document's record whose content fails its checksum. */
export interface DamagedRecord {
  readonly header: DataRecordHeader;
  /** Where it stands, and in which data file. */
  readonly offset: number;
  readonly parity: Parity;
}

/**
 * Adds everything sound in [header, bytes) of a data file to the index, and returns what isn't. DATABASE_CORRUPT when a
 * record can't be told from its neighbours.
 */
export async function scanDataFile(
  index: DocumentIndex,
  file: File,
  header: DataHeader,
  dataBytes: number,
  turn: Turn,
): Promise<DamagedRecord[]> {
  const { salt } = header;
  const parity = (header.generation & 1) as Parity;
  const reader = new ChunkedReader(file, dataHeaderBytes, dataBytes);
  const found: DamagedRecord[] = [];
  while (!reader.atEnd) {
    const { offset } = reader;
    const head = await reader.peek(dataRecordHeaderBytes);
    const recordHeader = head === undefined ? undefined : decodeDataRecordHeader(head, 0, salt);
    const bytes = recordHeader === undefined ? undefined : await reader.take(recordHeader.length);
    const kind = recordHeader === undefined ? undefined : mutationKindOf(recordHeader.kind);
    if (recordHeader === undefined || bytes === undefined || kind === undefined) {
      throw damaged(file.path, `the record at offset ${offset} is damaged`);
    }
    const record = decodeDataRecord(bytes, 0, salt);
    if (sabotaged("scan-passes-over-tombstones") && kind === "delete") continue;
    if (record !== undefined) {
      index.apply({ ...record, kind }, record.version, { offset, length: record.length, parity });
    } else if (recordHeader.kind === dataKind.request) {
      // Its outcome is lost, but whoever repeats that request must hear that it was applied.
      index.apply({ ...recordHeader, kind, content: noBytes }, recordHeader.version, {
        offset,
        length: recordHeader.length,
        parity,
      });
    } else if (recordHeader.kind === dataKind.live) {
      found.push({ header: recordHeader, offset, parity });
    } else {
      throw damaged(file.path, `the record of collection ${recordHeader.collection} at offset ${offset} is damaged`);
    }
    await turn.pause();
  }
  return found;
}

/** Adds damaged records to an index that holds all sound ones; returns those that are their document's newest. */
export function applyDamaged(index: DocumentIndex, records: readonly DamagedRecord[]): DamagedRecord[] {
  const newest = records.filter(({ header, offset, parity }) => {
    const mutation = { ...header, kind: "put" as const, content: new Uint8Array() };
    if (index.has(mutation, header.version)) return false;
    index.apply(mutation, header.version, { offset, length: header.length, parity });
    return true;
  });
  // Of two damaged records of one document the newer one counts.
  return newest.filter(({ header: { collection, idLow, idHigh, version } }) => {
    return index.collection(collection)?.table.get(idLow, idHigh)?.version === version;
  });
}
