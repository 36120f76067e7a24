// Says what the damage of a data file means, by an index: whether it hits the newest version of a document, of which
// document, and whether the write-ahead log has an exact copy.

import { idOf } from "../../base/u64.ts";
import type { FileSystem } from "../../platform/platform.ts";
import type { Turn } from "../../platform/turn.ts";
import { dataKind } from "../data-format.ts";
import type { IndexEntry } from "../index-shard.ts";
import type { Layout } from "../layout.ts";
import { findInWal } from "../wal-search.ts";
import { finding, type VerifySink } from "./finding.ts";
import type { CorruptRecord, VerifiedData } from "./verify-data.ts";
import type { Damage } from "./walk-data.ts";

/** Where copies are looked for. */
export interface CopySource {
  readonly fs: FileSystem;
  readonly layout: Layout;
  readonly databaseId: number;
}

/** An entry of an index that points into a data file. */
export interface Claim {
  readonly collection: number;
  readonly collectionName: string;
  readonly idLow: number;
  readonly idHigh: number;
  readonly entry: IndexEntry;
}

/** Reports what an entry of the index points at, unless it is a sound record. True when it points into this damage. */
export async function judgeClaim(
  claim: Claim,
  data: VerifiedData,
  copies: CopySource,
  sink: VerifySink,
  turn: Turn,
): Promise<Damage | undefined> {
  const { collection, idLow, idHigh, entry } = claim;
  const { offset, length, version } = entry;
  if (data.starts.has(offset, collection, idLow, idHigh, version)) return undefined;
  const damage = data.damages.find((one) => offset < one.offset + one.length && offset + length > one.offset);
  const at = { file: data.source.name, offset, length, collection: claim.collectionName, version };
  const id = idOf(idLow, idHigh);
  if (damage === undefined) {
    const message = `The index locates version ${version} of document ${id} here, but another record stands here.`;
    await sink.found(finding({ ...at, id, severity: "error", reason: "INDEX_CORRUPT", message }));
  } else if (entry.deleted) {
    const message = `The deletion of document ${id} is damaged. Deleted it stays, as long as the index is there.`;
    await sink.found(finding({ ...at, id, severity: "warning", reason: "DEAD_RECORD_CORRUPT", message }));
  } else {
    await reportDocument(claim, data.source.name, copies, sink, turn);
  }
  return damage;
}

/**
 * Reports a record of a known document or of a request whose content is damaged. `claim` is undefined when it is no
 * document's newest.
 */
export async function judgeRecord(
  record: CorruptRecord,
  claim: Claim | undefined,
  data: VerifiedData,
  copies: CopySource,
  sink: VerifySink,
  turn: Turn,
): Promise<void> {
  if (claim !== undefined) return await reportDocument(claim, data.source.name, copies, sink, turn);
  const { kind, idLow, idHigh, version, length } = record.header;
  const at = { file: data.source.name, offset: record.offset, length, version };
  if (kind === dataKind.request) {
    const what = `What a request came to, version ${version}, is damaged.`;
    const message = `${what} Whoever repeats it hears that it was applied, and not with which outcome.`;
    await sink.found(finding({ ...at, severity: "warning", reason: "REQUEST_CORRUPT", message }));
    return;
  }
  const id = idOf(idLow, idHigh);
  await sink.found(
    finding({
      ...at,
      severity: "info",
      reason: "DEAD_RECORD_CORRUPT",
      message: `Version ${version} of document ${id} is damaged. It was replaced or deleted: nobody reads it any more.`,
      id,
    }),
  );
}

/** Reports damage that no entry of an index points into. */
export async function judgeUnclaimed(
  { offset, length }: Damage,
  data: VerifiedData,
  hasIndex: boolean,
  sink: VerifySink,
): Promise<void> {
  const at = { file: data.source.name, offset, length, reason: "DATA_CORRUPT" } as const;
  const dead = "No document's newest version stands here: nothing is lost while the index snapshot is there.";
  const unknown = "Bytes here are no record, and without an index snapshot it isn't known whose they were.";
  await sink.found(finding({ ...at, severity: hasIndex ? "warning" : "error", message: hasIndex ? dead : unknown }));
}

async function reportDocument(
  { collection, collectionName, idLow, idHigh, entry }: Claim,
  file: string,
  copies: CopySource,
  sink: VerifySink,
  turn: Turn,
): Promise<void> {
  const { fs, layout, databaseId } = copies;
  const { version, offset, length, createTimeMs } = entry;
  const wanted = { collection, idLow, idHigh, version, length, createTimeMs };
  const copy = await findInWal(fs, layout, databaseId, wanted, turn);
  const id = idOf(idLow, idHigh);
  const fate =
    copy === undefined
      ? "No copy of it is in the kept log: it answers DATA_LOSS until it is written again."
      : "The log has an exact copy: the next read or scrub heals it.";
  await sink.found(
    finding({
      severity: copy === undefined ? "error" : "warning",
      file,
      offset,
      length,
      reason: "DOCUMENT_CORRUPT",
      message: `Version ${version}, the newest, of document ${id} is damaged. ${fate}`,
      collection: collectionName,
      id,
      version,
    }),
  );
}
