// The walk of a compaction: reads the older data file from front to back, in long reads, and copies each record that
// the index still points at. So live records keep their order, and documents that were written together stay together:
// a scan reads them together, before a compaction and after it.
//
// The walk copies what it reads whole, and judges nothing: a live record that it doesn't read, because it is damaged or
// because something before it is, still points into the older file when the walk has ended. Who copies what is left
// heals it or reports it. Damage of what is dead is of no concern.

import type { Turn } from "../platform/turn.ts";
import { ChunkedReader } from "./chunked-file.ts";
import type { DataFile } from "./data-file.ts";
import {
  dataHeaderBytes,
  dataKind,
  dataRecordHeaderBytes,
  type DataRecordHeader,
  decodeDataRecordHeader,
} from "./data-format.ts";
import { isDiskFailure } from "./disk-errors.ts";
import type { DocumentIndex } from "./document-index.ts";
import { type LiveCopies, type LiveEntry, tablesOf } from "./live-copies.ts";

/** Copies the live records of a data file that isn't appended to any more, as far as it can be read. */
export async function copyInOrder(index: DocumentIndex, file: DataFile, copies: LiveCopies, turn: Turn): Promise<void> {
  const reader = new ChunkedReader(file.file, dataHeaderBytes, file.tail);
  for (;;) {
    copies.goOn();
    const head = await unlessUnreadable(reader.peek(dataRecordHeaderBytes));
    const header = head === undefined ? undefined : decodeDataRecordHeader(head, 0, file.header.salt);
    // The end of the file; or damage, behind which no record can be told from its neighbours.
    if (header === undefined) break;
    const live = entryAt(index, header, reader.offset, file);
    if (live === undefined) {
      reader.skip(header.length);
    } else {
      const bytes = await unlessUnreadable(reader.take(header.length));
      if (bytes === undefined) break;
      const record = file.recordIn(bytes, 0, header);
      if (record !== undefined) await copies.add(live, record);
    }
    await turn.pause();
  }
  await copies.flush();
}

/** The entry that points at the record with this header; undefined when none does: the record is dead, or copied. */
function entryAt(
  index: DocumentIndex,
  { kind, collection, idLow, idHigh, version, length }: DataRecordHeader,
  offset: number,
  { parity }: DataFile,
): LiveEntry | undefined {
  if (kind !== dataKind.live && kind !== dataKind.request) return undefined;
  for (const table of tablesOf(index, collection)) {
    const entry = table.get(idLow, idHigh);
    if (entry === undefined || entry.deleted || entry.parity !== parity || entry.offset !== offset) continue;
    if (entry.version === version && entry.length === length) return { table, entry };
  }
  return undefined;
}

/** What was read, or undefined where the disk fails. */
async function unlessUnreadable(read: Promise<Buffer | undefined>): Promise<Buffer | undefined> {
  try {
    return await read;
  } catch (error) {
    if (isDiskFailure(error)) return undefined;
    throw error;
  }
}
