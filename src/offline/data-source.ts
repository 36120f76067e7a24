// The data files of a database that no server has open, and where they are damaged. What can be worked out of a damaged
// header, a file's or a record's, is there as if it stood there.

import { isErrno, readFully } from "../platform/file-io.ts";
import type { File, FileSystem } from "../platform/platform.ts";
import type { Turn } from "../platform/turn.ts";
import { hasContent, mutationKindOf } from "../storage/commit.ts";
import { type DataHeader, dataHeaderBytes, type DataRecordHeader, decodeDataHeader } from "../storage/data-format.ts";
import type { Layout } from "../storage/layout.ts";
import type { CorruptRecord } from "../storage/verify/verify-data.ts";
import { type Damage, walkData } from "../storage/verify/walk-data.ts";
import { saltOfRecords, searchedBytes } from "./lost-headers.ts";
import { MendedFile, type MendedRecord, mendRecords } from "./mended-record.ts";
import { refuseUnknownFormat } from "./unknown-format.ts";

export interface DataSource {
  readonly path: string;
  /** Reads as if all headers that were worked out stood there. */
  readonly file: File;
  readonly header: DataHeader;
  /** Whether the file's header is damaged and was worked out from the records. */
  readonly headerLost: boolean;
  /** Records whose headers were worked out. */
  readonly mended: readonly MendedRecord[];
  readonly bytes: number;
  /** Bytes that are no record, and damaged records of other kinds. */
  readonly damages: readonly Damage[];
  /** Records of documents and requests with a sound header and damaged content. */
  readonly corrupt: readonly CorruptRecord[];
  readonly highestVersion: number;
}

/** Bytes of damage that are looked at for records to mend: more than the greatest record has. */
const mendedBytes = 32 * 1024 * 1024;

/**
 * Reads the data files, the older generation first. `generation` is that of the data file when its header is damaged
 * and there is no other file to tell: the two are consecutive.
 */
export async function readDataSources(
  fs: FileSystem,
  layout: Layout,
  databaseId: number,
  generation: number,
  turn: Turn,
): Promise<DataSource[]> {
  const sources: DataSource[] = [];
  try {
    for (const [i, path] of [layout.data, layout.compact, layout.rebuilt].entries()) {
      const source = await readDataSource(fs, path, databaseId, generation + i, turn);
      if (source !== undefined) sources.push(source);
    }
  } catch (error) {
    for (const { file } of sources) await file.close();
    throw error;
  }
  const known = sources.find(({ path, headerLost }) => !headerLost && path !== layout.rebuilt);
  return sources.map((source) => {
    if (!source.headerLost || known === undefined) return source;
    const step = source.path === layout.data ? -1 : 1;
    return { ...source, header: { ...source.header, generation: known.header.generation + step } };
  });
}

/** The database that a data file belongs to by its header; undefined when there is no such file or no sound header. */
export async function ownerOf(fs: FileSystem, path: string): Promise<number | undefined> {
  if (!(await fs.exists(path))) return undefined;
  const file = await fs.open(path, "read");
  try {
    const header = decodeDataHeader((await readFully(file, 0, dataHeaderBytes)) ?? Buffer.alloc(0));
    return typeof header === "string" ? undefined : header.databaseId;
  } finally {
    await file.close();
  }
}

/**
 * Reads a data file from front to back. Undefined when it is missing, has neither a sound header nor a record that
 * tells one, or is another database's. `generation` is the one that a file without a header has.
 */
async function readDataSource(
  fs: FileSystem,
  path: string,
  databaseId: number,
  generation: number,
  turn: Turn,
): Promise<DataSource | undefined> {
  let file: File;
  try {
    file = await fs.open(path, "read");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
  try {
    const bytes = await file.size();
    const head = Buffer.alloc(Math.min(bytes, searchedBytes));
    await file.read(head, 0);
    const decoded = decodeDataHeader(head);
    if (typeof decoded === "string") refuseUnknownFormat(path, decoded);
    const salt = typeof decoded === "string" ? saltOfRecords(head.subarray(dataHeaderBytes)) : decoded.salt;
    const header = typeof decoded === "object" ? decoded : { databaseId, generation, salt: salt ?? 0 };
    if (salt !== undefined && header.databaseId === databaseId) {
      const headerLost = typeof decoded === "string";
      return { path, header, headerLost, bytes, ...(await readRecords(file, header, bytes, turn)) };
    }
  } catch (error) {
    await file.close();
    throw error;
  }
  await file.close();
  return undefined;
}

async function readRecords(
  file: File,
  { salt }: DataHeader,
  bytes: number,
  turn: Turn,
): Promise<Pick<DataSource, "file" | "mended" | "damages" | "corrupt" | "highestVersion">> {
  const mended: MendedRecord[] = [];
  const damages: Damage[] = [];
  const corrupt: CorruptRecord[] = [];
  let highestVersion = 0;
  const note = (offset: number, header: DataRecordHeader, intact: boolean): void => {
    highestVersion = Math.max(highestVersion, header.version);
    if (intact) return;
    const kind = mutationKindOf(header.kind);
    if (kind !== undefined && hasContent(kind)) corrupt.push({ offset, header });
    else damages.push({ kind: "damage", offset, length: header.length });
  };
  for await (const piece of walkData(file, salt, dataHeaderBytes, bytes, turn)) {
    if (piece.kind === "record") {
      note(piece.offset, piece.header, piece.intact);
      continue;
    }
    const { offset, length } = piece;
    const damaged = await readFully(file, offset, Math.min(length, mendedBytes));
    const records = mendRecords(damaged ?? Buffer.alloc(0), offset, salt);
    for (const record of records) note(record.offset, record.header, record.intact);
    mended.push(...records);
    const last = records.at(-1);
    const from = last === undefined ? offset : last.offset + last.header.length;
    if (from < offset + length) damages.push({ kind: "damage", offset: from, length: offset + length - from });
  }
  const asMended = mended.length === 0 ? file : new MendedFile(file, mended);
  return { file: asMended, mended, damages, corrupt, highestVersion };
}
