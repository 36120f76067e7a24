// The data files that a start finds: `<db>.data`, and `<db>.compact` when a compaction was under way. Which of them
// count, and how much of each, says the checkpoint; the rest is what a crash left.

import { DocDBError } from "../base/errors.ts";
import { isErrno } from "../platform/file-io.ts";
import { OverlayFile } from "../platform/overlay-file.ts";
import type { File, FileSystem } from "../platform/platform.ts";
import type { DataExtent } from "./data-extent.ts";
import { DataFile, openDataFile } from "./data-file.ts";
import { DataFiles } from "./data-files.ts";
import { dataHeaderBytes, type DataHeader } from "./data-format.ts";
import { damaged } from "./disk-errors.ts";
import type { Layout } from "./layout.ts";
import { removeIfThere } from "./wal-log.ts";

interface Found {
  readonly file: File;
  readonly header: DataHeader;
  readonly bytes: number;
}

export class FoundDataFiles {
  readonly #fs: FileSystem;
  readonly #layout: Layout;
  readonly #data: Found;
  readonly #compact: Found | undefined;

  private constructor(fs: FileSystem, layout: Layout, data: Found, compact: Found | undefined) {
    this.#fs = fs;
    this.#layout = layout;
    this.#data = data;
    this.#compact = compact;
  }

  /** Opens what is there. DATABASE_CORRUPT when the data file is missing, damaged or another database's. */
  static async open(fs: FileSystem, layout: Layout, databaseId: number): Promise<FoundDataFiles> {
    const data = await openIfThere(fs, layout.data);
    if (data === undefined) throw damaged(layout.data, "the data file is missing");
    if (data.header.databaseId !== databaseId) {
      await data.file.close();
      throw damaged(layout.data, `it belongs to database ${data.header.databaseId}, not ${databaseId}`);
    }
    try {
      return new FoundDataFiles(fs, layout, data, await openCompact(fs, layout, databaseId));
    } catch (error) {
      await data.file.close();
      throw error;
    }
  }

  /** What counts of a database without a checkpoint: nothing but the header. */
  get emptyExtents(): DataExtent[] {
    return [{ generation: this.#data.header.generation, bytes: dataHeaderBytes }];
  }

  /** Why these extents aren't all there, or undefined when they are. */
  lack(extents: readonly DataExtent[]): string | undefined {
    for (const { generation, bytes } of extents) {
      const found = this.#find(generation);
      if (found === undefined) return `the data file of generation ${generation} is missing`;
      if (found.bytes < bytes)
        return `${found.file.path} has ${found.bytes} bytes, but the last checkpoint covers ${bytes}`;
    }
    return undefined;
  }

  /** The file of a generation, for reading. */
  fileOf(generation: number): { file: File; header: DataHeader } {
    const found = this.#find(generation);
    if (found === undefined) throw damaged(this.#layout.data, `the data file of generation ${generation} is missing`);
    return found;
  }

  /**
   * The files that these extents name, cut back to them. Clears away what a compaction left that doesn't count. With
   * `untouched`, nothing is changed on disk, and appends stay in memory.
   */
  async use(extents: readonly DataExtent[], untouched: boolean): Promise<DataFiles> {
    const files: DataFile[] = [];
    for (const { generation, bytes } of extents) {
      const { file, header } = this.fileOf(generation);
      if (!untouched) await file.truncate(bytes);
      files.push(new DataFile(untouched ? new OverlayFile(file, bytes) : file, header, bytes));
    }
    // By the file and not by what it calls itself: the bytes that a crash left in a fresh file may be an old file's
    // header.
    const used = extents.map(({ generation }) => this.#find(generation));
    if (!used.includes(this.#data)) await this.#data.file.close();
    const compactIsUsed = this.#compact !== undefined && used.includes(this.#compact);
    if (!compactIsUsed) await this.#compact?.file.close();
    // When the compacted file counts alone, the old one stays until a checkpoint record says so too.
    if (!compactIsUsed && !untouched) await removeIfThere(this.#fs, this.#layout.compact);
    return new DataFiles(files.at(-1) as DataFile, files.length > 1 ? files[0] : undefined, compactIsUsed);
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#compact?.file.close(), this.#data.file.close()]);
  }

  #find(generation: number): Found | undefined {
    return [this.#data, this.#compact].find((found) => found?.header.generation === generation);
  }
}

/** The next generation, if one is there that may count: a compaction that died early leaves one without a header. */
async function openCompact(fs: FileSystem, layout: Layout, databaseId: number): Promise<Found | undefined> {
  let found: Found | undefined;
  try {
    found = await openIfThere(fs, layout.compact);
  } catch (error) {
    if (error instanceof DocDBError && error.code === "DATABASE_CORRUPT") return undefined;
    throw error;
  }
  if (found === undefined || found.header.databaseId === databaseId) return found;
  await found.file.close();
  return undefined;
}

async function openIfThere(fs: FileSystem, path: string): Promise<Found | undefined> {
  let opened: Omit<Found, "bytes">;
  try {
    opened = await openDataFile(fs, path);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
  try {
    return { ...opened, bytes: await opened.file.size() };
  } catch (error) {
    await opened.file.close();
    throw error;
  }
}
