// The checkers themselves, on histories made by hand: each anomaly is found and called by its name, and what looks
// strange but is none is let pass.

import test from "ava";
import { type Anomaly, findAnomalies } from "./dependency-graph.ts";
import type { Seen, Transaction, Written } from "./history.ts";
import { isLinearizable, type Operation } from "./linearizability.ts";

/** `x` absent; `x=1.0@5` seen at version 5. */
function seen(text: string): Seen {
  const [key = "", mark, version = "0"] = text.split(/[=@]/);
  return { key, mark, version: Number(version) };
}

function transaction(number: number, version: number, reads: string[], writes: string[], more = {}): Transaction {
  const written = writes.map((key, i): Written => {
    return key.startsWith("-") ? { key: key.slice(1), mark: undefined } : { key, mark: `${number}.${i}` };
  });
  return {
    number,
    isolation: "serializable",
    beganAt: 0,
    endedAt: 100,
    snapshotVersion: 0,
    outcome: "committed",
    version,
    reads: reads.map(seen),
    writes: written,
    ...more,
  };
}

const set = transaction(1, 1, [], ["x", "y"]);

const cases: readonly [string, readonly Transaction[], readonly string[], readonly Anomaly[]][] = [
  ["one after the other", [set, transaction(2, 2, ["x=1.0@1"], ["x"])], ["x=2.0@2", "y=1.1@1"], []],
  [
    "a write skew",
    [set, transaction(2, 2, ["x=1.0@1", "y=1.1@1"], ["x"]), transaction(3, 3, ["x=1.0@1", "y=1.1@1"], ["y"])],
    ["x=2.0@2", "y=3.0@3"],
    ["G2"],
  ],
  [
    "a lost update",
    [set, transaction(2, 2, ["x=1.0@1"], ["x"]), transaction(3, 3, ["x=1.0@1"], ["x"])],
    ["x=3.0@3", "y=1.1@1"],
    ["G-single"],
  ],
  [
    "a read skew",
    [set, transaction(2, 2, [], ["x", "y"]), transaction(3, 0, ["x=1.0@1", "y=2.1@2"], [])],
    ["x=2.0@2", "y=2.1@2"],
    ["G-single"],
  ],
  [
    "a phantom: both saw the other's document as absent",
    [transaction(2, 2, ["q"], ["p"]), transaction(3, 3, ["p"], ["q"])],
    ["p=2.0@2", "q=3.0@3"],
    ["G2"],
  ],
  [
    "a read of what was aborted",
    [set, transaction(2, 0, [], ["x"], { outcome: "aborted" }), transaction(3, 0, ["x=2.0@2"], [])],
    ["x=1.0@1", "y=1.1@1"],
    ["G1a"],
  ],
  [
    "a read of what its writer replaced",
    [transaction(2, 2, [], ["x", "x"]), transaction(3, 0, ["x=2.0@2"], [])],
    ["x=2.1@2"],
    ["G1b"],
  ],
  [
    "reads in a circle",
    [transaction(2, 2, ["y=3.0@3"], ["x"]), transaction(3, 3, ["x=2.0@2"], ["y"])],
    ["x=2.0@2", "y=3.0@3"],
    ["G1c"],
  ],
  [
    "a stale read after the writer was answered",
    [set, transaction(2, 2, [], ["x"], { endedAt: 10 }), transaction(3, 0, ["x=1.0@1"], [], { beganAt: 11 })],
    ["x=2.0@2", "y=1.1@1"],
    ["stale"],
  ],
  ["a commit that isn't there in the end", [set], ["x=1.0@1", "y"], ["lost-write"]],
  ["a wrong version", [set, transaction(2, 0, ["x=1.0@7"], [])], ["x=1.0@1", "y=1.1@1"], ["wrong-version"]],
  [
    "a deletion seen by a later snapshot",
    [set, transaction(2, 2, [], ["-x"]), transaction(3, 3, ["x"], ["y"], { snapshotVersion: 2 })],
    ["x", "y=3.0@3"],
    [],
  ],
  [
    "a document that was created and deleted in one transaction, which nobody can tell",
    [set, transaction(2, 2, ["y=1.1@1"], ["p", "-p", "x"]), transaction(3, 3, ["p", "x=1.0@1"], ["y"])],
    ["x=2.2@2", "y=3.0@3"],
    ["G2"],
  ],
  [
    "the same without a dependency of its own",
    [set, transaction(2, 2, ["y=1.1@1"], ["p", "-p", "x"]), transaction(3, 3, ["p"], ["y"])],
    ["x=2.2@2", "y=3.0@3"],
    [],
  ],
  [
    "an unknown commit that somebody saw",
    [set, transaction(2, 0, [], ["x"], { outcome: "unknown" }), transaction(3, 0, ["x=2.0@2"], [])],
    ["x=2.0@2", "y=1.1@1"],
    [],
  ],
  [
    "an unknown deletion, which leaves nothing to see",
    [set, transaction(2, 0, [], ["-x"], { outcome: "unknown" }), transaction(3, 3, ["x"], ["y"])],
    ["x", "y=3.0@3"],
    [],
  ],
  [
    "an unknown commit of which only a half is there",
    [set, transaction(2, 0, [], ["x", "y"], { outcome: "unknown" })],
    ["x=2.0@2", "y=1.1@1"],
    ["lost-write"],
  ],
];

for (const [title, transactions, final, anomalies] of cases) {
  test(`${title}: ${anomalies.join() || "nothing wrong"}`, (t) => {
    const findings = findAnomalies({ transactions, final: final.map(seen) });
    t.deepEqual(
      findings.map(({ anomaly }) => anomaly),
      anomalies,
      findings.map(({ explanation }) => explanation).join("\n"),
    );
  });
}

function operation(kind: Operation["kind"], calledAt: number, answeredAt: number, mark?: string): Operation {
  return { kind, key: "k", calledAt, answeredAt, mark, found: mark !== undefined };
}

const never = Number.POSITIVE_INFINITY;

const registers: readonly [string, boolean, readonly Operation[]][] = [
  ["a read during a write may see either", true, [operation("put", 1, 10, "a"), operation("get", 2, 3)]],
  ["a read after a write must see it", false, [operation("put", 1, 2, "a"), operation("get", 3, 4)]],
  [
    "two reads during a write don't go back",
    false,
    [operation("put", 1, 10, "a"), operation("get", 2, 3, "a"), operation("get", 4, 5)],
  ],
  ["a write without an answer may show late", true, [operation("put", 1, never, "a"), operation("get", 8, 9, "a")]],
  ["a write without an answer may never show", true, [operation("put", 1, never, "a"), operation("get", 8, 9)]],
  [
    "a write without an answer doesn't come and go",
    false,
    [operation("put", 1, never, "a"), operation("get", 2, 3, "a"), operation("get", 4, 5)],
  ],
  ["a deletion that found nothing came first", true, [operation("delete", 1, 9), operation("put", 2, 8, "a")]],
  [
    "a document is deleted once",
    false,
    [operation("put", 1, 2, "a"), operation("delete", 3, 9, "yes"), operation("delete", 4, 8, "yes")],
  ],
];

for (const [title, expected, operations] of registers) {
  test(`${title}: ${expected ? "linearizable" : "not linearizable"}`, (t) => {
    t.is(isLinearizable(operations), expected);
  });
}
