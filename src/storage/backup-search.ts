// Finding a record in a backup: a directory that is a copy of a data directory, which is only ever read.
//
// A copy of the very file has the record at the very place, so that is looked at first; otherwise the backup's data
// files are read from front to back. A backup may stem from another life of the database (one that was restored and
// went on differently), where the same version holds something else: the caller decides, by what the damaged
// record still has, whether what is found is the copy that is wanted.

import { isErrno, readFully } from "../platform/file-io.ts";
import type { File, FileSystem } from "../platform/platform.ts";
import type { Turn } from "../platform/turn.ts";
import { ChunkedReader } from "./chunked-file.ts";
import { hasContent, type Mutation, mutationKindOf } from "./commit.ts";
import {
  dataHeaderBytes,
  type DataHeader,
  type DataRecord,
  dataRecordHeaderBytes,
  decodeDataHeader,
  decodeDataRecord,
  decodeDataRecordHeader,
} from "./data-format.ts";
import type { Layout } from "./layout.ts";
import { hasIdentity, type RecordIdentity, type RecordPlace } from "./record-place.ts";

/** The change that wrote this record, when the backup has it whole and `isWanted` takes it. */
export async function findInBackup(
  fs: FileSystem,
  backup: Layout,
  databaseId: number,
  place: RecordPlace,
  isWanted: (mutation: Mutation) => boolean,
  turn: Turn,
): Promise<Mutation | undefined> {
  for (const path of [backup.data, backup.compact]) {
    const found = await searchFile(fs, path, databaseId, place, isWanted, turn);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function searchFile(
  fs: FileSystem,
  path: string,
  databaseId: number,
  place: RecordPlace,
  isWanted: (mutation: Mutation) => boolean,
  turn: Turn,
): Promise<Mutation | undefined> {
  const file = await openIfThere(fs, path);
  if (file === undefined) return undefined;
  try {
    const bytes = await readFully(file, 0, dataHeaderBytes);
    const header = bytes === undefined ? "too short" : decodeDataHeader(bytes);
    if (typeof header === "string" || header.databaseId !== databaseId) return undefined;
    const accept = (record: DataRecord): Mutation | undefined => {
      const kind = mutationKindOf(record.kind);
      if (kind === undefined || !hasContent(kind) || !hasIdentity(record, place)) return undefined;
      const mutation = { ...record, kind };
      return isWanted(mutation) ? mutation : undefined;
    };
    return (await atSamePlace(file, header, place, accept)) ?? (await scan(file, header, place, accept, turn));
  } finally {
    await file.close();
  }
}

async function atSamePlace(
  file: File,
  header: DataHeader,
  { file: own, offset, length }: RecordPlace,
  accept: (record: DataRecord) => Mutation | undefined,
): Promise<Mutation | undefined> {
  if (header.salt !== own.header.salt || header.generation !== own.header.generation) return undefined;
  const bytes = await readFully(file, offset, length);
  const record = bytes === undefined ? undefined : decodeDataRecord(bytes, 0, header.salt);
  return record === undefined ? undefined : accept(record);
}

async function scan(
  file: File,
  header: DataHeader,
  wanted: RecordIdentity,
  accept: (record: DataRecord) => Mutation | undefined,
  turn: Turn,
): Promise<Mutation | undefined> {
  const reader = new ChunkedReader(file, dataHeaderBytes, await file.size());
  for (;;) {
    const head = await reader.peek(dataRecordHeaderBytes);
    const recordHeader = head === undefined ? undefined : decodeDataRecordHeader(head, 0, header.salt);
    if (recordHeader === undefined) return undefined;
    const bytes = hasIdentity(recordHeader, wanted) ? await reader.take(recordHeader.length) : undefined;
    const record = bytes === undefined ? undefined : decodeDataRecord(bytes, 0, header.salt);
    const mutation = record === undefined ? undefined : accept(record);
    if (mutation !== undefined) return mutation;
    if (bytes === undefined) reader.skip(recordHeader.length);
    await turn.pause();
  }
}

async function openIfThere(fs: FileSystem, path: string): Promise<File | undefined> {
  try {
    return await fs.open(path, "read");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
