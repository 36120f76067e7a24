// A database's data file: append-only and self-describing. What stands behind `tail` doesn't count: the next append
// overwrites it.

import { assert } from "../base/assert.ts";
import { sabotaged } from "../base/sabotage.ts";
import { idOf } from "../base/u64.ts";
import { readFully, writeFully } from "../platform/file-io.ts";
import type { File, FileSystem } from "../platform/platform.ts";
import {
  dataHeaderBytes,
  decodeDataHeader,
  decodeDataRecord,
  type DataHeader,
  type DataRecord,
  encodeDataHeader,
} from "./data-format.ts";
import { damaged, diskError, documentCorrupt } from "./disk-errors.ts";
import type { Parity } from "./index-shard.ts";

/** What a read expects to find: anything else at that place is corruption. */
export interface Expected {
  readonly collection: number;
  readonly idLow: number;
  readonly idHigh: number;
  readonly version: number;
}

export class DataFile {
  readonly #file: File;
  readonly header: DataHeader;
  #tail: number;

  constructor(file: File, header: DataHeader, tail: number) {
    this.#file = file;
    this.header = header;
    this.#tail = tail;
  }

  /** Opens a data file that has only its header. */
  static async open(fs: FileSystem, path: string): Promise<DataFile> {
    const { file, header } = await openDataFile(fs, path);
    return new DataFile(file, header, dataHeaderBytes);
  }

  get path(): string {
    return this.#file.path;
  }

  /** The open file, for those who read all of it. */
  get file(): File {
    return this.#file;
  }

  /** The low bit of the file's generation. */
  get parity(): Parity {
    return (this.header.generation & 1) as Parity;
  }

  /** Bytes that count. */
  get tail(): number {
    return this.#tail;
  }

  /** Writes bytes behind the tail; they count only after `accept`. */
  async append(bytes: Uint8Array): Promise<void> {
    await writeFully(this.#file, bytes, this.#tail);
  }

  accept(bytes: number): void {
    this.#tail += bytes;
  }

  /** Gives back the space of what was appended and not accepted. */
  async discard(): Promise<void> {
    await this.#file.truncate(this.#tail);
  }

  /** Reads the record at `offset` and checks that it is whole and the expected one. DOCUMENT_CORRUPT otherwise. */
  async read(offset: number, length: number, expected: Expected): Promise<DataRecord> {
    const { idLow, idHigh } = expected;
    const bytes = await this.readBytes(offset, length).catch((error: unknown) => {
      throw diskError(`Document ${idOf(idLow, idHigh)} can't be read`, error);
    });
    const record = bytes === undefined ? undefined : this.recordIn(bytes, 0, expected);
    if (record === undefined) throw documentCorrupt(this.#file.path, offset, expected);
    return record;
  }

  /** Reads bytes that hold one or more records; undefined when the file ends before them. */
  async readBytes(offset: number, length: number): Promise<Buffer | undefined> {
    return await readFully(this.#file, offset, length);
  }

  /** The record at a place in these bytes, or undefined unless it is whole and the expected one. */
  recordIn(bytes: Buffer, at: number, { collection, idLow, idHigh, version }: Expected): DataRecord | undefined {
    const record = decodeDataRecord(bytes, at, this.header.salt);
    const isExpected =
      record?.collection === collection &&
      record.idLow === idLow &&
      record.idHigh === idHigh &&
      record.version === version;
    return isExpected || sabotaged("read-without-identity") ? record : undefined;
  }

  /** Writes the bytes of a record over what damage made of them. They are durable only after `datasync`. */
  async overwrite(offset: number, bytes: Uint8Array): Promise<void> {
    assert(offset >= dataHeaderBytes && offset + bytes.length <= this.#tail, "only what counts is written over");
    await writeFully(this.#file, bytes, offset);
  }

  async datasync(): Promise<void> {
    await this.#file.datasync();
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** Makes a new data file with only its header, durable but for its name. */
export async function createDataFile(fs: FileSystem, path: string, header: DataHeader): Promise<void> {
  const file = await fs.open(path, "create");
  try {
    await writeFully(file, encodeDataHeader(header), 0);
    await file.datasync();
  } finally {
    await file.close();
  }
}

/** Opens a data file for reading and writing. DATABASE_CORRUPT when it has no valid header. */
export async function openDataFile(fs: FileSystem, path: string): Promise<{ file: File; header: DataHeader }> {
  const file = await fs.open(path, "write");
  try {
    const bytes = Buffer.alloc(Math.min(await file.size(), dataHeaderBytes));
    await file.read(bytes, 0);
    const header = decodeDataHeader(bytes);
    if (typeof header === "string") throw damaged(path, header);
    return { file, header };
  } catch (error) {
    await file.close();
    throw error;
  }
}
