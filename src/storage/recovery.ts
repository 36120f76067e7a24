// Opening a database: from what a crash at any moment left, to the state after the last commit that survived.
//
//   1. find the segments; load the index snapshot, or rebuild the index from the data file up to the newest checkpoint
//   2. survey the WAL from there on; nothing has been changed so far, but for a change of segments that was cut short
//   3. cut the data file back to the checkpoint and replay the commits behind it
//   4. write the commits whose durability no later group proves into a fresh, durable segment
//
// A crash anywhere in this leaves a state from which the same steps lead to the same end, and files do not grow. When
// the WAL is corrupt (not just torn), steps 3 and 4 happen in memory only and the database is read-only.

import { sabotaged } from "../base/sabotage.ts";
import type { Clock, Platform } from "../platform/platform.ts";
import { Turn } from "../platform/turn.ts";
import type { Observer } from "../telemetry/observer.ts";
import { type Commit, dataBytesOf, encodeDataRecords, encodeWalGroup } from "./commit.ts";
import type { DataExtent } from "./data-extent.ts";
import type { DataFile } from "./data-file.ts";
import type { DataFiles } from "./data-files.ts";
import { applyDamaged, type DamagedRecord, scanDataFile } from "./data-scan.ts";
import { damaged } from "./disk-errors.ts";
import { DocumentIndex } from "./document-index.ts";
import { FoundDataFiles } from "./found-data-files.ts";
import { loadSnapshot } from "./index-snapshot.ts";
import type { Layout } from "./layout.ts";
import { SegmentLoader } from "./segment-loader.ts";
import { WalLog } from "./wal-log.ts";
import type { WalGroup } from "./wal-reader.ts";
import { WorkingMemory } from "./working-memory.ts";
import { type Corruption, findSegments, replayGroups, type Segment, surveyWal, type WalSurvey } from "./wal-survey.ts";

/** Versions that are passed over after a crash under a lossy fsync mode: some that were acknowledged may be lost. */
const lossyVersionJump = 2 ** 24;

export interface RecoveryOptions {
  readonly platform: Platform;
  readonly layout: Layout;
  readonly databaseId: number;
  /** Whether the fsync mode from now on is a lossy one. */
  readonly lossy: boolean;
  readonly observer: Observer;
}

export interface Recovered {
  readonly index: DocumentIndex;
  readonly data: DataFiles;
  readonly wal: WalLog;
  readonly lastVersion: number;
  /** The version of the next commit. */
  readonly nextVersion: number;
  /** The last checkpoint; commits behind it were replayed. */
  readonly checkpointVersion: number;
  /** Whether the index had to be rebuilt from the data files: a new snapshot spares the next start that. */
  readonly rebuilt: boolean;
  readonly replayed: number;
  /** Bytes of the WAL that were replayed. */
  readonly replayedBytes: number;
  /** The last thing in the WAL is the checkpoint of a clean close. */
  readonly closedCleanly: boolean;
  /** Set when acknowledged commits may be missing: the database must stay read-only. */
  readonly corruption: Corruption | undefined;
  /** Documents' newest records that were found damaged, when the index had to be rebuilt. */
  readonly damaged: readonly DamagedRecord[];
}

/** The state that replay starts from. */
interface Base {
  readonly index: DocumentIndex;
  readonly replayFrom: number;
  readonly extents: readonly DataExtent[];
  readonly rebuilt: boolean;
  readonly damaged: readonly DamagedRecord[];
}

export async function recover(options: RecoveryOptions): Promise<Recovered> {
  const { platform, layout, databaseId, observer } = options;
  const segments = await findSegments(platform.fs, layout, databaseId);
  const found = await FoundDataFiles.open(platform.fs, layout, databaseId);
  const loader = new SegmentLoader(platform.fs);
  try {
    const { base, survey } = await findBase(options, segments, found, loader);
    const { corruption } = survey;
    if (corruption !== undefined) observer.event("error", "the WAL is corrupt", { ...corruption });
    else if (survey.end.kind === "torn") reportTorn(options, survey);
    const data = await found.use(base.extents, corruption !== undefined);
    const replay = await replayInto(options, data, base, survey, loader);
    const wal = new WalLog(platform, layout, databaseId, options.lossy, sizesOf(segments));
    const active = survey.segments.at(-1)?.header;
    const lossyCrash = active?.lossy === true && !survey.closedCleanly;
    // A crash may have taken acknowledged commits along; their versions are passed over.
    const floor =
      Math.max(replay.lastVersion + 1, active?.firstVersion ?? 1) +
      (lossyCrash && !sabotaged("versions-reused") ? lossyVersionJump : 0);
    if (corruption === undefined && !sabotaged("doubtful-not-rescued"))
      await rescue(wal, platform.clock, databaseId, replay.inDoubt, floor, lossyCrash || options.lossy);
    return {
      index: base.index,
      data,
      wal,
      lastVersion: replay.lastVersion,
      nextVersion: floor,
      checkpointVersion: base.replayFrom,
      rebuilt: base.rebuilt,
      replayed: replay.commits,
      replayedBytes: replay.bytes,
      closedCleanly: survey.closedCleanly,
      corruption,
      damaged: base.damaged,
    };
  } catch (error) {
    await found.close().catch(() => undefined);
    throw error;
  } finally {
    loader.free();
  }
}

function sizesOf(segments: readonly Segment[]): Map<number, number> {
  return new Map(segments.map(({ header, bytes }) => [header.segment, bytes]));
}

/** An interrupted write looks like this, and so does a last group that rotted: an operator should hear of it. */
function reportTorn({ observer, layout }: RecoveryOptions, { end, newestBytes }: WalSurvey): void {
  const { offset } = end;
  const fields = { database: layout.database, path: layout.activeSegment, offset, bytes: newestBytes - offset };
  observer.event("warn", "discarded the torn end of the WAL", fields);
}

/** The index snapshot if it can be used; otherwise the data files, up to the newest checkpoint that the WAL records. */
async function findBase(
  options: RecoveryOptions,
  segments: readonly Segment[],
  found: FoundDataFiles,
  loader: SegmentLoader,
): Promise<{ base: Base; survey: WalSurvey }> {
  const { platform, layout, databaseId, observer } = options;
  const turn = new Turn(platform.clock);
  const snapshot = await loadSnapshot(platform.fs, layout.index, databaseId, turn);
  if (typeof snapshot !== "string") {
    const { replayFrom, extents } = snapshot.position;
    const needed = found.lack(extents) === undefined ? segmentsFrom(segments, replayFrom) : undefined;
    if (needed !== undefined) {
      const survey = await surveyWal(loader, needed, turn, replayFrom);
      return { base: { index: snapshot.index, replayFrom, extents, rebuilt: false, damaged: [] }, survey };
    }
  }
  const survey = await surveyWal(loader, segments, turn);
  const replayFrom = survey.checkpoint?.version ?? 0;
  const extents = survey.checkpoint?.extents ?? found.emptyExtents;
  if (segmentsFrom(segments, replayFrom) === undefined) {
    const missing = (segments[0]?.header.segment ?? 1) - 1;
    const reason = `WAL segment ${missing} is missing: nothing has the versions from ${replayFrom + 1} on`;
    throw damaged(layout.segment(missing), reason);
  }
  const lack = found.lack(extents);
  if (lack !== undefined) throw damaged(layout.data, lack);
  if (replayFrom > 0) {
    const why = typeof snapshot === "string" ? snapshot : "it does not fit the data files or the WAL";
    observer.event("warn", "rebuilding the index from the data files", { database: layout.database, why });
  }
  const index = new DocumentIndex();
  const broken: DamagedRecord[] = [];
  for (const { generation, bytes } of extents) {
    const { file, header } = found.fileOf(generation);
    broken.push(...(await scanDataFile(index, file, header, bytes, turn)));
  }
  return {
    base: {
      index,
      replayFrom,
      extents,
      rebuilt: replayFrom > 0,
      damaged: sabotaged("scan-passes-over-damage") ? [] : applyDamaged(index, broken),
    },
    survey,
  };
}

/** The segments that hold the versions behind `version`, or undefined when the first of them is missing. */
function segmentsFrom(segments: readonly Segment[], version: number): readonly Segment[] | undefined {
  const first = segments.findLastIndex((segment) => segment.header.baseVersion <= version);
  return first === -1 ? undefined : segments.slice(first);
}

interface Replay {
  readonly lastVersion: number;
  readonly commits: number;
  readonly bytes: number;
  /** Groups with commits whose durability no later group proves, oldest first: views of the last segment's bytes. */
  readonly inDoubt: readonly WalGroup[];
}

async function replayInto(
  options: RecoveryOptions,
  data: DataFiles,
  base: Base,
  survey: WalSurvey,
  loader: SegmentLoader,
): Promise<Replay> {
  const isComplete = survey.corruption === undefined && survey.end.lastVersion <= base.replayFrom;
  if (isComplete) return { lastVersion: base.replayFrom, commits: 0, bytes: 0, inDoubt: [] };
  const turn = new Turn(options.platform.clock);
  const needed = segmentsFrom(survey.segments, base.replayFrom) ?? [];
  const inDoubt: WalGroup[] = [];
  const records = new WorkingMemory();
  let lastVersion = base.replayFrom;
  let commits = 0;
  let bytes = 0;
  await replayGroups(loader, needed, survey.ends, async (group, segment) => {
    if (survey.corruption !== undefined && group.lastVersion > survey.corruption.lastVersion) return;
    const isLast = segment.header.segment === survey.newest;
    // What the checkpoint covers is in the data file: it would be rescued to stand before commits that don't follow it.
    const isCovered = group.lastVersion <= base.replayFrom;
    if (isLast && group.offset >= survey.end.durableOffset && group.commits.length > 0 && !isCovered) {
      inDoubt.push(group);
    }
    lastVersion = Math.max(lastVersion, group.lastVersion);
    const fresh = group.commits.filter((commit) => commit.version > base.replayFrom);
    commits += fresh.length;
    if (fresh.length > 0) bytes += group.end - group.offset;
    await appendCommits(data.current, base.index, fresh, records);
    await turn.pause();
  }).finally(() => records.free());
  return { lastVersion, commits, bytes, inDoubt };
}

/** Adds to the data file and the index what of these commits they lack. */
async function appendCommits(
  data: DataFile,
  index: DocumentIndex,
  commits: readonly Commit[],
  memory: WorkingMemory,
): Promise<void> {
  const lacking = commits
    .map(({ version, mutations }) => ({ version, mutations: mutations.filter((m) => !index.has(m, version)) }))
    .filter(({ mutations }) => mutations.length > 0);
  if (lacking.length === 0) return;
  const bytes = encodeDataRecords(lacking, data.header.salt, memory);
  await data.append(bytes);
  let offset = data.tail;
  data.accept(bytes.length);
  for (const { version, mutations } of lacking) {
    for (const mutation of mutations) {
      const length = dataBytesOf(mutation);
      index.apply(mutation, version, { offset, length, parity: data.parity });
      offset += length;
    }
  }
}

/** Writes groups of doubtful durability into a fresh segment, which is durable before it takes over. */
async function rescue(
  wal: WalLog,
  clock: Clock,
  databaseId: number,
  groups: readonly WalGroup[],
  firstVersion: number,
  lossy: boolean,
): Promise<void> {
  const baseVersion = groups[0]?.header.baseVersion;
  if (baseVersion === undefined) return;
  const turn = new Turn(clock);
  const body = async (salt: number): Promise<Uint8Array> => {
    const pieces: Uint8Array[] = [];
    for (const { commits, header } of groups) {
      pieces.push(encodeWalGroup(commits, { databaseId, salt, baseVersion: header.baseVersion, durableOffset: 0 }));
      await turn.pause();
    }
    return Buffer.concat(pieces);
  };
  await wal.start({ firstVersion, baseVersion, body, lossy });
}
