// Writes a salvaged state as a database that opens for writing: a data file of the next generation, and a log with
// nothing but the checkpoint that names it.
//
//   1. `<db>.compact` with every document, durable. No checkpoint names it: a start would clear it away
//   2. `<db>.wal.new`, durable, then renamed over `<db>.wal`: the one step that counts. Its number leaves a gap behind
//      it and its base version is above all others, so older segments and the index snapshot are of no use to a start
//   3. the index snapshot goes, `<db>.compact` takes the data file's name, older segments go
//
// A crash before step 2 leaves the damaged database as it was, and one after it a sound one. The next version is above
// all that were ever given out: what can't be read may hold some, but not as many as are passed over.
//
// The new data file has the salt of the old one. Records are copied byte by byte, damaged contents too: they still have
// the checksum by which a backup's copy is known to be the right one. Of a document whose record can't even be copied a
// record without content is written whose checksum is wrong: the document answers DATA_LOSS until it is written again.

import { writeFully } from "../platform/file-io.ts";
import type { FileSystem } from "../platform/platform.ts";
import { checksum } from "../base/checksum.ts";
import { assert } from "../base/assert.ts";
import { ChunkedWriter } from "../storage/chunked-file.ts";
import { encodeCheckpointGroup, encodeDataRecords } from "../storage/commit.ts";
import { adoptCompacted, collectionRecords } from "../storage/compaction.ts";
import { createDataFile } from "../storage/data-file.ts";
import {
  contentChecksumOffset,
  dataHeaderBytes,
  dataKind,
  dataRecordHeaderBytes,
  type DataHeader,
  writeDataRecord,
} from "../storage/data-format.ts";
import type { DataExtent } from "../storage/data-extent.ts";
import type { IndexEntry } from "../storage/index-shard.ts";
import { encodeSegmentHeader, segmentHeaderBytes } from "../storage/wal-format.ts";
import { removeIfThere } from "../storage/wal-log.ts";
import { highestIn, type RecordTable, tablesOf } from "./index-tables.ts";
import { countedOf, keyOf, type Patient, recordAt, type Salvage, sourceOf } from "./salvage.ts";

/** More than the commits that damaged bytes of a log may have held. */
const versionJump = 2 ** 24;

/** Does steps 1 to 3. The salvage has one data file, and its path is the data file's. */
export async function rebuild(patient: Patient, salvage: Salvage): Promise<void> {
  const { platform, layout, log } = patient;
  const { fs } = platform;
  const old = sourceOf(patient, salvage.extents[0]?.generation ?? 0);
  assert(old !== undefined && old.path === layout.data, "a rebuild needs the one data file in its place");
  const header = { ...old.header, generation: old.header.generation + 1 };
  await fs.syncDirectory(layout.dataDirectory);
  await removeIfThere(fs, layout.compact);
  await createDataFile(fs, layout.compact, header);
  const bytes = await writeRecords(countedOf(patient, salvage.extents), salvage, header);
  await fs.syncDirectory(layout.dataDirectory);
  const version = highestVersion(patient, salvage) + versionJump;
  await startLog(patient, version, [{ generation: header.generation, bytes }]);
  await removeIfThere(fs, layout.index);
  await fs.syncDirectory(layout.dataDirectory);
  await adoptCompacted(fs, layout, { needsAdoption: true });
  await removeOlderSegments(fs, patient, log.paths);
}

async function removeOlderSegments(fs: FileSystem, { layout }: Patient, paths: readonly string[]): Promise<void> {
  for (const path of paths) if (path !== layout.activeSegment) await removeIfThere(fs, path);
  await fs.syncDirectory(layout.walDirectory);
}

function highestVersion({ log, sources, snapshot }: Patient, { lastVersion }: Salvage): number {
  const inSnapshot =
    typeof snapshot === "string" ? 0 : Math.max(snapshot.position.replayFrom, highestIn(snapshot.index));
  return Math.max(log.highestVersion, lastVersion, inSnapshot, ...sources.map((source) => source.highestVersion));
}

/** Writes every document that exists. Deletions need no record: nothing older is in the file, and none is replayed. */
async function writeRecords(patient: Patient, salvage: Salvage, { salt }: DataHeader): Promise<number> {
  const { platform, layout, turn } = patient;
  const { index, lastVersion } = salvage;
  const file = await platform.fs.open(layout.compact, "write");
  try {
    const writer = new ChunkedWriter(file, dataHeaderBytes);
    await writer.write(encodeDataRecords([{ version: lastVersion, mutations: collectionRecords(index) }], salt));
    for (const { kind, collection, table } of tablesOf(index)) {
      for (const shard of table.shards) {
        const entries: [number, number, IndexEntry][] = [];
        shard.forEach((low, high, entry) => {
          if (!entry.deleted) entries.push([low, high, entry]);
        });
        for (const [low, high, entry] of entries) {
          await writer.write(
            await bytesOf(patient, salvage, salt, { kind, collection, idLow: low, idHigh: high }, entry),
          );
          await turn.pause();
        }
      }
    }
    await writer.flush();
    await file.datasync();
    return await file.size();
  } finally {
    await file.close();
  }
}

/** Whose record it is. */
interface Owner {
  readonly kind: RecordTable["kind"];
  readonly collection: number;
  readonly idLow: number;
  readonly idHigh: number;
}

async function bytesOf(
  patient: Patient,
  { fromLog, unreadable }: Salvage,
  salt: number,
  owner: Owner,
  entry: IndexEntry,
): Promise<Buffer> {
  const { kind, collection, idLow, idHigh } = owner;
  const key = keyOf(collection, idLow, idHigh);
  const { version, createTimeMs } = entry;
  const mutation = fromLog.get(key);
  if (mutation !== undefined) return encodeDataRecords([{ version, mutations: [mutation] }], salt);
  const identity = { collection, idLow, idHigh, version, createTimeMs };
  const found = unreadable.has(key) ? undefined : await recordAt(patient, { ...identity, length: entry.length }, entry);
  if (found !== undefined) return found;
  const bytes = Buffer.alloc(dataRecordHeaderBytes);
  const fields = { ...identity, kind: kind === "put" ? dataKind.live : dataKind.request, updateTimeMs: createTimeMs };
  writeDataRecord(bytes, 0, salt, fields, new Uint8Array());
  // The header holds, the content's checksum doesn't.
  bytes.writeUInt32LE((bytes.readUInt32LE(contentChecksumOffset) ^ 0xffff_ffff) >>> 0, contentChecksumOffset);
  bytes.writeUInt32LE(checksum(bytes.subarray(4), salt), 0);
  return bytes;
}

async function startLog(
  { platform, layout, databaseId, log }: Patient,
  version: number,
  extents: readonly DataExtent[],
): Promise<void> {
  const { fs, random } = platform;
  const salt = random.u32();
  const place = { databaseId, salt, baseVersion: version, durableOffset: segmentHeaderBytes };
  const group = encodeCheckpointGroup({ version, extents, closing: true }, place);
  const header = encodeSegmentHeader({
    databaseId,
    segment: log.highestSegment + 2,
    firstVersion: version + 1,
    baseVersion: version,
    durableBytes: segmentHeaderBytes + group.length,
    salt,
    lossy: false,
  });
  await removeIfThere(fs, layout.nextSegment);
  const file = await fs.open(layout.nextSegment, "create");
  try {
    await writeFully(file, Buffer.concat([header, group]), 0);
    await file.datasync();
  } finally {
    await file.close();
  }
  await fs.syncDirectory(layout.walDirectory);
  await fs.rename(layout.nextSegment, layout.activeSegment);
  await fs.syncDirectory(layout.walDirectory);
}
