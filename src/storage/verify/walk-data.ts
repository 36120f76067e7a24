// A walk over a data file that damage doesn't stop: every byte belongs to a record or to a stretch of damage between
// two records. Behind damage it looks for the next bytes that make a sound record header; headers have a checksum of
// their own, seeded with the file's salt, so nothing else passes for one.

import { checksum } from "../../base/checksum.ts";
import { readFully } from "../../platform/file-io.ts";
import type { File } from "../../platform/platform.ts";
import type { Turn } from "../../platform/turn.ts";
import { ChunkedReader } from "../chunked-file.ts";
import { mutationKindOf } from "../commit.ts";
import { dataRecordHeaderBytes, type DataRecordHeader, decodeDataRecordHeader } from "../data-format.ts";

/** A record whose header is sound. */
export interface WalkedRecord {
  readonly kind: "record";
  readonly offset: number;
  readonly header: DataRecordHeader;
  /** Whether the content is what was written. */
  readonly intact: boolean;
  /** The content as it stands there; valid until the walk goes on. */
  readonly content: Buffer;
}

/** Bytes that are no record. */
export interface Damage {
  readonly kind: "damage";
  readonly offset: number;
  readonly length: number;
}

/** Bytes that are looked through at a time for the next record. */
const windowBytes = 256 * 1024;

/** Walks [start, end) of a file with this salt. `end` is where its last record ends. */
export async function* walkData(
  file: File,
  salt: number,
  start: number,
  end: number,
  turn: Turn,
): AsyncGenerator<WalkedRecord | Damage> {
  let reader = new ChunkedReader(file, start, end);
  while (!reader.atEnd) {
    const { offset } = reader;
    const record = await takeRecord(reader, salt);
    if (record !== undefined) {
      yield record;
    } else {
      const next = await nextRecord(file, salt, offset + 1, end, turn);
      yield { kind: "damage", offset, length: next - offset };
      reader = new ChunkedReader(file, next, end);
    }
    await turn.pause();
  }
}

async function takeRecord(reader: ChunkedReader, salt: number): Promise<WalkedRecord | undefined> {
  const { offset } = reader;
  const head = await reader.peek(dataRecordHeaderBytes);
  const header = head === undefined ? undefined : decodeDataRecordHeader(head, 0, salt);
  if (header === undefined || mutationKindOf(header.kind) === undefined) return undefined;
  const bytes = await reader.take(header.length);
  if (bytes === undefined) return undefined;
  const content = bytes.subarray(dataRecordHeaderBytes);
  return { kind: "record", offset, header, intact: checksum(content, salt) === header.contentChecksum, content };
}

/** Offset of the next record that fits into the file, or its end. */
async function nextRecord(file: File, salt: number, from: number, end: number, turn: Turn): Promise<number> {
  for (let start = from; start + dataRecordHeaderBytes <= end; start += windowBytes) {
    const bytes = await readFully(file, start, Math.min(windowBytes + dataRecordHeaderBytes - 1, end - start));
    if (bytes === undefined) return end;
    for (let at = 0; at + dataRecordHeaderBytes <= bytes.length; at++) {
      // The kind is small: this leaves few places to reckon a checksum for.
      if (mutationKindOf(bytes.readUInt32LE(at + 8)) === undefined) continue;
      const header = decodeDataRecordHeader(bytes, at, salt);
      if (header !== undefined && start + at + header.length <= end) return start + at;
      await turn.pause();
    }
    await turn.pause();
  }
  return end;
}
