// Compaction: gives back the space of what was replaced or deleted, while reads and writes go on.
//
//   1. a new data file, `<db>.compact`, of the next generation; its header and name are made durable
//   2. appends go to it from now on, beginning with the collections that there are
//   3. what is live in the old file is copied behind them in the order in which it stands there, and the index follows;
//      then shard by shard what that left behind, and tombstones go
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

import { assert } from "../base/assert.ts";
import { sabotaged } from "../base/sabotage.ts";
import type { FileSystem } from "../platform/platform.ts";
import type { Turn } from "../platform/turn.ts";
import { encodeDataRecords, type Mutation } from "./commit.ts";
import { copyInOrder } from "./compaction-walk.ts";
import { DataFile, createDataFile } from "./data-file.ts";
import type { DataFiles } from "./data-files.ts";
import { diskFull } from "./disk-errors.ts";
import type { DocumentIndex } from "./document-index.ts";
import type { Healing } from "./healing.ts";
import type { IndexEntry, IndexShard } from "./index-shard.ts";
import type { IndexTable } from "./index-table.ts";
import type { Layout } from "./layout.ts";
import { type CompactionProgress, type CompactionWatch, LiveCopies, tablesOf } from "./live-copies.ts";
import { placeOf, type RecordPlace } from "./record-place.ts";
import { requestsCollection } from "./request-table.ts";
import type { StoreParts } from "./store-parts.ts";
import { removeIfThere } from "./wal-log.ts";

/** Bytes of records that are read at the same time. */
const readBytes = 256 * 1024;

/**
 * Steps 1 to 3: when it returns nothing points into the older data file any more. `batchBytes`: what is copied between
 * two groups of commits.
 */
export async function moveLiveRecords(
  parts: StoreParts,
  healing: Healing,
  watch: CompactionWatch,
  batchBytes: number,
): Promise<CompactionProgress> {
  const { data, index } = parts;
  const turn = parts.background.turn(watch.stopped);
  const copies = new LiveCopies(parts, turn, watch, batchBytes, liveBytes(index));
  copies.goOn();
  if (data.previous === undefined) {
    await checkSpace(parts);
    await startGeneration(parts);
  }
  const { previous } = data;
  assert(previous !== undefined, "a compaction has two data files");
  index.requests.expire(parts.platform.clock.now());
  await copyInOrder(index, previous, copies, turn);
  for (const source of sourcesOf(index)) {
    for (const shard of source.table.shards) {
      copies.goOn();
      await emptyShard(previous, healing, source, shard, copies, turn);
      copies.tell();
      await turn.pause();
    }
  }
  return copies.progress;
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

/** A table whose records are copied, and the number that they have in the place of a collection's. */
interface Source {
  readonly collection: number;
  readonly table: IndexTable;
}

function sourcesOf(index: DocumentIndex): Source[] {
  // A table of requests that ages meanwhile stays the same table.
  const collections = [...[...index.collections].map(({ id }) => id), requestsCollection];
  return collections.flatMap((collection) => tablesOf(index, collection).map((table) => ({ collection, table })));
}

interface Left {
  readonly entry: IndexEntry;
  readonly place: RecordPlace;
}

/** Copies what of a shard still points into the older file, healing what needs it, and drops the tombstones there. */
async function emptyShard(
  previous: DataFile,
  healing: Healing,
  { collection, table }: Source,
  shard: IndexShard,
  copies: LiveCopies,
  turn: Turn,
): Promise<void> {
  const left: Left[] = [];
  shard.forEach((low, high, entry) => {
    if (entry.parity !== previous.parity || entry.deleted) return;
    left.push({ entry, place: placeOf(collection, low, high, entry, previous) });
  });
  // In the order of the file, so that a cold disk is read forwards.
  left.sort((a, b) => a.entry.offset - b.entry.offset);
  for (const batch of batchesOf(left)) {
    copies.goOn();
    try {
      const records = await Promise.all(batch.map(({ place }) => healing.read(place)));
      for (const [i, record] of records.entries()) await copies.add({ table, entry: (batch[i] as Left).entry }, record);
    } catch (error) {
      if (!sabotaged("compaction-drops-unreadable")) throw error;
    }
    await turn.pause();
  }
  await copies.flush();
  shard.dropTombstones(previous.parity);
}

/** What is read at the same time. */
function* batchesOf(left: readonly Left[]): Generator<readonly Left[]> {
  let start = 0;
  while (start < left.length) {
    let end = start;
    for (let bytes = 0; end < left.length && bytes < readBytes; end++) bytes += (left[end] as Left).entry.length;
    yield left.slice(start, end);
    start = end;
  }
}
