// Whether a database would open for writing, by the steps of storage/recovery.ts, without changing a byte.

import { DocDBError } from "../base/errors.ts";
import { olderSegments } from "../storage/layout.ts";
import { readSegmentHeader, type Segment, surveyWal } from "../storage/wal-survey.ts";
import { SegmentLoader } from "../storage/segment-loader.ts";
import type { DataExtent } from "../storage/data-extent.ts";
import type { SegmentHeader } from "../storage/wal-format.ts";
import { dataHeaderBytes } from "../storage/data-format.ts";
import { type Patient, sourceOf } from "./patient.ts";

/** What a start would say. */
export interface Opening {
  /** Why the database wouldn't open for writing; undefined when it would. */
  readonly problem: string | undefined;
  /** Whether the log is why: then commits are missing. */
  readonly inLog: boolean;
  /** What would count of the data files. */
  readonly extents: readonly DataExtent[];
}

export async function judgeOpening(patient: Patient): Promise<Opening> {
  const loader = new SegmentLoader(patient.platform.fs);
  return await judge(patient, loader).finally(() => loader.free());
}

async function judge(patient: Patient, loader: SegmentLoader): Promise<Opening> {
  const { snapshot, turn } = patient;
  const chain = await segmentsOf(patient);
  if (typeof chain === "string") return { problem: chain, inLog: true, extents: [] };
  if (typeof snapshot === "object") {
    const { replayFrom, extents } = snapshot.position;
    const needed = lackOf(patient, extents) === undefined ? behind(chain, replayFrom) : [];
    if (needed.length > 0) {
      const { corruption } = await surveyWal(loader, needed, turn, replayFrom);
      const problem =
        corruption === undefined ? undefined : atPlace(corruption.path, corruption.offset, corruption.reason);
      return { problem, inLog: true, extents };
    }
  }
  const { corruption, checkpoint } = await surveyWal(loader, chain, turn);
  const generation = patient.sources[0]?.header.generation;
  const empty = generation === undefined ? [] : [{ generation, bytes: dataHeaderBytes }];
  const extents = checkpoint?.extents ?? empty;
  const inLog = { inLog: true, extents };
  if (corruption !== undefined) {
    return { ...inLog, problem: atPlace(corruption.path, corruption.offset, corruption.reason) };
  }
  if (behind(chain, checkpoint?.version ?? 0).length === 0) {
    return { ...inLog, problem: `${chain[0]?.path}: the log begins behind what the data file has` };
  }
  const lack = lackOf(patient, extents) ?? damageIn(patient, extents);
  return { problem: lack, inLog: false, extents };
}

/** The first damage in what counts of the data files that isn't the content of a document alone. */
export function damageIn(patient: Patient, extents: readonly DataExtent[]): string | undefined {
  for (const { generation, bytes } of extents) {
    const source = sourceOf(patient, generation);
    const damage = source?.damages.find(({ offset }) => offset < bytes);
    if (source !== undefined && damage !== undefined) {
      return atPlace(source.path, damage.offset, `${damage.length} bytes are no record`);
    }
  }
  return undefined;
}

function atPlace(path: string, offset: number, reason: string): string {
  return `${path}, offset ${offset}: ${reason}`;
}

/** The segments without a gap up to the active one, or why there is no active one. */
async function segmentsOf({ platform, layout, databaseId, log }: Patient): Promise<Segment[] | string> {
  const { fs } = platform;
  const older = olderSegments(layout.database, await fs.readdir(layout.walDirectory));
  const isThere = await fs.exists(layout.activeSegment);
  const newest = isThere ? layout.activeSegment : layout.nextSegment;
  if (!isThere && !(await fs.exists(newest))) return `${layout.activeSegment} is missing`;
  const chain: Segment[] = [];
  try {
    for (const path of [newest, ...older.reverse().map((number) => layout.segment(number))]) {
      const [successor] = chain;
      if (successor !== undefined && path !== layout.segment(successor.header.segment - 1)) break;
      const segment = { path, ...(await readHeader(platform, path, log.lostHeaders.get(path))) };
      if (segment.header.databaseId !== databaseId) return `${path} belongs to database ${segment.header.databaseId}`;
      chain.unshift(segment);
    }
  } catch (error) {
    if (error instanceof DocDBError && error.code === "DATABASE_CORRUPT") return error.message;
    throw error;
  }
  return chain;
}

/** The header of a segment and its length; one that was worked out counts as if it stood there. */
async function readHeader(
  { fs }: Patient["platform"],
  path: string,
  lost: SegmentHeader | undefined,
): Promise<Omit<Segment, "path">> {
  if (lost === undefined) return await readSegmentHeader(fs, path);
  const file = await fs.open(path, "read");
  try {
    return { header: lost, bytes: await file.size() };
  } finally {
    await file.close();
  }
}

function behind(chain: readonly Segment[], version: number): readonly Segment[] {
  const first = chain.findLastIndex(({ header }) => header.baseVersion <= version);
  return first === -1 ? [] : chain.slice(first);
}

function lackOf(patient: Patient, extents: readonly DataExtent[]): string | undefined {
  if (extents.length === 0) return `${patient.layout.data} is missing or has no sound header`;
  for (const { generation, bytes } of extents) {
    const source = sourceOf(patient, generation);
    if (source === undefined) return `the data file of generation ${generation} is missing or has no sound header`;
    if (source.bytes < bytes) return `${source.path} has ${source.bytes} bytes, but the checkpoint covers ${bytes}`;
  }
  return undefined;
}
