// The data files of a database that no server has open, and where they are damaged.

import { isErrno } from "../platform/file-io.ts";
import type { File, FileSystem } from "../platform/platform.ts";
import type { Turn } from "../platform/turn.ts";
import { hasContent, mutationKindOf } from "../storage/commit.ts";
import { type DataHeader, dataHeaderBytes, decodeDataHeader } from "../storage/data-format.ts";
import type { CorruptRecord } from "../storage/verify/verify-data.ts";
import type { Layout } from "../storage/layout.ts";
import { saltOfRecords, searchedBytes } from "./lost-headers.ts";
import { refuseUnknownFormat } from "./unknown-format.ts";
import { type Damage, walkData } from "../storage/verify/walk-data.ts";

export interface DataSource {
  readonly path: string;
  readonly file: File;
  readonly header: DataHeader;
  /** Whether the header is damaged and was worked out from the records. */
  readonly headerLost: boolean;
  readonly bytes: number;
  /** Bytes that are no record, and damaged records of other kinds. */
  readonly damages: readonly Damage[];
  /** Records of documents and requests with a sound header and damaged content. */
  readonly corrupt: readonly CorruptRecord[];
  readonly highestVersion: number;
}

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
    for (const [i, path] of [layout.data, layout.compact].entries()) {
      const source = await readDataSource(fs, path, databaseId, generation + i, turn);
      if (source !== undefined) sources.push(source);
    }
  } catch (error) {
    for (const { file } of sources) await file.close();
    throw error;
  }
  const known = sources.find(({ headerLost }) => !headerLost);
  return sources.map((source) => {
    if (!source.headerLost || known === undefined) return source;
    const step = source.path === layout.data ? -1 : 1;
    return { ...source, header: { ...source.header, generation: known.header.generation + step } };
  });
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
      return { path, file, header, headerLost, bytes, ...(await readRecords(file, header, bytes, turn)) };
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
  header: DataHeader,
  bytes: number,
  turn: Turn,
): Promise<Pick<DataSource, "damages" | "corrupt" | "highestVersion">> {
  const damages: Damage[] = [];
  const corrupt: CorruptRecord[] = [];
  let highestVersion = 0;
  for await (const piece of walkData(file, header.salt, dataHeaderBytes, bytes, turn)) {
    if (piece.kind === "damage") {
      damages.push(piece);
      continue;
    }
    const { offset, header: record, intact } = piece;
    highestVersion = Math.max(highestVersion, record.version);
    if (intact) continue;
    const kind = mutationKindOf(record.kind);
    if (kind !== undefined && hasContent(kind)) corrupt.push({ offset, header: record });
    else damages.push({ kind: "damage", offset, length: record.length });
  }
  return { damages, corrupt, highestVersion };
}
