// Verifies the files of an open database while reads and writes go on. What counts is taken at one moment, between two
// groups of commits, and held open: neither a compaction nor a change of segments nor a trim meanwhile is a finding.

import { isErrno } from "../../platform/file-io.ts";
import type { File } from "../../platform/platform.ts";
import type { Turn } from "../../platform/turn.ts";
import type { DataFile } from "../data-file.ts";
import { loadSnapshot } from "../index-snapshot.ts";
import { olderSegments } from "../layout.ts";
import type { ReadLeases } from "../read-leases.ts";
import type { StoreParts } from "../store-parts.ts";
import type { VerifySink } from "./finding.ts";
import { type Claim, judgeClaim, judgeRecord, judgeUnclaimed } from "./judge-damage.ts";
import { relativeName } from "./relative-name.ts";
import { verifyData, type VerifiedData } from "./verify-data.ts";
import { reportUnusable, verifySnapshot } from "./verify-snapshot.ts";
import { openSegmentSource, type SegmentSource, verifyWal } from "./verify-wal.ts";

/** The files as they were at one moment. */
interface Moment {
  readonly version: number;
  readonly data: readonly { readonly file: DataFile; readonly bytes: number }[];
  readonly segments: readonly SegmentSource[];
  readonly bytes: number;
}

/** Reads every byte and reports what isn't as it should be; changes nothing. `onTotal` is told how much there is. */
export async function verifyStore(
  parts: StoreParts,
  leases: ReadLeases,
  sink: VerifySink,
  onTotal: (bytes: number) => void,
): Promise<void> {
  const open: File[] = [];
  try {
    await leases.hold(async () => {
      const moment = await parts.committer.exclusive(() => takeMoment(parts, open));
      onTotal(moment.bytes);
      await verifyMoment(parts, moment, sink);
    });
  } finally {
    for (const file of open) await file.close();
  }
}

async function takeMoment({ platform, layout, data, committer }: StoreParts, open: File[]): Promise<Moment> {
  const files = data.previous === undefined ? [data.current] : [data.previous, data.current];
  const numbers = olderSegments(layout.database, await platform.fs.readdir(layout.walDirectory));
  const segments: SegmentSource[] = [];
  let bytes = files.reduce((total, file) => total + file.tail, 0);
  for (const path of [...numbers.map((number) => layout.segment(number)), layout.activeSegment]) {
    const file = await openIfThere(platform.fs, path);
    if (file === undefined) continue;
    open.push(file);
    const size = await file.size();
    bytes += size;
    segments.push(openSegmentSource(file, size, relativeName(path, layout)));
  }
  return { version: committer.lastVersion, data: files.map((file) => ({ file, bytes: file.tail })), segments, bytes };
}

async function verifyMoment(parts: StoreParts, moment: Moment, sink: VerifySink): Promise<void> {
  const { platform, background, layout, databaseId, index } = parts;
  const turn = background.turn();
  await verifyWal(moment.segments, databaseId, moment.version, sink, turn);
  for (const { file, bytes } of moment.data) {
    const name = relativeName(file.path, layout);
    const verified = await verifyData({ file: file.file, name, header: file.header, bytes }, sink, turn);
    await judge(parts, moment.version, file, verified, sink, turn);
  }
  const snapshot = await loadSnapshot(platform.fs, layout.index, databaseId, turn);
  const name = relativeName(layout.index, layout);
  if (typeof snapshot !== "string") await verifySnapshot(snapshot, index, name, sink, turn);
  else if (await platform.fs.exists(layout.index)) await reportUnusable(name, snapshot, sink);
}

/** Holds what was found in a data file against the index, as it is now. */
async function judge(
  parts: StoreParts,
  version: number,
  file: DataFile,
  verified: VerifiedData,
  sink: VerifySink,
  turn: Turn,
): Promise<void> {
  const copies = { fs: parts.platform.fs, layout: parts.layout, databaseId: parts.databaseId };
  for (const record of verified.corrupt) {
    const claim = claimOf(parts, record.header.collection, record.header.idLow, record.header.idHigh);
    const isNewest = claim?.entry.offset === record.offset && isIn(parts, claim, file);
    await judgeRecord(record, isNewest ? claim : undefined, verified, copies, sink, turn);
  }
  const claimed = new Set<unknown>();
  for (const claim of await suspects(parts, version, file, verified, turn)) {
    claimed.add(await judgeClaim(claim, verified, copies, sink, turn));
  }
  for (const damage of verified.damages) if (!claimed.has(damage)) await judgeUnclaimed(damage, verified, true, sink);
}

/** Entries of the index that point at no sound record. What was committed or moved since the moment doesn't count. */
async function suspects(
  parts: StoreParts,
  version: number,
  file: DataFile,
  { starts, source }: VerifiedData,
  turn: Turn,
): Promise<Claim[]> {
  const found: Claim[] = [];
  for (const { id: collection, name: collectionName, table } of [...parts.index.collections]) {
    for (const shard of table.shards) {
      shard.forEach((idLow, idHigh, entry) => {
        const claim = { collection, collectionName, idLow, idHigh, entry };
        const counts = entry.version <= version && entry.offset + entry.length <= source.bytes;
        if (!counts || !isIn(parts, claim, file)) return;
        if (!starts.has(entry.offset, collection, idLow, idHigh, entry.version)) found.push(claim);
      });
      await turn.pause();
    }
  }
  return found;
}

function claimOf(parts: StoreParts, collection: number, idLow: number, idHigh: number): Claim | undefined {
  const known = parts.index.collection(collection);
  const entry = known?.table.get(idLow, idHigh);
  if (known === undefined || entry === undefined) return undefined;
  return { collection, collectionName: known.name, idLow, idHigh, entry };
}

function isIn({ data }: StoreParts, { entry }: Claim, file: DataFile): boolean {
  const files = [data.current, data.previous];
  return files.find((one) => one?.parity === entry.parity) === file;
}

async function openIfThere(fs: StoreParts["platform"]["fs"], path: string): Promise<File | undefined> {
  try {
    return await fs.open(path, "read");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
