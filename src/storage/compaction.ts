// Compaction: gives back the space of what was replaced or deleted, while reads and writes go on.
//
//   1. a new data file, `<db>.compact`, of the next generation; its header and name are made durable
//   2. appends go to it from now on, beginning with the collections that there are
//   3. shard by shard, what is live in the old file is copied behind them, and the index follows
//   4. the old file is given up; a checkpoint that knows only the new one; rename over `<db>.data`; directory sync
//
// Invariants
// 1. Until step 4's checkpoint both files count: checkpoints name both, and recovery opens both. A crash or a failure
//    leaves a sound database with two files, and the next compaction goes on from there.
// 2. Copies are made between two groups of commits and only of entries that are still the newest, so the two never
//    part.
// 3. A record that can't be read and can't be healed ends the compaction: the old file stays.
// 4. Tombstones of the old file are not copied: with it goes every older record that they hide. Replay never goes back
//    behind a checkpoint, and a checkpoint precedes the end of the old file.

import { DocDBError } from "../base/errors.ts";
import { sabotaged } from "../base/sabotage.ts";
import type { FileSystem } from "../platform/platform.ts";
import type { Turn } from "../platform/turn.ts";
import { encodeDataRecords, type Mutation } from "./commit.ts";
import { diskFull } from "./disk-errors.ts";
import { DataFile, createDataFile } from "./data-file.ts";
import type { DataFiles } from "./data-files.ts";
import { dataRecordHeaderBytes } from "./data-format.ts";
import type { DocumentIndex } from "./document-index.ts";
import type { Healing } from "./healing.ts";
import type { IndexEntry, IndexShard } from "./index-shard.ts";
import type { Layout } from "./layout.ts";
import type { IndexTable } from "./index-table.ts";
import { placeOf } from "./record-place.ts";
import { requestsCollection } from "./request-table.ts";
import type { StoreParts } from "./store-parts.ts";
import { removeIfThere } from "./wal-log.ts";

/** Bytes that are copied between two groups of commits: a millisecond's work. */
const batchBytes = 256 * 1024;

/** Who watches a compaction. */
export interface CompactionWatch {
  /** Whether to stop before the next shard; what was copied is kept. */
  readonly stopped: () => boolean;
  /** Told how far it has come, after each shard. */
  readonly onProgress: (progress: CompactionProgress) => void;
}

/** How far a compaction has come. */
export interface CompactionProgress {
  /** Documents and bytes copied so far. */
  readonly documents: number;
  readonly bytes: number;
  /** Bytes that there are to copy; an estimate while writes go on. */
  readonly bytesTotal: number;
}

/** Steps 1 to 3: when it returns nothing points into the older data file any more. */
export async function moveLiveRecords(
  parts: StoreParts,
  healing: Healing,
  watch: CompactionWatch,
): Promise<CompactionProgress> {
  const { data, index } = parts;
  if (watch.stopped()) throw stopped();
  if (data.previous === undefined) {
    await checkSpace(parts);
    await startGeneration(parts);
  }
  const turn = parts.background.turn(watch.stopped);
  const bytesTotal = liveBytes(index);
  let progress: CompactionProgress = { documents: 0, bytes: 0, bytesTotal };
  index.requests.expire(parts.platform.clock.now());
  for (const source of sourcesOf(index)) {
    for (const shard of source.table.shards) {
      if (watch.stopped()) throw stopped();
      const moved = await moveShard(parts, healing, source, shard, turn);
      const documents = source.kind === "put" ? moved.length : 0;
      progress = { documents: progress.documents + documents, bytes: progress.bytes + bytesOf(moved), bytesTotal };
      watch.onProgress(progress);
      await turn.pause();
    }
  }
  return progress;
}

/**
 * Step 4 behind the checkpoint: the new generation takes the data file's name. Only when a checkpoint record names it
 * alone, because the old file goes with this.
 */
export async function adoptCompacted(
  fs: FileSystem,
  layout: Layout,
  data: Pick<DataFiles, "needsAdoption">,
): Promise<void> {
  await fs.rename(layout.compact, layout.data);
  data.needsAdoption = false;
  await fs.syncDirectory(layout.dataDirectory);
}

/** Whether enough of the data files is dead. */
export function wantsCompaction(data: DataFiles, index: DocumentIndex, minBytes: number, deadRatio: number): boolean {
  if (data.bytes < minBytes) return false;
  return data.bytes - liveBytes(index) >= data.bytes * deadRatio;
}

/** Bytes of the records in the data files that the index points at. */
export function liveBytes(index: DocumentIndex): number {
  return documentBytes(index) + index.requests.recordBytes;
}

/** Of those, the bytes of the documents' records. */
export function documentBytes(index: DocumentIndex): number {
  let live = 0;
  for (const { table } of index.collections) live += table.liveRecordBytes;
  return live;
}

function bytesOf(moved: readonly Live[]): number {
  return moved.reduce((total, { entry }) => total + entry.length, 0);
}

/**
 * A compaction that fills the disk half-way would only make things worse: its copies count and can't be taken back, and
 * writes find no space any more. DISK_FULL when what is to be copied, and an eighth more for writes, doesn't fit.
 */
async function checkSpace({ platform, layout, index }: StoreParts): Promise<void> {
  const live = liveBytes(index);
  const needed = live + Math.ceil(live / 8);
  const free = await platform.fs.freeBytes(layout.dataDirectory);
  if (free >= needed) return;
  const message = `A compaction needs ${needed} bytes for its copies, and ${free} are free. Free some space.`;
  throw diskFull(message);
}

async function startGeneration(parts: StoreParts): Promise<void> {
  const { platform, layout, databaseId, data, index, committer } = parts;
  const header = {
    databaseId,
    generation: data.current.header.generation + 1,
    salt: platform.random.u32(),
  };
  // A name that an older compaction gave away must not come back over the new file.
  await platform.fs.syncDirectory(layout.dataDirectory);
  await removeIfThere(platform.fs, layout.compact);
  try {
    await createDataFile(platform.fs, layout.compact, header);
  } catch (error) {
    await removeIfThere(platform.fs, layout.compact).catch(() => undefined);
    throw error;
  }
  await platform.fs.syncDirectory(layout.dataDirectory);
  const file = await DataFile.open(platform.fs, layout.compact);
  try {
    await committer.exclusive(async () => {
      if (committer.readOnly !== undefined) throw committer.readOnly;
      const commit = { version: committer.lastVersion, mutations: collectionRecords(index) };
      const bytes = encodeDataRecords([commit], header.salt);
      await file.append(bytes);
      file.accept(bytes.length);
      data.startGeneration(file);
    });
  } catch (error) {
    await file.close().catch(() => undefined);
    await removeIfThere(platform.fs, layout.compact).catch(() => undefined);
    throw error;
  }
}

/** What the new file must say of collections, so that the index can be rebuilt from it alone. */
export function collectionRecords(index: DocumentIndex): Mutation[] {
  const records = [...index.collections].map((collection) => ({
    kind: "createCollection" as const,
    collection: collection.id,
    idLow: sabotaged("compaction-forgets-ids") ? 0 : collection.nextId % 2 ** 32,
    idHigh: Math.floor(collection.nextId / 2 ** 32),
    createTimeMs: collection.createTimeMs,
    updateTimeMs: collection.createTimeMs,
    content: Buffer.from(collection.name, "utf8"),
  }));
  const last = index.nextCollectionId - 1;
  if (index.collection(last) !== undefined) return records;
  const times = { createTimeMs: 0, updateTimeMs: 0 };
  const dropped = { kind: "dropCollection" as const, collection: last, idLow: 0, idHigh: 0, ...times };
  return [...records, { ...dropped, content: new Uint8Array() }];
}

/** A table whose records are copied. */
interface Source {
  readonly kind: "put" | "request";
  readonly collection: number;
  readonly table: IndexTable;
  /** Whether it still counts. */
  readonly isThere: () => boolean;
}

function sourcesOf(index: DocumentIndex): Source[] {
  const collections = [...index.collections].map((collection) => ({
    kind: "put" as const,
    collection: collection.id,
    table: collection.table,
    isThere: () => index.collection(collection.id) === collection,
  }));
  // A table that ages meanwhile stays the same table; one that is forgotten is of no concern any more.
  const requests = index.requests.tables.map((table) => ({
    kind: "request" as const,
    collection: requestsCollection,
    table,
    isThere: () => index.requests.tables.includes(table),
  }));
  return sabotaged("compaction-forgets-requests") ? collections : [...collections, ...requests];
}

interface Live {
  readonly low: number;
  readonly high: number;
  readonly entry: IndexEntry;
}

async function moveShard(
  parts: StoreParts,
  healing: Healing,
  source: Source,
  shard: IndexShard,
  turn: Turn,
): Promise<Live[]> {
  const { previous } = parts.data;
  const live: Live[] = [];
  if (previous === undefined) return live;
  shard.forEach((low, high, entry) => {
    if (entry.parity === previous.parity && !entry.deleted) live.push({ low, high, entry });
  });
  // In the order of the file, so that a cold disk is read forwards.
  live.sort((a, b) => a.entry.offset - b.entry.offset);
  let start = 0;
  while (start < live.length) {
    let end = start;
    for (let bytes = 0; end < live.length && bytes < batchBytes; end++) bytes += (live[end] as Live).entry.length;
    await moveBatch(parts, healing, source, previous, live.slice(start, end)).catch((error: unknown) => {
      if (!sabotaged("compaction-drops-unreadable")) throw error;
    });
    start = end;
    await turn.pause();
  }
  shard.dropTombstones(previous.parity);
  return live;
}

async function moveBatch(
  parts: StoreParts,
  healing: Healing,
  { kind, collection, table, isThere }: Source,
  previous: DataFile,
  batch: readonly Live[],
): Promise<void> {
  const { data, committer } = parts;
  const records = await Promise.all(
    batch.map(async ({ low, high, entry }) => {
      const place = placeOf(collection, low, high, entry, previous);
      return { entry, record: await healing.read(place) };
    }),
  );
  await committer.exclusive(async () => {
    if (committer.readOnly !== undefined) throw committer.readOnly;
    if (!isThere()) return;
    const current = records.filter(({ entry, record }) => {
      const now = table.get(record.idLow, record.idHigh);
      if (sabotaged("compaction-overwrites-newer")) return true;
      return now?.version === entry.version && now.parity === entry.parity;
    });
    const commits = current.map(({ record }) => ({
      version: record.version,
      mutations: [{ ...record, kind }],
    }));
    const file = data.current;
    const bytes = encodeDataRecords(commits, file.header.salt);
    try {
      await file.append(bytes);
    } catch (error) {
      await file.discard().catch(() => undefined);
      throw error;
    }
    let offset = file.tail;
    file.accept(bytes.length);
    for (const { entry, record } of current) {
      const length = dataRecordHeaderBytes + record.content.length;
      table.set(record.idLow, record.idHigh, { ...entry, offset, length, parity: file.parity });
      offset += length;
    }
  });
}

function stopped(): DocDBError {
  return new DocDBError("SHUTTING_DOWN", "The database is being closed; the compaction goes on later.");
}
