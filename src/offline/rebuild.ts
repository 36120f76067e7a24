// Writes a salvaged state as a database that opens for writing: a data file of the next generation, and a log with
// nothing but the checkpoint that names it.
//
//   1. a data file with every document, durable, under a name that no file has which counts. No checkpoint names it
//   2. `<db>.wal.new`, durable, then renamed over `<db>.wal`: the one step that counts. Its number leaves a gap behind
//      it and its base version is above all others, so older segments and the index snapshot are of no use to a start
//   3. the index snapshot goes, the new file takes the data file's name, what is left of a compaction and older
//   segments go
//
// A crash before step 2 leaves the damaged database as it was, and one after it a sound one: it opens as if a
// compaction had just ended. Only when `<db>.compact` counted too, so that the new file had to be `<db>.rebuilt`, step
// 3 is needed for it to open; whoever repairs once more does that. The next version is above all that were ever given
// out: what can't be read may hold some, but not as many as are passed over.
//
// The new data file has the salt of the old one, if there is only one. Records are copied with their checksums, damaged
// contents too: they still have the checksum by which a backup's copy is known to be the right one. Of a document whose
// record can't even be copied a record without content is written whose checksum is wrong: the document answers
// DATA_LOSS until it is written again.

import { writeFully } from "../platform/file-io.ts";
import { checksum } from "../base/checksum.ts";
import { ChunkedWriter } from "../storage/chunked-file.ts";
import { encodeCheckpointGroup, encodeDataRecords } from "../storage/commit.ts";
import { collectionRecords } from "../storage/compaction.ts";
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
import { documentKey } from "./lost-commits.ts";
import { countedOf, type FoundRecord, type Patient, recordAt } from "./patient.ts";
import type { Salvage } from "./salvage.ts";

/** More than the commits that damaged bytes of a log may have held. */
const versionJump = 2 ** 24;

/** Does steps 1 to 3. */
export async function rebuild(patient: Patient, salvage: Salvage): Promise<void> {
  const { platform, layout, databaseId } = patient;
  const { fs, random } = platform;
  const counted = countedOf(patient, salvage.extents);
  const generations = [...salvage.extents, ...patient.sources.map(({ header }) => header)];
  const generation = Math.max(0, ...generations.map((each) => each.generation)) + 1;
  const header = { databaseId, generation, salt: counted.sources.at(-1)?.header.salt ?? random.u32() };
  const path = counted.sources.some((source) => source.path === layout.compact) ? layout.rebuilt : layout.compact;
  await fs.syncDirectory(layout.dataDirectory);
  await removeIfThere(fs, path);
  await createDataFile(fs, path, header);
  const bytes = await writeRecords(counted, salvage, path, header);
  await fs.syncDirectory(layout.dataDirectory);
  const version = highestVersion(patient, salvage) + versionJump;
  await startLog(patient, version, [{ generation, bytes }]);
  await adopt(patient, path);
}

/** Step 3 for a new data file with this path. */
export async function adopt({ platform: { fs }, layout, log }: Patient, path: string): Promise<void> {
  await removeIfThere(fs, layout.index);
  await fs.syncDirectory(layout.dataDirectory);
  await fs.rename(path, layout.data);
  await fs.syncDirectory(layout.dataDirectory);
  for (const left of [layout.compact, layout.rebuilt]) await removeIfThere(fs, left);
  await fs.syncDirectory(layout.dataDirectory);
  for (const segment of log.paths) if (segment !== layout.activeSegment) await removeIfThere(fs, segment);
  await fs.syncDirectory(layout.walDirectory);
}

function highestVersion({ log, sources, snapshot }: Patient, { lastVersion }: Salvage): number {
  const inSnapshot =
    typeof snapshot === "string" ? 0 : Math.max(snapshot.position.replayFrom, highestIn(snapshot.index));
  return Math.max(log.highestVersion, lastVersion, inSnapshot, ...sources.map((source) => source.highestVersion));
}

/** Writes every document that exists. Deletions need no record: nothing older is in the file, and none is replayed. */
async function writeRecords(patient: Patient, salvage: Salvage, path: string, { salt }: DataHeader): Promise<number> {
  const { platform, turn } = patient;
  const { index, lastVersion } = salvage;
  const file = await platform.fs.open(path, "write");
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
  const key = documentKey(collection, idLow, idHigh);
  const { version, createTimeMs } = entry;
  const mutation = fromLog.get(key);
  if (mutation !== undefined) return encodeDataRecords([{ version, mutations: [mutation] }], salt);
  const identity = { collection, idLow, idHigh, version, createTimeMs };
  const found = unreadable.has(key) ? undefined : await recordAt(patient, { ...identity, length: entry.length }, entry);
  if (found !== undefined) return salted(found, salt);
  const bytes = Buffer.alloc(dataRecordHeaderBytes);
  const fields = { ...identity, kind: kind === "put" ? dataKind.live : dataKind.request, updateTimeMs: createTimeMs };
  writeDataRecord(bytes, 0, salt, fields, new Uint8Array());
  // The header holds, the content's checksum doesn't.
  bytes.writeUInt32LE((bytes.readUInt32LE(contentChecksumOffset) ^ 0xffff_ffff) >>> 0, contentChecksumOffset);
  bytes.writeUInt32LE(checksum(bytes.subarray(4), salt), 0);
  return bytes;
}

/** A record as it stands in a file with this salt. What checksums of the same content differ by is the salts' alone. */
function salted({ bytes, salt: old }: FoundRecord, salt: number): Buffer {
  if (old === salt) return bytes;
  const content = bytes.subarray(dataRecordHeaderBytes);
  const difference = checksum(content, old) ^ checksum(content, salt);
  bytes.writeUInt32LE((bytes.readUInt32LE(contentChecksumOffset) ^ difference) >>> 0, contentChecksumOffset);
  bytes.writeUInt32LE(checksum(bytes.subarray(4, dataRecordHeaderBytes), salt), 0);
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
