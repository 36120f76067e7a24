// Rebuilding the index from the data file alone: every record says whose it is, and the one with the
// greatest version counts.

import type { File } from "../platform/platform.ts";
import type { Turn } from "../platform/turn.ts";
import { ChunkedReader } from "./chunked-file.ts";
import { mutationKindOf } from "./commit.ts";
import { dataHeaderBytes, decodeDataRecord } from "./data-format.ts";
import { DocumentIndex } from "./document-index.ts";
import { damaged } from "./wal-survey.ts";

/** The index of everything in [header, dataBytes). DATABASE_CORRUPT when a record there is damaged. */
export async function rebuildIndex(file: File, salt: number, dataBytes: number, turn: Turn): Promise<DocumentIndex> {
  const index = new DocumentIndex();
  const reader = new ChunkedReader(file, dataHeaderBytes, dataBytes);
  while (!reader.atEnd) {
    const { offset } = reader;
    const head = await reader.peek(8);
    const bytes = head === undefined ? undefined : await reader.take(Math.max(8, head.readUInt32LE(4)));
    const record = bytes === undefined ? undefined : decodeDataRecord(bytes, 0, salt);
    const kind = record === undefined ? undefined : mutationKindOf(record.kind);
    if (record === undefined || kind === undefined)
      throw damaged(file.path, `the record at offset ${offset} is damaged`);
    index.apply({ ...record, kind }, record.version, { offset, length: record.length });
    await turn.pause();
  }
  return index;
}
