// Judges the transactions of a history by their dependency graph (Adya, Liskov, O'Neil: Generalized Isolation Level
// Definitions, 2000). Versions tell the order of the writes to a document, and marks tell whose write a read saw, so
// the graph is known and nothing has to be searched for:
//
//     ww  one wrote a document, the other wrote its next version
//     wr  one wrote a version, the other read it
//     rw  one read a version, the other wrote the next one
//     rt  one was answered before the other began
//
// A read that found nothing saw the newest deletion, or the beginning, as of the version that its snapshot claims.

import { type History, type Key, lastWrites, resolved, type Seen, type Transaction, writerOf } from "./history.ts";

/**
 * What can be wrong. G0 to G2 as in the paper; `stale` is a cycle that needs the order of real time, `wrong-version` a
 * read whose version isn't the one that its writer was told, `lost-write` a history that ends in another state than its
 * last commits left.
 */
export type Anomaly = "G0" | "G1a" | "G1b" | "G1c" | "G-single" | "G2" | "stale" | "wrong-version" | "lost-write";

export interface Finding {
  readonly anomaly: Anomaly;
  readonly explanation: string;
}

type EdgeKind = "ww" | "wr" | "rw" | "rt";

interface Edge {
  readonly kind: EdgeKind;
  readonly to: number;
  readonly key: Key;
}

interface Version {
  readonly version: number;
  /** 0: the beginning. */
  readonly writer: number;
  readonly mark: string | undefined;
}

/** Everything that is wrong with a history, seen as one of serializable transactions in real time. */
export function findAnomalies(history: History): Finding[] {
  const { transactions: all, final: end, mayBeDeleted } = resolved(history);
  const isProof = ({ key, mark }: Seen): boolean => mark !== undefined || !mayBeDeleted.has(key);
  const transactions = all.map((each) => ({ ...each, reads: each.reads.filter(isProof) }));
  const final = end.filter(isProof);
  const byNumber = new Map(transactions.map((transaction) => [transaction.number, transaction]));
  const committed = transactions.filter(({ outcome }) => outcome === "committed");
  const findings = committed.flatMap((reader) => dirtyReads(reader, byNumber));
  const versions = versionsOf(committed);
  findings.push(...lostWrites(final, versions));
  const graph = dependencies(committed, versions);
  const cycle = (kinds: readonly EdgeKind[]): number[] | undefined => findCycle(graph, kinds);
  const report = (anomaly: Anomaly, found: readonly number[] | undefined): boolean => {
    if (found === undefined) return false;
    findings.push({ anomaly, explanation: explain(graph, found) });
    return true;
  };
  // A cycle is reported by its strictest name: what follows from it is not news.
  const worst =
    report("G0", cycle(["ww"])) ||
    report("G1c", cycle(["ww", "wr"])) ||
    report("G-single", singleAntiDependency(graph));
  if (!worst) report("G2", cycle(["ww", "wr", "rw"]));
  if (findings.length === 0) {
    addRealTime(graph, committed);
    report("stale", cycle(["ww", "wr", "rw", "rt"]));
  }
  return findings;
}

/** G1a and G1b: reads of what was never committed. */
function dirtyReads(reader: Transaction, byNumber: ReadonlyMap<number, Transaction>): Finding[] {
  const findings: Finding[] = [];
  for (const { key, mark, version } of reader.reads) {
    if (mark === undefined) continue;
    const writer = byNumber.get(writerOf(mark));
    const who = `transaction ${reader.number} read ${mark} of ${key}`;
    if (writer?.outcome !== "committed") findings.push({ anomaly: "G1a", explanation: `${who}, which was aborted` });
    else if (lastWrites(writer).get(key) !== mark) {
      findings.push({ anomaly: "G1b", explanation: `${who}, which its writer replaced` });
    } else if (writer.version !== version) {
      const explanation = `${who} with version ${version}, but it was committed with ${writer.version}`;
      findings.push({ anomaly: "wrong-version", explanation });
    }
  }
  return findings;
}

/** The versions of each document, oldest first; the first is the beginning. */
function versionsOf(committed: readonly Transaction[]): Map<Key, Version[]> {
  const versions = new Map<Key, Version[]>();
  for (const transaction of committed.toSorted((a, b) => a.version - b.version)) {
    if (transaction.version === 0) continue;
    for (const [key, mark] of lastWrites(transaction)) {
      const known = versions.get(key) ?? [{ version: 0, writer: 0, mark: undefined }];
      // Whoever creates a document and deletes it again has changed nothing.
      if (mark === undefined && known.at(-1)?.mark === undefined) continue;
      versions.set(key, [...known, { version: transaction.version, writer: transaction.number, mark }]);
    }
  }
  return versions;
}

function lostWrites(final: readonly Seen[], versions: ReadonlyMap<Key, readonly Version[]>): Finding[] {
  return final.flatMap(({ key, mark }) => {
    const last = versions.get(key)?.at(-1);
    if (last?.mark === mark) return [];
    const explanation = `${key} ends as ${mark ?? "absent"}, but the last commit left ${last?.mark ?? "nothing"}`;
    return [{ anomaly: "lost-write", explanation }];
  });
}

type Graph = Map<number, Edge[]>;

function dependencies(committed: readonly Transaction[], versions: ReadonlyMap<Key, readonly Version[]>): Graph {
  const graph: Graph = new Map(committed.map(({ number }) => [number, []]));
  const connect = (from: number, to: number, kind: EdgeKind, key: Key): void => {
    if (from !== to && from !== 0 && to !== 0) graph.get(from)?.push({ kind, to, key });
  };
  for (const [key, known] of versions) {
    for (let i = 1; i < known.length; i++) {
      connect((known[i - 1] as Version).writer, (known[i] as Version).writer, "ww", key);
    }
  }
  for (const reader of committed) {
    for (const seen of reader.reads) {
      const known = versions.get(seen.key) ?? [];
      const place = placeOf(seen, known, reader);
      if (place === -1) continue;
      connect((known[place] as Version).writer, reader.number, "wr", seen.key);
      const next = known[place + 1];
      if (next !== undefined) connect(reader.number, next.writer, "rw", seen.key);
    }
  }
  return graph;
}

/** Which of the versions of its document a read saw; -1 when none fits, of which `dirtyReads` tells. */
function placeOf({ mark }: Seen, known: readonly Version[], reader: Transaction): number {
  if (mark !== undefined) return known.findIndex((version) => version.mark === mark);
  const asOf = known.findLastIndex((v) => v.mark === undefined && v.version <= reader.snapshotVersion);
  return asOf;
}

function addRealTime(graph: Graph, committed: readonly Transaction[]): void {
  for (const earlier of committed) {
    for (const later of committed) {
      if (earlier.endedAt < later.beganAt) graph.get(earlier.number)?.push({ kind: "rt", to: later.number, key: "" });
    }
  }
}

/** A cycle with exactly one rw edge. */
function singleAntiDependency(graph: Graph): number[] | undefined {
  for (const [from, edges] of graph) {
    for (const { kind, to } of edges) {
      if (kind !== "rw") continue;
      const path = findPath(graph, to, from, ["ww", "wr"]);
      if (path !== undefined) return [from, ...path];
    }
  }
  return undefined;
}

/** The shortest way from one to another over edges of these kinds, both ends included. */
function findPath(graph: Graph, from: number, to: number, kinds: readonly EdgeKind[]): number[] | undefined {
  const cameFrom = new Map<number, number>([[from, from]]);
  const waiting = [from];
  for (let at = waiting.shift(); at !== undefined; at = waiting.shift()) {
    if (at === to) {
      const path = [to];
      while (path[0] !== from) path.unshift(cameFrom.get(path[0] as number) as number);
      return path;
    }
    for (const edge of graph.get(at) ?? []) {
      if (!kinds.includes(edge.kind) || cameFrom.has(edge.to)) continue;
      cameFrom.set(edge.to, at);
      waiting.push(edge.to);
    }
  }
  return undefined;
}

/**
 * A cycle over edges of these kinds, its first node repeated at its end. What nothing leads into is peeled off first.
 */
function findCycle(graph: Graph, kinds: readonly EdgeKind[]): number[] | undefined {
  const incoming = new Map<number, number>([...graph.keys()].map((node) => [node, 0]));
  const leaving = (node: number): Edge[] => (graph.get(node) ?? []).filter(({ kind }) => kinds.includes(kind));
  for (const node of graph.keys()) for (const { to } of leaving(node)) incoming.set(to, (incoming.get(to) ?? 0) + 1);
  const free = [...incoming].filter(([, count]) => count === 0).map(([node]) => node);
  for (let node = free.pop(); node !== undefined; node = free.pop()) {
    incoming.delete(node);
    for (const { to } of leaving(node)) {
      const count = (incoming.get(to) ?? 0) - 1;
      incoming.set(to, count);
      if (count === 0) free.push(to);
    }
  }
  for (const node of incoming.keys()) {
    for (const { to } of leaving(node)) {
      const path = findPath(graph, to, node, kinds);
      if (path !== undefined) return [node, ...path];
    }
  }
  return undefined;
}

function explain(graph: Graph, cycle: readonly number[]): string {
  const steps = cycle.slice(1).map((to, i) => {
    const edge = graph.get(cycle[i] as number)?.find((each) => each.to === to);
    return `-${edge?.kind}(${edge?.key})-> ${to}`;
  });
  return `transaction ${cycle[0]} ${steps.join(" ")}`;
}
