// Commits and how a group of them becomes bytes: one buffer for the WAL and one for the data file, composed in one
// pass.

import { assert } from "../base/assert.ts";
import { atOnce, type Pieces } from "../platform/turn.ts";
import {
  dataKind,
  dataRecordHeaderBytes,
  type DataKind,
  writeDataRecord,
  writeDataRecordInPieces,
} from "./data-format.ts";
import type { Parity } from "./index-shard.ts";
import { bytesInPiece, copyInPieces } from "./long-bytes.ts";
import {
  type CheckpointMark,
  checkpointPayloadBytes,
  groupRecordBytes,
  recordHeaderBytes,
  recordOverheadBytes,
  sealGroup,
  sealRecord,
  sealRecordInPieces,
  timesBytes,
  walOp,
  type WalOp,
  type WalRecord,
  writeCheckpointPayload,
} from "./wal-format.ts";
import type { WorkingMemory } from "./working-memory.ts";
import { readU64, writeU64 } from "../base/u64.ts";

/** Records that are encoded in one piece. */
const recordsInPiece = 32;

/** The kinds of change. */
export type MutationKind = "put" | "delete" | "createCollection" | "dropCollection" | "request";

/** Whether records of this kind are read for what is in them. */
export function hasContent(kind: MutationKind): boolean {
  return kind === "put" || kind === "request";
}

interface Codes {
  readonly wal: WalOp;
  readonly data: DataKind;
}

/** The codes of the kinds in the two files. */
const codes: Readonly<Record<MutationKind, Codes>> = {
  put: { wal: walOp.put, data: dataKind.live },
  delete: { wal: walOp.delete, data: dataKind.tombstone },
  createCollection: { wal: walOp.createCollection, data: dataKind.createCollection },
  dropCollection: { wal: walOp.dropCollection, data: dataKind.dropCollection },
  request: { wal: walOp.request, data: dataKind.request },
};

const kinds = Object.keys(codes) as MutationKind[];
const kindsInWal = new Map<number, MutationKind>(kinds.map((kind) => [codes[kind].wal, kind]));
const kindsInData = new Map<number, MutationKind>(kinds.map((kind) => [codes[kind].data, kind]));

/** One change. A document's id is 0 in changes of collections, and the hash of its key in the record of a request. */
export interface Mutation {
  readonly kind: MutationKind;
  readonly collection: number;
  readonly idLow: number;
  readonly idHigh: number;
  readonly createTimeMs: number;
  readonly updateTimeMs: number;
  /** JSON of a put, name of a new collection, outcome of a request, empty otherwise. */
  readonly content: Uint8Array;
}

/** Changes that become visible together, at one version. */
export interface Commit {
  readonly version: number;
  readonly mutations: readonly Mutation[];
}

/** Where a mutation's record stands in the data file. */
export interface Location {
  readonly offset: number;
  readonly length: number;
  /** Which data file: see `IndexEntry`. */
  readonly parity: Parity;
}

/** Bytes of memory of a mutation's objects while it is pending, about, and of a commit's: promises, map entries. */
const mutationMemoryBytes = 400;
const commitMemoryBytes = 800;

export function dataBytesOf(mutation: Mutation): number {
  return dataRecordHeaderBytes + mutation.content.length;
}

/** Bytes that a commit adds to the WAL. */
export function walBytesOf(commit: Commit): number {
  const overhead = recordOverheadBytes + timesBytes;
  return commit.mutations.reduce((total, mutation) => total + overhead + mutation.content.length, 0);
}

/**
 * Bytes of memory that a commit takes while it waits for the disk: its contents, and about that much for its objects.
 */
export function memoryBytesOf({ mutations }: Commit): number {
  return mutations.reduce((total, { content }) => total + content.length + mutationMemoryBytes, commitMemoryBytes);
}

/** The data records of a group, as they were written. */
export interface GroupRecords {
  readonly bytes: Buffer;
  /** Of the data file that they were written for. */
  readonly salt: number;
}

export interface GroupPlace {
  readonly databaseId: number;
  /** Of the WAL segment. */
  readonly salt: number;
  readonly baseVersion: number;
  readonly durableOffset: number;
}

/** The WAL bytes of a group of commits with contiguous versions. */
export function encodeWalGroup(commits: readonly Commit[], place: GroupPlace): Buffer {
  return atOnce(walGroupPieces(commits, place));
}

/** The same, cut up. */
export function* walGroupPieces(commits: readonly Commit[], place: GroupPlace): Pieces<Buffer> {
  const bodyBytes = commits.reduce((total, commit) => total + walBytesOf(commit), 0);
  const bytes = Buffer.allocUnsafe(groupRecordBytes + bodyBytes);
  const firstVersion = commits[0]?.version ?? place.baseVersion + 1;
  const { baseVersion, durableOffset } = place;
  const header = { firstVersion, baseVersion, durableOffset, bodyBytes, commits: commits.length };
  let offset = sealGroup(bytes, 0, place, header);
  let records = 0;
  for (const { version, mutations } of commits) {
    const last = mutations.at(-1);
    for (const mutation of mutations) {
      const { kind, collection, idLow, idHigh, content } = mutation;
      const payload = offset + recordHeaderBytes;
      writeU64(bytes, mutation.createTimeMs, payload);
      writeU64(bytes, mutation.updateTimeMs, payload + 8);
      const commit = mutation === last;
      const fields = { version, op: codes[kind].wal, commit, collection, idLow, idHigh };
      const payloadBytes = timesBytes + content.length;
      if (content.length > bytesInPiece) {
        yield* copyInPieces(bytes, content, payload + timesBytes);
        offset = yield* sealRecordInPieces(bytes, offset, place, fields, payloadBytes);
      } else {
        bytes.set(content, payload + timesBytes);
        offset = sealRecord(bytes, offset, place, fields, payloadBytes);
      }
      if (++records % recordsInPiece === 0) yield;
    }
  }
  assert(offset === bytes.length, "a WAL group's length was reckoned wrongly");
  return bytes;
}

/** The WAL bytes of a group that holds only a checkpoint record. */
export function encodeCheckpointGroup(mark: CheckpointMark, place: GroupPlace): Buffer {
  const payloadBytes = checkpointPayloadBytes(mark);
  const bodyBytes = recordOverheadBytes + payloadBytes;
  const bytes = Buffer.allocUnsafe(groupRecordBytes + bodyBytes);
  const { baseVersion, durableOffset } = place;
  const header = { firstVersion: baseVersion + 1, baseVersion, durableOffset, bodyBytes, commits: 0 };
  const offset = sealGroup(bytes, 0, place, header);
  writeCheckpointPayload(bytes, offset + recordHeaderBytes, mark);
  const fields = { version: mark.version, op: walOp.checkpoint, commit: false, collection: 0, idLow: 0, idHigh: 0 };
  sealRecord(bytes, offset, place, fields, payloadBytes);
  return bytes;
}

/** The data-file bytes of the same commits, in memory of `memory` if there is one. */
export function encodeDataRecords(commits: readonly Commit[], salt: number, memory?: WorkingMemory): Buffer {
  return atOnce(dataRecordPieces(commits, salt, memory));
}

/** The same, cut up. */
export function* dataRecordPieces(commits: readonly Commit[], salt: number, memory?: WorkingMemory): Pieces<Buffer> {
  let length = 0;
  for (const commit of commits) for (const mutation of commit.mutations) length += dataBytesOf(mutation);
  const bytes = memory?.lend(length) ?? Buffer.allocUnsafe(length);
  let offset = 0;
  let records = 0;
  for (const { version, mutations } of commits) {
    for (const { kind, collection, idLow, idHigh, createTimeMs, updateTimeMs, content } of mutations) {
      const fields = { kind: codes[kind].data, collection, idLow, idHigh, version, createTimeMs, updateTimeMs };
      offset =
        content.length > bytesInPiece
          ? yield* writeDataRecordInPieces(bytes, offset, salt, fields, content)
          : writeDataRecord(bytes, offset, salt, fields, content);
      if (++records % recordsInPiece === 0) yield;
    }
  }
  return bytes;
}

/** The mutation that a WAL record holds, or undefined when it is of another kind. */
export function mutationOf(record: WalRecord): Mutation | undefined {
  const kind = kindsInWal.get(record.op);
  if (kind === undefined || record.payload.length < timesBytes) return undefined;
  const createTimeMs = readU64(record.payload, 0);
  const updateTimeMs = readU64(record.payload, 8);
  if (createTimeMs === undefined || updateTimeMs === undefined) return undefined;
  const { collection, idLow, idHigh } = record;
  return { kind, collection, idLow, idHigh, createTimeMs, updateTimeMs, content: record.payload.subarray(timesBytes) };
}

/** The kind of change that a data record holds. */
export function mutationKindOf(kind: number): MutationKind | undefined {
  return kindsInData.get(kind);
}
