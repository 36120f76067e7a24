// Repairs a data directory that no server uses: finds out what is damaged, says what it would do and what would be
// lost, asks, copies what it is going to change, changes it, and checks again.
//
// Nothing is changed before the answer, and nothing before the copies are durable. Databases are mended one after the
// other, each so that a crash at any moment leaves it damaged as it was or mended (see rebuild.ts), so that a repair
// that was cut short is simply repeated. Each attempt has a folder of its own.

import { DocDBError } from "../base/errors.ts";
import { replaceFile } from "../platform/file-io.ts";
import type { Platform } from "../platform/platform.ts";
import { realPlatform } from "../platform/real/real-platform.ts";
import { layoutOf } from "../storage/layout.ts";
import type { Finding } from "../storage/verify/finding.ts";
import { checkLocked, takeLock } from "./check-directory.ts";
import { planCatalog } from "./repair-catalog.ts";
import { copyFiles, repairFolder } from "./repair-copies.ts";
import { planRepair, type RepairPlan } from "./repair-database.ts";
import type { Loss } from "./lost-commits.ts";

/** What a repair would do. */
export interface Proposal {
  readonly findings: readonly Finding[];
  /** What would be done, for people. Empty: nothing is to be done. */
  readonly steps: readonly string[];
  /** What can't be mended, and why. */
  readonly refusals: readonly string[];
  readonly losses: readonly Loss[];
  /** Where the copies would go. */
  readonly folder: string;
}

export interface RepairOutcome {
  readonly proposal: Proposal;
  readonly repaired: boolean;
  /** What is still damaged. */
  readonly findings: readonly Finding[];
}

/**
 * Repairs all databases, or the one with this name. `agrees` is asked once, and only when there is something to do.
 * ALREADY_RUNNING when a server uses the directory, INVALID_SETTING when it is no data directory,
 * DATABASE_NOT_FOUND.
 */
export async function repairDirectory(
  directory: string,
  database: string | undefined,
  agrees: (proposal: Proposal) => Promise<boolean>,
  platform: Platform = realPlatform(),
): Promise<RepairOutcome> {
  const { fs, clock } = platform;
  if (!(await fs.exists(`${directory}/data`)) || !(await fs.exists(`${directory}/wal`))) {
    const message = `${directory} is no data directory: it has no folders named data and wal.`;
    throw new DocDBError("INVALID_SETTING", message);
  }
  const lock = await takeLock(fs, directory);
  const plans: RepairPlan[] = [];
  try {
    const before = await findingsOf(platform, directory);
    const catalog = await planCatalog(platform, directory);
    const wanted = catalog.entries.filter(({ name, state }) => {
      return state === "ready" && (database === undefined || name.toLowerCase() === database.toLowerCase());
    });
    if (database !== undefined && wanted.length === 0) {
      throw new DocDBError("DATABASE_NOT_FOUND", `There is no database ${database} in ${directory}.`);
    }
    for (const { name, id } of wanted) plans.push(await planRepair(platform, layoutOf(directory, name), id));
    const folder = repairFolder(directory, clock.now());
    const proposal = { findings: before, ...contentsOf(catalog.steps, plans), folder };
    if (proposal.steps.length === 0 || !(await agrees(proposal))) {
      return { proposal, repaired: false, findings: before };
    }
    const changes = plans.flatMap((plan) => plan.changes);
    const catalogIsThere = catalog.content !== undefined && (await fs.exists(`${directory}/.catalog`));
    await copyFiles(fs, directory, folder, [...changes, ...(catalogIsThere ? [`${directory}/.catalog`] : [])]);
    for (const plan of plans) await plan.apply();
    if (catalog.content !== undefined) await replaceFile(fs, directory, ".catalog", catalog.content);
    return { proposal, repaired: true, findings: await findingsOf(platform, directory) };
  } finally {
    for (const plan of plans) await plan.close();
    await lock.release();
  }
}

function contentsOf(
  catalogSteps: readonly string[],
  plans: readonly RepairPlan[],
): Pick<Proposal, "steps" | "refusals" | "losses"> {
  const steps = [...catalogSteps];
  const refusals: string[] = [];
  for (const { database, steps: some, refusal } of plans) {
    steps.push(...some.map((step) => `${database}: ${step}`));
    if (refusal !== undefined) refusals.push(`${database}: ${refusal}`);
  }
  return { steps, refusals, losses: plans.flatMap(({ losses }) => losses) };
}

async function findingsOf(platform: Platform, directory: string): Promise<Finding[]> {
  const findings: Finding[] = [];
  const found = (finding: Finding): Promise<void> => Promise.resolve(void findings.push(finding));
  await checkLocked(directory, { found, checked: () => undefined }, platform);
  return findings;
}
