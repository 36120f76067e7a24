// The reliability suites find what they are there to find: with a defect planted, some seed ends in a violation. A
// suite that lets one pass is worth nothing, however many seeds it runs.

import test from "ava";
import { plant, type Sabotage } from "../../src/base/sabotage.ts";
import { Violation } from "./commit-model.ts";
import { runSeed } from "./simulated-run.ts";

/**
 * The simulation can't tell whether a refusal was right: test/engine/database.test.ts can. test/isolation/ catches what
 * concerns transactions; exhaustive.test.ts the one about directories, which takes a database that is opened again in
 * the same process.
 */
type CaughtElsewhere =
  | "abort-keeps-pending"
  | "directory-trusted-after-failed-sync"
  | "commit-skips-ranges"
  | "commit-ignores-pending"
  | "commit-skips-first-committer";

/** Each defect with the seeds that must be enough. A record of all, so that the compiler asks for one that is new. */
const seedsToCatch: Readonly<Record<Exclude<Sabotage, CaughtElsewhere>, number>> = {
  "early-acknowledgement": 100,
  "skipped-directory-sync": 400,
  "checkpoint-without-data-sync": 100,
  "trim-before-checkpoint": 200,
  "unchecked-content": 200,
  "healing-without-wal": 200,
  "old-versions-reclaimed-early": 100,
};

for (const [name, seeds] of Object.entries(seedsToCatch)) {
  const defect = name as Sabotage;
  test.serial(`a planted defect is caught: ${defect}`, async (t) => {
    const remove = plant(defect);
    try {
      const caughtBy = await firstViolation(seeds);
      t.log(`seed ${caughtBy}`);
      t.not(caughtBy, undefined);
    } finally {
      remove();
    }
  });
}

/** The first seed that ends in a violation; simulation.test.ts proves that none does without a planted defect. */
async function firstViolation(seeds: number): Promise<number | undefined> {
  for (let seed = 1; seed <= seeds; seed++) {
    try {
      await runSeed(seed);
    } catch (error) {
      if (error instanceof Violation) return seed;
      throw error;
    }
  }
  return undefined;
}
