// Verifies the files of a database that no server has open, and changes none of them: what a start would find, and what
// it would make of it.

import { isErrno } from "../../platform/file-io.ts";
import type { File, Platform } from "../../platform/platform.ts";
import { Turn } from "../../platform/turn.ts";
import { mutationKindOf } from "../commit.ts";
import type { DataExtent } from "../data-extent.ts";
import { dataHeaderBytes, type DataHeader, decodeDataHeader } from "../data-format.ts";
import { DocumentIndex } from "../document-index.ts";
import type { IndexEntry } from "../index-shard.ts";
import { type LoadedSnapshot, loadSnapshot } from "../index-snapshot.ts";
import { type Layout, olderSegments } from "../layout.ts";
import type { WalGroup } from "../wal-reader.ts";
import { finding, type VerifySink } from "./finding.ts";
import { type Claim, judgeClaim, judgeRecord, judgeUnclaimed } from "./judge-damage.ts";
import { relativeName } from "./relative-name.ts";
import { verifyData, type DataSource, type VerifiedData } from "./verify-data.ts";
import { reportUnusable, verifySnapshot } from "./verify-snapshot.ts";
import { segmentOnDisk, verifyWal } from "./verify-wal.ts";
import type { WalkedRecord } from "./walk-data.ts";

interface Context {
  readonly platform: Platform;
  readonly layout: Layout;
  readonly databaseId: number;
  readonly sink: VerifySink;
  readonly turn: Turn;
}

/** Whether the log changes a document behind the start of replay, so that its record in the data file is obsolete. */
type IsObsolete = (collection: number, idLow: number, idHigh: number) => boolean;

/** Reports everything that isn't as it should be in the files of one database. */
export async function checkDatabase(
  platform: Platform,
  layout: Layout,
  databaseId: number,
  sink: VerifySink,
): Promise<void> {
  const context: Context = { platform, layout, databaseId, sink, turn: new Turn(platform.clock) };
  const snapshot = await loadSnapshot(platform.fs, layout.index, databaseId, context.turn);
  const loaded = typeof snapshot === "string" ? undefined : snapshot;
  if (typeof snapshot === "string" && (await platform.fs.exists(layout.index))) {
    await reportUnusable(relativeName(layout.index, layout), snapshot, sink);
  }
  // Only the newest version of each: where replay starts is known when the log has been read, and it may be big.
  const newest = new Map<string, number>();
  const { checkpoint } = await checkWal(context, ({ commits }) => {
    for (const { version, mutations } of commits) {
      for (const { collection, idLow, idHigh } of mutations) newest.set(keyOf(collection, idLow, idHigh), version);
    }
  });
  const replayFrom = loaded?.position.replayFrom ?? checkpoint?.version ?? 0;
  const isObsolete: IsObsolete = (...document) => (newest.get(keyOf(...document)) ?? 0) > replayFrom;
  await checkData(context, loaded, loaded?.position.extents ?? checkpoint?.extents, isObsolete);
}

async function checkWal(context: Context, visit: (group: WalGroup) => void): ReturnType<typeof verifyWal> {
  const { platform, layout, databaseId, sink, turn } = context;
  const numbers = olderSegments(layout.database, await platform.fs.readdir(layout.walDirectory));
  const paths = numbers.map((number) => layout.segment(number));
  if (await platform.fs.exists(layout.activeSegment)) paths.push(layout.activeSegment);
  else if (await platform.fs.exists(layout.nextSegment)) paths.push(layout.nextSegment);
  else {
    const file = relativeName(layout.activeSegment, layout);
    const message = "The active segment of the write-ahead log is missing: the database doesn't open without it.";
    await sink.found(finding({ severity: "error", file, offset: 0, length: 0, reason: "FILE_UNUSABLE", message }));
  }
  for (const [i, number] of numbers.entries()) {
    const previous = numbers[i - 1];
    if (previous === undefined || number === previous + 1) continue;
    const file = relativeName(layout.segment(previous + 1), layout);
    const message = `Segments ${previous + 1} to ${number - 1} are missing between two that are there.`;
    await sink.found(finding({ severity: "warning", file, offset: 0, length: 0, reason: "FILE_UNUSABLE", message }));
  }
  const sources = paths.map((path) => segmentOnDisk(platform.fs, path, relativeName(path, layout)));
  return await verifyWal(sources, databaseId, 0, sink, turn, visit);
}

async function checkData(
  context: Context,
  snapshot: LoadedSnapshot | undefined,
  extents: readonly DataExtent[] | undefined,
  isObsolete: IsObsolete,
): Promise<void> {
  const { layout, sink, turn } = context;
  const found = [await openData(context, layout.data, true), await openData(context, layout.compact, false)];
  const sources = found.filter((source) => source !== undefined);
  try {
    const first = sources[0]?.header.generation;
    const counting = extents ?? (first === undefined ? [] : [{ generation: first, bytes: dataHeaderBytes }]);
    const truth = new DocumentIndex();
    const verified: VerifiedData[] = [];
    for (const { generation, bytes } of counting) {
      const source = sources.find(({ header }) => header.generation === generation);
      if (source === undefined || source.bytes < bytes) {
        await reportShort(context, source, generation, bytes);
        if (source === undefined) continue;
      }
      const counts = { ...source, bytes: Math.min(bytes, source.bytes) };
      verified.push(await verifyData(counts, sink, turn, (record) => addTo(truth, record)));
    }
    if (snapshot !== undefined) {
      await verifySnapshot(snapshot, truth, relativeName(layout.index, layout), sink, turn);
    }
    for (const data of verified) await judgeData(context, data, snapshot, truth, isObsolete);
  } finally {
    for (const { file } of sources) await file.close();
  }
}

async function judgeData(
  context: Context,
  data: VerifiedData,
  snapshot: LoadedSnapshot | undefined,
  truth: DocumentIndex,
  isObsolete: IsObsolete,
): Promise<void> {
  const { platform, layout, databaseId, sink, turn } = context;
  const copies = { fs: platform.fs, layout, databaseId };
  const parity = data.source.header.generation & 1;
  for (const record of data.corrupt) {
    const { collection, idLow, idHigh, version, createTimeMs, length } = record.header;
    const known = truth.collection(collection);
    const newest = known?.table.get(idLow, idHigh)?.version ?? 0;
    const isNewest = known !== undefined && newest < version && !isObsolete(collection, idLow, idHigh);
    const entry: IndexEntry = {
      version,
      offset: record.offset,
      length,
      createTimeMs,
      deleted: false,
      parity: parity as 0 | 1,
    };
    const claim = { collection, collectionName: known?.name ?? "", idLow, idHigh, entry };
    await judgeRecord(record, isNewest ? claim : undefined, data, copies, sink, turn);
  }
  const claimed = new Set<unknown>();
  for (const claim of snapshot === undefined ? [] : claimsOf(snapshot, data, parity, isObsolete)) {
    claimed.add(await judgeClaim(claim, data, copies, sink, turn));
  }
  for (const damage of data.damages) {
    if (!claimed.has(damage)) await judgeUnclaimed(damage, data, snapshot !== undefined, sink);
  }
}

/** Entries of the snapshot that point into this file where no sound record of theirs stands. */
function claimsOf({ index }: LoadedSnapshot, data: VerifiedData, parity: number, isObsolete: IsObsolete): Claim[] {
  const found: Claim[] = [];
  for (const { id: collection, name: collectionName, table } of index.collections) {
    for (const shard of table.shards) {
      shard.forEach((idLow, idHigh, entry) => {
        if (entry.parity !== parity || isObsolete(collection, idLow, idHigh)) return;
        if (data.starts.has(entry.offset, collection, idLow, idHigh, entry.version)) return;
        found.push({ collection, collectionName, idLow, idHigh, entry });
      });
    }
  }
  return found;
}

/** Builds the index that the intact records make. Documents of collections whose own record is damaged are left out. */
function addTo(truth: DocumentIndex, { header, intact, content, offset }: WalkedRecord): void {
  const kind = mutationKindOf(header.kind);
  if (!intact || kind === undefined) return;
  const isDocument = kind === "put" || kind === "delete";
  if (isDocument && header.collection >= truth.nextCollectionId) return;
  truth.apply({ ...header, kind, content }, header.version, { offset, length: header.length, parity: 0 });
}

async function openData(context: Context, path: string, required: boolean): Promise<DataSource | undefined> {
  const { platform, layout, databaseId, sink } = context;
  const name = relativeName(path, layout);
  let file: File;
  try {
    file = await platform.fs.open(path, "read");
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
    if (required) await sink.found(unusable(name, "the data file is missing: the database doesn't open without it."));
    return undefined;
  }
  const bytes = await file.size();
  const head = Buffer.alloc(Math.min(bytes, dataHeaderBytes));
  await file.read(head, 0);
  const header: DataHeader | string = decodeDataHeader(head);
  const owner = typeof header === "string" ? databaseId : header.databaseId;
  if (typeof header === "object" && owner === databaseId) return { file, name, header, bytes };
  await file.close();
  const why = typeof header === "string" ? header : `it belongs to database ${owner}, not ${databaseId}`;
  if (required) await sink.found(unusable(name, `${why}: the database doesn't open.`));
  return undefined;
}

async function reportShort(
  context: Context,
  source: DataSource | undefined,
  generation: number,
  bytes: number,
): Promise<void> {
  const name = source?.name ?? relativeName(context.layout.data, context.layout);
  const why =
    source === undefined
      ? `the data file of generation ${generation} is missing.`
      : `it has ${source.bytes} bytes, but the last checkpoint covers ${bytes}.`;
  await context.sink.found(unusable(name, why));
}

function unusable(file: string, message: string): ReturnType<typeof finding> {
  return finding({ severity: "error", file, offset: 0, length: 0, reason: "FILE_UNUSABLE", message });
}

function keyOf(collection: number, idLow: number, idHigh: number): string {
  return `${collection}/${idHigh}/${idLow}`;
}
