// The state that can be made of a damaged database: an index, where the bytes of each document are to be had, and what
// is lost.
//
// Invariants
// 1. Documents come from a base that is known as a whole, an index snapshot or an undamaged data file up to its
//    checkpoint, and from the commits behind it without a gap. So no document comes back at a version that the base
//    knows to be replaced, and no commit is there in part.
// 2. A newest version that can't be read stays what it is: the document answers DATA_LOSS.

import { idOf } from "../base/u64.ts";
import type { Platform } from "../platform/platform.ts";
import type { Turn } from "../platform/turn.ts";
import { DocDBError } from "../base/errors.ts";
import { dataBytesOf, hasContent, type Mutation } from "../storage/commit.ts";
import type { DataExtent } from "../storage/data-extent.ts";
import { dataHeaderBytes, dataRecordHeaderBytes, decodeDataRecordHeader } from "../storage/data-format.ts";
import { applyDamaged, scanDataFile } from "../storage/data-scan.ts";
import { DocumentIndex } from "../storage/document-index.ts";
import type { IndexEntry } from "../storage/index-shard.ts";
import type { LoadedSnapshot } from "../storage/index-snapshot.ts";
import type { Layout } from "../storage/layout.ts";
import { hasIdentity, type RecordIdentity } from "../storage/record-place.ts";
import { findInWal } from "../storage/wal-search.ts";
import { checksum } from "../base/checksum.ts";
import type { DataSource } from "./data-source.ts";
import { highestIn, tablesOf } from "./index-tables.ts";
import { behindTheCut, type Loss } from "./lost-commits.ts";
import type { LogContents } from "./log-contents.ts";

/** A database to be mended, and what could be read of it. */
export interface Patient {
  readonly platform: Platform;
  readonly layout: Layout;
  readonly databaseId: number;
  readonly turn: Turn;
  readonly log: LogContents;
  readonly sources: readonly DataSource[];
  readonly snapshot: LoadedSnapshot | string;
}

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

/** A base to begin with. */
interface Base {
  readonly index: DocumentIndex;
  readonly extents: readonly DataExtent[];
  /** The base has all commits up to here. */
  readonly from: number;
  /** It may have some commits up to here: only when the log has them all it makes sense. */
  readonly to: number;
}

export function keyOf(collection: number, idLow: number, idHigh: number): string {
  return `${collection}/${idHigh}/${idLow}`;
}

/** The state with the most commits, or why there is none. */
export async function salvage(patient: Patient): Promise<Salvage | string> {
  const bases = [snapshotBase(patient), ...(await scannedBases(patient))];
  const states = bases.filter((base) => typeof base === "object").map((base) => replay(patient, base));
  const whole = states.filter(({ base, lastVersion }) => lastVersion >= base.to);
  const [first, ...others] = whole;
  if (first === undefined) {
    const reasons = bases.filter((base) => typeof base === "string");
    return reasons.length > 0 ? reasons.join("; ") : "the index snapshot and the log don't fit together";
  }
  const best = others.reduce((one, other) => (other.lastVersion > one.lastVersion ? other : one), first);
  const { base, fromLog, lastVersion } = best;
  const unread = await findUnreadable(countedOf(patient, base.extents), base.index, fromLog);
  const losses = [...unread.losses, ...behindTheCut(patient.log, patient.layout.database, base.index, lastVersion)];
  return {
    index: base.index,
    extents: base.extents,
    lastVersion,
    fromLog: new Map([...fromLog, ...unread.copies]),
    unreadable: unread.keys,
    losses,
  };
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

function snapshotBase({ snapshot, sources }: Patient): Base | string {
  if (typeof snapshot === "string") return `the index snapshot can't be used: ${snapshot}`;
  const { extents, replayFrom } = snapshot.position;
  for (const { generation } of extents) {
    if (!sources.some(({ header }) => header.generation === generation)) {
      return `the data file of generation ${generation} is missing or has no sound header`;
    }
  }
  const to = Math.max(replayFrom, highestIn(snapshot.index));
  return { index: snapshot.index, extents, from: replayFrom, to };
}

/** What a scan of the data file makes, up to the checkpoint, and up to where the snapshot knows it. */
async function scannedBases(patient: Patient): Promise<(Base | string)[]> {
  const { log, snapshot, sources } = patient;
  const first = sources[0]?.header.generation;
  const starts: { readonly version: number; readonly extents: readonly DataExtent[] }[] = [];
  if (log.checkpoint !== undefined) starts.push(log.checkpoint);
  if (typeof snapshot === "object") {
    starts.push({ version: snapshot.position.replayFrom, extents: snapshot.position.extents });
  }
  const startsAtZero = log.groups[0]?.header.baseVersion === 0;
  if (log.checkpoint === undefined && startsAtZero && first !== undefined) {
    starts.push({ version: 0, extents: [{ generation: first, bytes: dataHeaderBytes }] });
  }
  if (starts.length === 0)
    return ["no checkpoint of the log can be read: how much of the data file counts isn't known"];
  return await Promise.all(starts.map(({ version, extents }) => scanned(patient, version, extents)));
}

async function scanned(patient: Patient, version: number, extents: readonly DataExtent[]): Promise<Base | string> {
  const index = new DocumentIndex();
  const broken: Parameters<typeof applyDamaged>[1][number][] = [];
  try {
    for (const { generation, bytes } of extents) {
      const source = sourceOf(patient, generation);
      if (source === undefined) return `the data file of generation ${generation} is missing or has no sound header`;
      if (source.bytes < bytes) return `${source.path} has ${source.bytes} bytes, but the checkpoint covers ${bytes}`;
      broken.push(...(await scanDataFile(index, source.file, source.header, bytes, patient.turn)));
    }
  } catch (error) {
    if (!(error instanceof DocDBError) || error.code !== "DATABASE_CORRUPT") throw error;
    return "records of the data file are damaged, and without an index snapshot it isn't known whose they were";
  }
  applyDamaged(index, broken);
  // Data files grow by whole groups of commits, in the order of their versions.
  const from = Math.max(version, highestIn(index));
  return { index, extents, from, to: from };
}

interface Replayed {
  readonly base: Base;
  readonly lastVersion: number;
  readonly fromLog: Map<string, Mutation>;
}

/** Adds the commits behind the base, as far as they follow one from the other. */
function replay({ log }: Patient, base: Base): Replayed {
  const fromLog = new Map<string, Mutation>();
  let lastVersion = base.from;
  for (const { header, commits, lastVersion: end } of log.groups) {
    if (end <= lastVersion) continue;
    if (header.baseVersion > lastVersion) break;
    for (const { version, mutations } of commits) {
      if (version <= lastVersion) continue;
      for (const mutation of mutations) {
        if (base.index.has(mutation, version)) continue;
        base.index.apply(mutation, version, { offset: 0, length: dataBytesOf(mutation), parity: 0 });
        const { collection, idLow, idHigh, kind } = mutation;
        if (hasContent(kind) || kind === "delete") fromLog.set(keyOf(collection, idLow, idHigh), mutation);
      }
    }
    lastVersion = end;
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
): Promise<Unreadable> {
  const found: Unreadable = { keys: new Set(), copies: new Map(), losses: [] };
  for (const { kind, collection, name, table } of tablesOf(index)) {
    const entries: { key: string; wanted: RecordIdentity; entry: IndexEntry }[] = [];
    for (const shard of table.shards) {
      shard.forEach((idLow, idHigh, entry) => {
        const key = keyOf(collection, idLow, idHigh);
        if (!entry.deleted && !fromLog.has(key))
          entries.push({ key, wanted: { collection, idLow, idHigh, ...entry }, entry });
      });
    }
    for (const { key, wanted, entry } of entries.sort((a, b) => a.entry.offset - b.entry.offset)) {
      const state = await stateOf(patient, wanted, entry);
      await patient.turn.pause();
      if (state === "sound") continue;
      const { platform, layout, databaseId, turn } = patient;
      const copy = await findInWal(platform.fs, layout, databaseId, wanted, turn);
      if (copy !== undefined) {
        found.copies.set(key, copy);
        continue;
      }
      if (state === "missing") found.keys.add(key);
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

/** Bytes of the record that an entry locates, if its header is sound. */
export async function recordAt(
  patient: Patient,
  wanted: RecordIdentity,
  entry: IndexEntry,
): Promise<Buffer | undefined> {
  const source = patient.sources.find(({ header }) => (header.generation & 1) === entry.parity);
  if (source === undefined || entry.offset + entry.length > source.bytes) return undefined;
  const bytes = Buffer.alloc(entry.length);
  if ((await source.file.read(bytes, entry.offset)) !== bytes.length) return undefined;
  const header = decodeDataRecordHeader(bytes, 0, source.header.salt);
  return header !== undefined && hasIdentity(header, wanted) ? bytes : undefined;
}

async function stateOf(
  patient: Patient,
  wanted: RecordIdentity,
  entry: IndexEntry,
): Promise<"sound" | "damaged" | "missing"> {
  const bytes = await recordAt(patient, wanted, entry);
  const source = patient.sources.find(({ header }) => (header.generation & 1) === entry.parity);
  if (bytes === undefined || source === undefined) return "missing";
  const header = decodeDataRecordHeader(bytes, 0, source.header.salt);
  const content = bytes.subarray(dataRecordHeaderBytes);
  return header?.contentChecksum === checksum(content, source.header.salt) ? "sound" : "damaged";
}
