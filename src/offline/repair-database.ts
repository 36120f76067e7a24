// What a repair does to one database: found out first, done later.

import { idOf } from "../base/u64.ts";
import type { Platform } from "../platform/platform.ts";
import { Turn } from "../platform/turn.ts";
import { encodeDataRecords } from "../storage/commit.ts";
import { contentChecksumOffset } from "../storage/data-format.ts";
import { loadSnapshot } from "../storage/index-snapshot.ts";
import type { Layout } from "../storage/layout.ts";
import { findInWal } from "../storage/wal-search.ts";
import { relativeName } from "../storage/verify/relative-name.ts";
import { removeIfThere } from "../storage/wal-log.ts";
import { type DataSource, ownerOf, readDataSources } from "./data-source.ts";
import { type LogContents, readLog } from "./log-contents.ts";
import { damageIn, judgeOpening, type Opening } from "./opening-problem.ts";
import { adopt, rebuild } from "./rebuild.ts";
import type { Loss } from "./lost-commits.ts";
import { type Patient, sourceOf } from "./patient.ts";
import { salvage } from "./salvage.ts";
import { workedOutPieces, writeInPlace } from "./worked-out.ts";

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
    const patient = { platform, layout, databaseId, turn, log, sources: countingOf(sources, layout, log), snapshot };
    const plan = (await reasonToRefuse(patient)) ?? (await planFor(patient));
    return { database: layout.database, ...withHeaders(patient, plan), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A plan that first writes headers anew which were worked out: the rest of it counts on them. */
function withHeaders(patient: Patient, plan: Plan): Plan {
  const pieces = workedOutPieces(patient);
  if (pieces.length === 0 || plan.refusal !== undefined) return plan;
  const steps = pieces.map(({ step }) => step);
  const apply = async (): Promise<void> => {
    for (const piece of pieces) await writeInPlace(patient.platform, piece);
    await plan.apply();
  };
  const changes = [...new Set([...pieces.map(({ path }) => path), ...plan.changes])];
  return { ...plan, steps: [...steps, ...plan.steps], changes, apply };
}

type Plan = Omit<RepairPlan, "database" | "close">;

function refuse(reason: string): Plan {
  const refusal = `docdb repair can't mend this: ${reason}. Restore it from a backup.`;
  return { steps: [], losses: [], refusal, changes: [], apply: () => Promise.resolve() };
}

/** A file that an earlier repair wrote counts when it came as far as to name it in the log. */
function countingOf(sources: readonly DataSource[], layout: Layout, log: LogContents): readonly DataSource[] {
  return sources.filter(({ path, header }) => {
    return (
      path !== layout.rebuilt || log.checkpoint?.extents.some(({ generation }) => generation === header.generation)
    );
  });
}

async function reasonToRefuse({
  platform,
  layout,
  databaseId,
  sources,
  log,
  snapshot,
}: Patient): Promise<Plan | undefined> {
  const owner = await ownerOf(platform.fs, layout.data);
  if (owner !== undefined && owner !== databaseId) {
    return refuse(`${layout.data} belongs to database ${owner} and not to ${databaseId}: move it away`);
  }
  const isNothing = sources.length === 0 && log.highestSegment === 0 && typeof snapshot === "string";
  return isNothing ? refuse("no file of it is left that can be read") : undefined;
}

async function planFor(patient: Patient): Promise<Plan> {
  const opening = await judgeOpening(patient);
  const problem = opening.problem ?? damageIn(patient, opening.extents);
  if (problem !== undefined) return await planRebuild(patient, opening, problem);
  const isWritten = opening.extents.some(({ generation }) => {
    return sourceOf(patient, generation)?.path === patient.layout.rebuilt;
  });
  return isWritten ? await planAdoption(patient) : await planSmall(patient, opening);
}

async function planRebuild(patient: Patient, opening: Opening, problem: string): Promise<Plan> {
  const { layout } = patient;
  const state = await salvage(patient);
  const losses = [...state.losses];
  const hasAll = patient.log.endsSoundly && (patient.log.groups.at(-1)?.lastVersion ?? 0) <= state.lastVersion;
  if (opening.inLog && opening.problem !== undefined && !hasAll) {
    const message = `Whatever was committed behind version ${state.lastVersion} is lost, also what isn't named here.`;
    losses.push({ database: layout.database, collection: "", id: 0n, version: state.lastVersion + 1, message });
  }
  const steps = [
    `${problem}.`,
    `Write what is sound, up to version ${state.lastVersion}, into a new data file, and begin a new log.`,
  ];
  return { steps, losses, changes: await filesOf(patient), apply: () => rebuild(patient, state) };
}

/** For what a crash left of an earlier repair. */
async function planAdoption(patient: Patient): Promise<Plan> {
  const { layout } = patient;
  const name = relativeName(layout.rebuilt, layout);
  const steps = [`Put ${name}, which an earlier repair has written, in the place of the data file.`];
  return { steps, losses: [], changes: await filesOf(patient), apply: () => adopt(patient, layout.rebuilt) };
}

async function filesOf({ platform, layout, log }: Patient): Promise<string[]> {
  const files: string[] = [...log.paths];
  for (const path of [layout.data, layout.compact, layout.rebuilt, layout.index]) {
    if (await platform.fs.exists(path)) files.push(path);
  }
  return files;
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
      actions.push(() => writeInPlace(platform, { path: source.path, offset, bytes }));
    }
  }
  const apply = async (): Promise<void> => {
    for (const action of actions) await action();
  };
  return { steps, losses: [], changes: [...changes], apply };
}
