// The state that can be made of a damaged database: an index, where the bytes of each document are to be had, and what
// is lost.
//
// Invariants
// 1. Documents come from a base that is known as a whole, an index snapshot or the data files up to their checkpoint,
//    and from the commits behind it without a gap. Only where there is no such base may something of it be missing, and
//    then it is said how much, and of which commits.
// 2. A newest version that can't be read stays what it is: the document answers DATA_LOSS.

import { idOf } from "../base/u64.ts";
import { type Commit, dataBytesOf, hasContent, type Mutation } from "../storage/commit.ts";
import type { DataExtent } from "../storage/data-extent.ts";
import { dataRecordHeaderBytes } from "../storage/data-format.ts";
import type { DocumentIndex } from "../storage/document-index.ts";
import type { IndexEntry } from "../storage/index-shard.ts";
import type { RecordIdentity } from "../storage/record-place.ts";
import { findInWal } from "../storage/wal-search.ts";
import { type Base, basesOf } from "./bases.ts";
import { commitsInTail } from "./commits-in-tail.ts";
import { tablesOf } from "./index-tables.ts";
import { behindTheCut, documentKey, type Loss } from "./lost-commits.ts";
import { lostInGaps } from "./lost-in-gaps.ts";
import { countedOf, type Patient, recordAt } from "./patient.ts";

export interface Salvage {
  readonly index: DocumentIndex;
  readonly extents: readonly DataExtent[];
  readonly lastVersion: number;
  /** Changes by document that the log has and the data file hasn't. */
  readonly fromLog: ReadonlyMap<string, Mutation>;
  /** Documents by key whose newest version no file has. */
  readonly unreadable: ReadonlySet<string>;
  readonly losses: readonly Loss[];
}

/** The best state there is: of those from which least is missing the one with the most commits. */
export async function salvage(patient: Patient): Promise<Salvage> {
  const bases = await basesOf(patient);
  const states: Replayed[] = [];
  for (const base of bases) states.push(await replay(patient, base));
  const [first, ...others] = states;
  if (first === undefined) throw new Error("a scan of the data files makes a base of whatever there is");
  const { base, fromLog, lastVersion } = others.reduce((one, other) => (isBetter(other, one) ? other : one), first);
  const { index, extents, gaps } = base;
  const inGaps = lostInGaps(patient.layout.database, base, fromLog);
  const unread = await findUnreadable(countedOf(patient, extents), index, fromLog, inGaps.unreadable);
  const losses = [...inGaps.losses, ...unread.losses];
  if (lastVersion < base.to) losses.push(partial(patient, lastVersion, base.to));
  losses.push(...behindTheCut(patient.log, patient.layout.database, index, Math.max(lastVersion, base.to)));
  // Ids may have been given out in what can't be read: they are passed over.
  const idsPassed = Math.ceil(gaps.reduce((sum, { length }) => sum + length, 0) / dataRecordHeaderBytes);
  for (const collection of index.collections) {
    collection.nextId = Math.min(collection.nextId + idsPassed, Number.MAX_SAFE_INTEGER);
  }
  return {
    index,
    extents,
    lastVersion: Math.max(lastVersion, base.to),
    fromLog: new Map([...fromLog, ...unread.copies]),
    unreadable: unread.keys,
    losses,
  };
}

function partial({ layout: { database } }: Patient, from: number, to: number): Loss {
  const message = `Commits ${from + 1} to ${to} are missing in part, and the log doesn't tell which part.`;
  return { database, collection: "", id: 0n, version: from + 1, message };
}

function isBetter(one: Replayed, other: Replayed): boolean {
  const [a, b] = [rankOf(one), rankOf(other)];
  return a === b ? one.lastVersion > other.lastVersion : a < b;
}

/** How much isn't known: 0 nothing, 1 what stood in gaps, 2 how much counts. */
function rankOf({ base, lastVersion }: Replayed): number {
  if (lastVersion < base.to || !base.isMeasured) return 2;
  return base.gaps.length > 0 ? 1 : 0;
}

interface Replayed {
  readonly base: Base;
  readonly lastVersion: number;
  readonly fromLog: Map<string, Mutation>;
}

/**
 * Adds the commits behind the base, as far as they follow one from the other, and those that fill its gaps. Where the
 * log is damaged, the data file may have the commits.
 */
async function replay(patient: Patient, base: Base): Promise<Replayed> {
  const fromLog = new Map<string, Mutation>();
  const add = ({ version, mutations }: Commit): void => {
    for (const mutation of mutations) {
      if (base.index.has(mutation, version)) continue;
      base.index.apply(mutation, version, { offset: 0, length: dataBytesOf(mutation), parity: 0 });
      const { collection, idLow, idHigh, kind } = mutation;
      if (hasContent(kind) || kind === "delete") fromLog.set(documentKey(collection, idLow, idHigh), mutation);
    }
  };
  let tail: ReadonlyMap<number, Commit> | undefined;
  let lastVersion = base.from;
  for (const { header, commits, lastVersion: end } of patient.log.groups) {
    if (end <= base.from) {
      if (base.lacksSome) for (const commit of commits) add(commit);
      continue;
    }
    if (header.baseVersion > lastVersion) {
      tail ??= await commitsInTail(patient, base.extents, base.from);
      while (lastVersion < header.baseVersion && tail.has(lastVersion + 1)) add(tail.get(++lastVersion) as Commit);
      if (header.baseVersion > lastVersion) break;
    }
    for (const commit of commits) if (commit.version > base.from || base.lacksSome) add(commit);
    lastVersion = Math.max(lastVersion, end);
  }
  return { base, lastVersion, fromLog };
}

interface Unreadable {
  readonly keys: Set<string>;
  readonly copies: Map<string, Mutation>;
  readonly losses: Loss[];
}

/** Reads every document's newest record, and looks for copies of those that are damaged. */
async function findUnreadable(
  patient: Patient,
  index: DocumentIndex,
  fromLog: ReadonlyMap<string, Mutation>,
  known: ReadonlySet<string>,
): Promise<Unreadable> {
  const found: Unreadable = { keys: new Set(known), copies: new Map(), losses: [] };
  for (const { kind, collection, name, table } of tablesOf(index)) {
    const entries: { key: string; wanted: RecordIdentity; entry: IndexEntry }[] = [];
    for (const shard of table.shards) {
      shard.forEach((idLow, idHigh, entry) => {
        const key = documentKey(collection, idLow, idHigh);
        if (!entry.deleted && !fromLog.has(key) && !known.has(key))
          entries.push({ key, wanted: { collection, idLow, idHigh, ...entry }, entry });
      });
    }
    for (const { key, wanted, entry } of entries.sort((a, b) => a.entry.offset - b.entry.offset)) {
      const record = await recordAt(patient, wanted, entry);
      await patient.turn.pause();
      if (record?.intact === true) continue;
      const { platform, layout, databaseId, turn } = patient;
      const copy = await findInWal(platform.fs, layout, databaseId, wanted, turn);
      if (copy !== undefined) {
        found.copies.set(key, copy);
        continue;
      }
      if (record === undefined) found.keys.add(key);
      const { version } = entry;
      if (kind === "request") {
        const message = `What a request came to is damaged: whoever repeats it only hears that it was applied.`;
        found.losses.push({ database: layout.database, collection: "", id: 0n, version, message });
        continue;
      }
      const id = idOf(wanted.idLow, wanted.idHigh);
      const message = `Document ${id}: version ${version} is damaged, with no copy: it will answer DATA_LOSS.`;
      found.losses.push({ database: layout.database, collection: name, id, version, message });
    }
  }
  return found;
}
