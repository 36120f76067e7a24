// A database to be mended, what could be read of it, and where its records are.

import { checksum } from "../base/checksum.ts";
import type { Platform } from "../platform/platform.ts";
import type { Turn } from "../platform/turn.ts";
import type { DataExtent } from "../storage/data-extent.ts";
import { dataRecordHeaderBytes, decodeDataRecordHeader } from "../storage/data-format.ts";
import type { IndexEntry } from "../storage/index-shard.ts";
import type { LoadedSnapshot } from "../storage/index-snapshot.ts";
import type { Layout } from "../storage/layout.ts";
import { hasIdentity, type RecordIdentity } from "../storage/record-place.ts";
import type { DataSource } from "./data-source.ts";
import type { LogContents } from "./log-contents.ts";

export interface Patient {
  readonly platform: Platform;
  readonly layout: Layout;
  readonly databaseId: number;
  readonly turn: Turn;
  readonly log: LogContents;
  readonly sources: readonly DataSource[];
  readonly snapshot: LoadedSnapshot | string;
}

/** The same, with those data files alone that count. */
export function countedOf(patient: Patient, extents: readonly DataExtent[]): Patient {
  const sources = patient.sources.filter(({ header }) =>
    extents.some(({ generation }) => generation === header.generation),
  );
  return { ...patient, sources };
}

/** The file of a generation. */
export function sourceOf(patient: Patient, generation: number): DataSource | undefined {
  return patient.sources.find(({ header }) => header.generation === generation);
}

/** A record as it stands in a data file. */
export interface FoundRecord {
  readonly bytes: Buffer;
  /** Of its file. */
  readonly salt: number;
  /** Whether its content is what was written. */
  readonly intact: boolean;
}

/** The record that an entry locates, if its header is sound. All files of the patient count. */
export async function recordAt(
  patient: Patient,
  wanted: RecordIdentity,
  entry: IndexEntry,
): Promise<FoundRecord | undefined> {
  const source = patient.sources.find(({ header }) => (header.generation & 1) === entry.parity);
  if (source === undefined || entry.offset + entry.length > source.bytes) return undefined;
  const bytes = Buffer.alloc(entry.length);
  if ((await source.file.read(bytes, entry.offset)) !== bytes.length) return undefined;
  const { salt } = source.header;
  const header = decodeDataRecordHeader(bytes, 0, salt);
  if (header === undefined || !hasIdentity(header, wanted)) return undefined;
  return { bytes, salt, intact: header.contentChecksum === checksum(bytes.subarray(dataRecordHeaderBytes), salt) };
}
