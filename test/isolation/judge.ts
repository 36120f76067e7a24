// Whether a history keeps what its isolation promises.

import type { Isolation } from "../../src/engine/commands.ts";
import { type Anomaly, type Finding, findAnomalies } from "./dependency-graph.ts";
import type { History } from "./history.ts";
import { nonlinearizableKeys, type Operation } from "./linearizability.ts";

/** What each level allows; all else it forbids. docs/transactions.md says the same. */
export const allowed: Readonly<Record<Isolation, readonly Anomaly[]>> = {
  serializable: [],
  snapshot: ["G2", "stale"],
  last_commit_wins: ["G-single", "G2", "stale"],
};

/** What is wrong, or nothing. */
export function problemsOf(history: History, operations: readonly Operation[], isolation: Isolation): string[] {
  const forbidden = findAnomalies(history).filter(({ anomaly }) => !allowed[isolation].includes(anomaly));
  const keys = nonlinearizableKeys(operations);
  return [
    ...forbidden.map(({ anomaly, explanation }: Finding) => `${anomaly}: ${explanation}`),
    ...keys.map((key) => `the single operations on ${key} are not linearizable`),
  ];
}
