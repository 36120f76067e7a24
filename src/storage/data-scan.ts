// Rebuilding the index from the data files alone: every record says whose it is, and the one with the
// greatest version counts.

import type { File } from "../platform/platform.ts";
import type { Turn } from "../platform/turn.ts";
import { ChunkedReader } from "./chunked-file.ts";
import { mutationKindOf } from "./commit.ts";
import { type DataHeader, dataHeaderBytes, decodeDataRecord } from "./data-format.ts";
import { damaged } from "./disk-errors.ts";
import type { DocumentIndex } from "./document-index.ts";
import type { Parity } from "./index-shard.ts";

/** Adds everything in [header, bytes) of a data file to the index. DATABASE_CORRUPT when a record there is damaged. */
export async function scanDataFile(
  index: DocumentIndex,
  file: File,
  header: DataHeader,
  dataBytes: number,
  turn: Turn,
): Promise<void> {
  const parity = (header.generation & 1) as Parity;
  const reader = new ChunkedReader(file, dataHeaderBytes, dataBytes);
  while (!reader.atEnd) {
    const { offset } = reader;
    const head = await reader.peek(8);
    const bytes = head === undefined ? undefined : await reader.take(Math.max(8, head.readUInt32LE(4)));
    const record = bytes === undefined ? undefined : decodeDataRecord(bytes, 0, header.salt);
    const kind = record === undefined ? undefined : mutationKindOf(record.kind);
    if (record === undefined || kind === undefined)
      throw damaged(file.path, `the record at offset ${offset} is damaged`);
    index.apply({ ...record, kind }, record.version, { offset, length: record.length, parity });
    await turn.pause();
  }
}
