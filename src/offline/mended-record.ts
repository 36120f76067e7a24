// Records of a data file of whose header one byte has changed. A header is short and has a checksum of its own, so of
// all changes of one byte hardly ever more than none leads to a header that holds; that the content fits its checksum
// in that header is the proof. Where the content is damaged too, the record must at least end where the next one
// begins.

import { checksum } from "../base/checksum.ts";
import type { File } from "../platform/platform.ts";
import { mutationKindOf } from "../storage/commit.ts";
import { dataRecordHeaderBytes, type DataRecordHeader, decodeDataRecordHeader } from "../storage/data-format.ts";

/** A record whose header can be written anew. */
export interface MendedRecord {
  readonly offset: number;
  readonly header: DataRecordHeader;
  /** The bytes of the header as they were. */
  readonly bytes: Buffer;
  readonly intact: boolean;
}

/** The records of which these bytes are made, from the first one on, as far as each can be mended. */
export function mendRecords(bytes: Buffer, offset: number, salt: number): MendedRecord[] {
  const found: MendedRecord[] = [];
  for (let at = 0; at < bytes.length; ) {
    const mended = mendRecord(bytes.subarray(at), salt);
    if (mended === undefined) break;
    found.push({ ...mended, offset: offset + at });
    at += mended.header.length;
  }
  return found;
}

function mendRecord(bytes: Buffer, salt: number): Omit<MendedRecord, "offset"> | undefined {
  if (bytes.length < dataRecordHeaderBytes) return undefined;
  const head = Buffer.from(bytes.subarray(0, dataRecordHeaderBytes));
  for (let at = 0; at < head.length; at++) {
    const before = head[at] as number;
    for (let change = 1; change < 256; change++) {
      head[at] = before ^ change;
      const header = decodeDataRecordHeader(head, 0, salt);
      if (header === undefined || mutationKindOf(header.kind) === undefined || header.length > bytes.length) continue;
      const intact = checksum(bytes.subarray(dataRecordHeaderBytes, header.length), salt) === header.contentChecksum;
      if (intact || header.length === bytes.length) return { header, bytes: Buffer.from(head), intact };
    }
    head[at] = before;
  }
  return undefined;
}

/** A file as it reads once some of its bytes are written anew. It can't be written to. */
export class MendedFile implements File {
  readonly path: string;
  readonly #base: File;
  readonly #pieces: readonly Pick<MendedRecord, "offset" | "bytes">[];

  constructor(base: File, pieces: readonly Pick<MendedRecord, "offset" | "bytes">[]) {
    this.path = base.path;
    this.#base = base;
    this.#pieces = pieces;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    const count = await this.#base.read(target, position);
    for (const { offset, bytes } of this.#pieces) {
      const from = Math.max(offset, position);
      const to = Math.min(offset + bytes.length, position + count);
      if (from < to) target.set(bytes.subarray(from - offset, to - offset), from - position);
    }
    return count;
  }

  size(): Promise<number> {
    return this.#base.size();
  }

  close(): Promise<void> {
    return this.#base.close();
  }

  write(): Promise<number> {
    return this.#refuse();
  }

  datasync(): Promise<void> {
    return this.#refuse();
  }

  truncate(): Promise<void> {
    return this.#refuse();
  }

  #refuse(): Promise<never> {
    return Promise.reject(new Error(`${this.path}: what is being repaired is not written to`));
  }
}
