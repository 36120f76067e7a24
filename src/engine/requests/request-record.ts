// What a request came to, as it stands in the WAL and the data file; docs/formats/data.md has the table.
//
//   record := format u8, keyLength u8, key, checksum u32, bytes u32, count u32, outcome*
//   outcome := document id u64, create time u64 (ms; all ones: there was nothing to delete)
//
// The rest of a stamp follows from the record that this is the content of: its version is the commit's, its times are
// the commit's time.

import { idHigh, idLow, idOf, readU64, writeU64 } from "../../base/u64.ts";
import { atOnce, type Pieces } from "../../platform/turn.ts";
import type { Mutation } from "../../storage/commit.ts";
import type { DataRecord } from "../../storage/data-format.ts";
import { requestsCollection } from "../../storage/request-table.ts";
import type { DocumentStamp } from "../commands.ts";
import type { Fingerprint, Request } from "./request.ts";

const format = 1;
const fixedBytes = 14;
const outcomeBytes = 16;
/** Outcomes that are written in one piece of work. */
const outcomesInPiece = 4_096;
const nothing = 0xffff_ffff;

/** The change that records what a request came to: part of the commit that it made. */
export function requestMutation(request: Request, stamps: readonly DocumentStamp[], commitTimeMs: number): Mutation {
  return atOnce(requestMutationPieces(request, stamps, commitTimeMs));
}

/** The same for the request of a large commit. */
export function* requestMutationPieces(
  request: Request,
  stamps: readonly DocumentStamp[],
  commitTimeMs: number,
): Pieces<Mutation> {
  const { key, hash, fingerprint } = request;
  const keyBytes = Buffer.byteLength(key);
  const content = Buffer.allocUnsafe(fixedBytes + keyBytes + stamps.length * outcomeBytes);
  content[0] = format;
  content[1] = keyBytes;
  content.write(key, 2);
  let at = 2 + keyBytes;
  content.writeUInt32LE(fingerprint.checksum, at);
  content.writeUInt32LE(fingerprint.bytes, at + 4);
  content.writeUInt32LE(stamps.length, at + 8);
  at += 12;
  for (const [i, stamp] of stamps.entries()) {
    if (i > 0 && i % outcomesInPiece === 0) yield;
    content.writeUInt32LE(idLow(stamp.id), at);
    content.writeUInt32LE(idHigh(stamp.id), at + 4);
    if (stamp.version === 0) content.fill(0xff, at + 8, at + outcomeBytes);
    else writeU64(content, stamp.createTimeMs, at + 8);
    at += outcomeBytes;
  }
  const times = { createTimeMs: commitTimeMs, updateTimeMs: commitTimeMs };
  return { kind: "request", collection: requestsCollection, idLow: hash.low, idHigh: hash.high, ...times, content };
}

/** A record, decoded. */
export interface RequestRecord {
  readonly fingerprint: Fingerprint;
  readonly version: number;
  readonly commitTimeMs: number;
  readonly stamps: readonly DocumentStamp[];
}

/** The record of a request; undefined when it is another's, whose key has the same hash. */
export function decodeRequestRecord(record: DataRecord, { key }: Request): RequestRecord | undefined {
  const { content, version, createTimeMs: commitTimeMs } = record;
  const keyEnd = 2 + (content[1] ?? 0);
  if (content[0] !== format || content.toString("utf8", 2, keyEnd) !== key) return undefined;
  if (content.length < keyEnd + fixedBytes - 2) return undefined;
  const fingerprint = { checksum: content.readUInt32LE(keyEnd), bytes: content.readUInt32LE(keyEnd + 4) };
  const count = content.readUInt32LE(keyEnd + 8);
  if (content.length !== keyEnd + fixedBytes - 2 + count * outcomeBytes) return undefined;
  const stamps = Array.from({ length: count }, (_, i): DocumentStamp => {
    const at = keyEnd + 12 + i * outcomeBytes;
    const id = idOf(content.readUInt32LE(at), content.readUInt32LE(at + 4));
    if (content.readUInt32LE(at + 12) === nothing) return { id, version: 0, createTimeMs: 0, updateTimeMs: 0 };
    const createTimeMs = readU64(content, at + 8) ?? 0;
    return { id, version, createTimeMs, updateTimeMs: Math.max(commitTimeMs, createTimeMs) };
  });
  return { fingerprint, version, commitTimeMs, stamps };
}
