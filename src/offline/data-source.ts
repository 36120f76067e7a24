// The data files of a database that no server has open, and where they are damaged.

import { isErrno } from "../platform/file-io.ts";
import type { File, FileSystem } from "../platform/platform.ts";
import type { Turn } from "../platform/turn.ts";
import { hasContent, mutationKindOf } from "../storage/commit.ts";
import { type DataHeader, dataHeaderBytes, decodeDataHeader } from "../storage/data-format.ts";
import type { CorruptRecord } from "../storage/verify/verify-data.ts";
import { refuseUnknownFormat } from "./unknown-format.ts";
import { type Damage, walkData } from "../storage/verify/walk-data.ts";

export interface DataSource {
  readonly path: string;
  readonly file: File;
  readonly header: DataHeader;
  readonly bytes: number;
  /** Bytes that are no record, and damaged records of other kinds. */
  readonly damages: readonly Damage[];
  /** Records of documents and requests with a sound header and damaged content. */
  readonly corrupt: readonly CorruptRecord[];
  readonly highestVersion: number;
}

/**
 * Reads a data file from front to back. Undefined when it is missing, has no sound header, or is another database's.
 */
export async function readDataSource(
  fs: FileSystem,
  path: string,
  databaseId: number,
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
    const head = Buffer.alloc(Math.min(bytes, dataHeaderBytes));
    await file.read(head, 0);
    const header = decodeDataHeader(head);
    if (typeof header === "string") refuseUnknownFormat(path, header);
    if (typeof header === "object" && header.databaseId === databaseId) {
      return { path, file, header, bytes, ...(await readRecords(file, header, bytes, turn)) };
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
