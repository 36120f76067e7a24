// Each planted defect with the suite that must catch it, and within how many of its runs. The suites find nothing when
// nothing is planted: their own tests prove that. Whoever plants another defect gives it its line here.

import { plant, type Sabotage } from "../../src/base/sabotage.ts";
import { runModel } from "../model/model-run.ts";
import { runTrial } from "./damage-trial.ts";
import { runEveryPoint } from "./every-point.ts";
import { runRequests } from "./request-run.ts";
import { runSeed } from "./simulated-run.ts";
import { runTrimRace } from "./trim-race-run.ts";

/** The suites that hunt; a run with a number throws when it finds something. */
const suites = {
  simulation: runSeed,
  exhaustive: runEveryPoint,
  damage: runTrial,
  requests: runRequests,
  trimRace: runTrimRace,
  model: (number: number) => runModel(number, 100),
} as const satisfies Record<string, (number: number) => Promise<unknown>>;

interface Hunt {
  readonly suite: keyof typeof suites;
  /** Runs, from number 1, that must be enough: with some to spare, as every change of a suite changes its runs. */
  readonly runs: number;
  /** Found so early that \`npm test\` can hunt it too. */
  readonly quick?: true;
}

/**
 * What concerns transactions is caught by tests of their own; the first two of these by test/engine/database.test.ts
 * and large-commits.test.ts.
 */
type CaughtElsewhere =
  | "abort-keeps-pending"
  | "large-commit-seen-in-part"
  | "commit-skips-ranges"
  | "commit-ignores-pending"
  | "commit-skips-first-committer";

export type HuntedDefect = Exclude<Sabotage, CaughtElsewhere>;

/** A record of all, so that the compiler asks for a defect that is new. */
const hunts: Readonly<Record<HuntedDefect, Hunt>> = {
  "early-acknowledgement": { suite: "simulation", runs: 1000, quick: true },
  "failed-sync-believed": { suite: "simulation", runs: 1000 },
  "short-write-counts-as-whole": { suite: "simulation", runs: 1000, quick: true },
  "undo-unsynced": { suite: "exhaustive", runs: 20 },
  "rotation-without-sync": { suite: "simulation", runs: 1000, quick: true },
  "segment-rename-unsynced": { suite: "exhaustive", runs: 20 },
  "skipped-directory-sync": { suite: "simulation", runs: 1000, quick: true },
  "renamed-before-synced": { suite: "exhaustive", runs: 1, quick: true },
  "checkpoint-without-data-sync": { suite: "simulation", runs: 1000, quick: true },
  "failed-data-sync-forgotten": { suite: "exhaustive", runs: 20 },
  "snapshot-position-too-late": { suite: "simulation", runs: 1000, quick: true },
  "checkpoint-extent-too-long": { suite: "simulation", runs: 1000 },
  "checkpoint-record-unsynced": { suite: "simulation", runs: 1000 },
  "trim-before-checkpoint": { suite: "simulation", runs: 1000, quick: true },
  "trim-by-text-order": { suite: "simulation", runs: 4000 },
  "trim-takes-one-too-many": { suite: "simulation", runs: 1000 },
  "trim-takes-checkpoint-record": { suite: "trimRace", runs: 50, quick: true },
  "corruption-taken-for-torn": { suite: "damage", runs: 1000, quick: true },
  "wal-records-unchecked": { suite: "damage", runs: 1000, quick: true },
  "doubtful-not-rescued": { suite: "exhaustive", runs: 20 },
  "versions-reused": { suite: "simulation", runs: 1000, quick: true },
  "scan-passes-over-tombstones": { suite: "model", runs: 20, quick: true },
  "scan-passes-over-damage": { suite: "damage", runs: 1000, quick: true },
  "compaction-overwrites-newer": { suite: "simulation", runs: 1000, quick: true },
  "directory-trusted-after-failed-sync": { suite: "exhaustive", runs: 20 },
  "compaction-drops-unreadable": { suite: "damage", runs: 1000, quick: true },
  "compaction-forgets-ids": { suite: "model", runs: 40, quick: true },
  "compacted-file-adopted-early": { suite: "simulation", runs: 1000, quick: true },
  "unchecked-content": { suite: "damage", runs: 1000, quick: true },
  "healing-without-wal": { suite: "simulation", runs: 1000 },
  "read-without-identity": { suite: "damage", runs: 1000 },
  "old-versions-reclaimed-early": { suite: "simulation", runs: 1000, quick: true },
  "requests-not-recalled": { suite: "requests", runs: 20, quick: true },
  "commit-leaves-no-record": { suite: "requests", runs: 100, quick: true },
  "snapshot-without-requests": { suite: "requests", runs: 100, quick: true },
  "compaction-forgets-requests": { suite: "requests", runs: 100, quick: true },
  "validated-without-pending": { suite: "model", runs: 20, quick: true },
};

/** All defects that are hunted here, and those of them that are found within a second or so. */
export const plantable = Object.keys(hunts) as readonly HuntedDefect[];
export const quick = plantable.filter((defect) => hunts[defect].quick === true);

/** Plants a defect and returns the number of the run that caught it; throws when none did. */
export async function huntDefect(defect: HuntedDefect): Promise<number> {
  const { suite, runs } = hunts[defect];
  const run: (number: number) => Promise<unknown> = suites[suite];
  const remove = plant(defect);
  try {
    for (let number = 1; number <= runs; number++) {
      if (await isCaught(() => run(number))) return number;
    }
  } finally {
    remove();
  }
  throw new Error(`${defect} is not caught by ${runs} runs of the suite ${suite}`);
}

async function isCaught(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return false;
  } catch {
    return true;
  }
}
