// What a repair does to one database: found out first, done later.

import { idOf } from "../base/u64.ts";
import { readFully, writeFully } from "../platform/file-io.ts";
import type { Platform } from "../platform/platform.ts";
import { Turn } from "../platform/turn.ts";
import { encodeDataRecords } from "../storage/commit.ts";
import { contentChecksumOffset, encodeDataHeader } from "../storage/data-format.ts";
import { loadSnapshot } from "../storage/index-snapshot.ts";
import type { Layout } from "../storage/layout.ts";
import { findInWal } from "../storage/wal-search.ts";
import { relativeName } from "../storage/verify/relative-name.ts";
import { encodeSegmentHeader } from "../storage/wal-format.ts";
import { removeIfThere } from "../storage/wal-log.ts";
import { adoptCompacted } from "../storage/compaction.ts";
import { type DataSource, readDataSources } from "./data-source.ts";
import { readLog } from "./log-contents.ts";
import { damageIn, judgeOpening, type Opening } from "./opening-problem.ts";
import { rebuild } from "./rebuild.ts";
import type { Loss } from "./lost-commits.ts";
import { type Patient, salvage } from "./salvage.ts";

/** What would be done, and what would be lost. Nothing has been changed yet. */
export interface RepairPlan {
  readonly database: string;
  /** What would be done, for people. Empty: nothing. */
  readonly steps: readonly string[];
  readonly losses: readonly Loss[];
  /** Why it can't be mended; then there are no steps. */
  readonly refusal?: string;
  /** Files that would be changed or removed. */
  readonly changes: readonly string[];
  readonly apply: () => Promise<void>;
  /** Closes what the plan holds open. */
  readonly close: () => Promise<void>;
}

/** Looks at a database and plans. */
export async function planRepair(platform: Platform, layout: Layout, databaseId: number): Promise<RepairPlan> {
  const { fs } = platform;
  const turn = new Turn(platform.clock);
  const sources: DataSource[] = [];
  const close = async (): Promise<void> => {
    for (const { file } of sources) await file.close();
  };
  try {
    const log = await readLog(fs, layout, databaseId, turn);
    const snapshot = await loadSnapshot(fs, layout.index, databaseId, turn);
    const extents = typeof snapshot === "object" ? snapshot.position.extents : (log.checkpoint?.extents ?? []);
    sources.push(...(await readDataSources(fs, layout, databaseId, extents[0]?.generation ?? 1, turn)));
    const patient = { platform, layout, databaseId, turn, log, sources, snapshot };
    const opening = await judgeOpening(patient);
    const problem = opening.problem ?? damageIn(patient, opening.extents);
    const plan =
      problem === undefined ? await planSmall(patient, opening) : await planRebuild(patient, opening, problem);
    return { database: layout.database, ...withHeaders(patient, plan), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A plan that first writes headers anew which were worked out: the rest of it counts on them. */
function withHeaders({ platform, layout, sources, log }: Patient, plan: Plan): Plan {
  const headers = new Map<string, Buffer>();
  for (const { path, header, headerLost } of sources) if (headerLost) headers.set(path, encodeDataHeader(header));
  for (const [path, header] of log.lostHeaders) headers.set(path, encodeSegmentHeader(header));
  if (headers.size === 0 || plan.refusal !== undefined) return plan;
  const steps = [...headers.keys()].map((path) => {
    return `Write the header of ${relativeName(path, layout)} anew: what stands behind it tells what it said.`;
  });
  const apply = async (): Promise<void> => {
    for (const [path, bytes] of headers) await rewrite(platform, path, 0, bytes);
    await plan.apply();
  };
  const changes = [...new Set([...headers.keys(), ...plan.changes])];
  return { ...plan, steps: [...steps, ...plan.steps], changes, apply };
}

type Plan = Omit<RepairPlan, "database" | "close">;

function refuse(reason: string): Plan {
  const refusal = `docdb repair can't mend this: ${reason}. Restore it from a backup.`;
  return { steps: [], losses: [], refusal, changes: [], apply: () => Promise.resolve() };
}

async function planRebuild(patient: Patient, opening: Opening, problem: string): Promise<Plan> {
  const { platform, layout, log } = patient;
  const state = await salvage(patient);
  if (typeof state === "string") return refuse(`${problem}; ${state}`);
  const [extent, second] = state.extents;
  if (extent === undefined || second !== undefined) {
    return refuse(`${problem}; and a compaction was under way: the documents are in two data files`);
  }
  const source = patient.sources.find(({ header }) => header.generation === extent.generation);
  const isCompacted = source?.path === layout.compact;
  const losses = [...state.losses];
  if (opening.inLog && opening.problem !== undefined) {
    const message = `Whatever was committed behind version ${state.lastVersion} is lost, also what isn't named here.`;
    losses.push({ database: layout.database, collection: "", id: 0n, version: state.lastVersion + 1, message });
  }
  const changes: string[] = [...log.paths];
  for (const path of [layout.data, layout.compact, layout.index]) {
    if (await platform.fs.exists(path)) changes.push(path);
  }
  const steps = [
    `${problem}.`,
    `Write what is sound, up to version ${state.lastVersion}, into a new data file, and begin a new log.`,
  ];
  const apply = async (): Promise<void> => {
    if (isCompacted) await adoptCompacted(platform.fs, layout, { needsAdoption: true });
    const moved = patient.sources
      .filter(({ path }) => !isCompacted || path === layout.compact)
      .map((each) => (isCompacted ? { ...each, path: layout.data } : each));
    await rebuild({ ...patient, sources: moved }, state);
  };
  return { steps, losses, changes, apply };
}

/** For a database that opens: an index snapshot of no use goes, and damaged contents are healed from the log. */
async function planSmall(patient: Patient, { extents }: Opening): Promise<Plan> {
  const { platform, layout, snapshot, turn, databaseId } = patient;
  const { fs } = platform;
  const steps: string[] = [];
  const changes = new Set<string>();
  const actions: (() => Promise<void>)[] = [];
  if (typeof snapshot === "string" && (await fs.exists(layout.index))) {
    steps.push(`Remove the index snapshot: ${snapshot}. The next start rebuilds it.`);
    changes.add(layout.index);
    actions.push(async () => {
      await removeIfThere(fs, layout.index);
      await fs.syncDirectory(layout.dataDirectory);
    });
  }
  for (const source of patient.sources) {
    const covered = extents.find(({ generation }) => generation === source.header.generation)?.bytes ?? 0;
    for (const { offset, header } of source.corrupt.filter((record) => record.offset < covered)) {
      const { idLow, idHigh, version } = header;
      const copy = await findInWal(fs, layout, databaseId, header, turn);
      if (copy === undefined) continue;
      const bytes = encodeDataRecords([{ version, mutations: [copy] }], source.header.salt);
      // A copy from another life of the database isn't what stood here.
      if (bytes.readUInt32LE(contentChecksumOffset) !== header.contentChecksum) continue;
      const name = relativeName(source.path, layout);
      steps.push(`Rewrite version ${version} of document ${idOf(idLow, idHigh)} in ${name} from the log's copy.`);
      changes.add(source.path);
      actions.push(() => rewrite(platform, source.path, offset, bytes));
    }
  }
  const apply = async (): Promise<void> => {
    for (const action of actions) await action();
  };
  return { steps, losses: [], changes: [...changes], apply };
}

async function rewrite(platform: Platform, path: string, offset: number, bytes: Buffer): Promise<void> {
  const file = await platform.fs.open(path, "write");
  try {
    await writeFully(file, bytes, offset);
    await file.datasync();
    if ((await readFully(file, offset, bytes.length))?.equals(bytes) === true) return;
    throw new Error(`${path}: what was written at offset ${offset} doesn't read back`);
  } finally {
    await file.close();
  }
}
