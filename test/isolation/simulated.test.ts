// Histories of the engine on simulated machines: nothing that the level forbids, what it allows does happen, and with a
// planted bug the checker finds what it lets through.

import test from "ava";
import { plant, type Sabotage } from "../../src/base/sabotage.ts";
import type { Isolation } from "../../src/engine/commands.ts";
import { type Anomaly, findAnomalies } from "./dependency-graph.ts";
import { problemsOf } from "./judge.ts";
import { simulatedHistory } from "./simulated-history.ts";

const seeds = 30;

/** The first seed with a history in which something is found, and what. */
async function firstFinding(isolation: Isolation, anomalies: readonly Anomaly[]): Promise<string | undefined> {
  for (let seed = 1; seed <= seeds; seed++) {
    const { history } = await simulatedHistory(seed, isolation);
    const finding = findAnomalies(history).find(({ anomaly }) => anomalies.includes(anomaly));
    if (finding !== undefined) return `seed ${seed}: ${finding.anomaly}, ${finding.explanation}`;
  }
  return undefined;
}

for (const isolation of ["serializable", "snapshot", "last_commit_wins"] as const) {
  test.serial(`${seeds} simulated histories keep what ${isolation} promises`, async (t) => {
    let committed = 0;
    for (let seed = 1; seed <= seeds; seed++) {
      const { history, operations } = await simulatedHistory(seed, isolation);
      t.deepEqual(problemsOf(history, operations, isolation), [], `seed ${seed}`);
      committed += history.transactions.filter(({ outcome, version }) => outcome === "committed" && version > 0).length;
    }
    t.log(`${committed} committed transactions`);
    t.true(committed > seeds * 5);
  });
}

test.serial(
  "what the weaker levels allow does happen: write skew under SNAPSHOT, lost updates under none",
  async (t) => {
    const [skew, lost] = [await firstFinding("snapshot", ["G2"]), await firstFinding("last_commit_wins", ["G-single"])];
    t.log(skew, lost);
    t.truthy(skew);
    t.truthy(lost);
  },
);

const planted: readonly [Sabotage, Isolation, readonly Anomaly[]][] = [
  ["commit-skips-ranges", "serializable", ["G-single", "G2"]],
  ["commit-ignores-pending", "serializable", ["G-single", "G2"]],
  ["commit-skips-first-committer", "snapshot", ["G-single"]],
];

for (const [defect, isolation, anomalies] of planted) {
  test.serial(`a planted bug is found by the checker: ${defect}`, async (t) => {
    const remove = plant(defect);
    try {
      const finding = await firstFinding(isolation, anomalies);
      t.log(finding);
      t.truthy(finding);
    } finally {
      remove();
    }
  });
}
