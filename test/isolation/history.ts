// What concurrent clients did and were answered: the material that the checkers of this folder judge.
//
// Every write has a content of its own, the number of its transaction and its place in it, so that a read tells whose
// write it saw. The ids of a history are few, so a list of a collection is a read of every id, found or not: then a
// phantom is a document that was read as absent.

/** A document of a history: `collection/id`. */
export type Key = string;

/** What somebody saw of a document: the write (undefined: there was none) and the version that the server gave it. */
export interface Seen {
  readonly key: Key;
  /** The mark in the content. */
  readonly mark: string | undefined;
  /** 0 when there was none, or it was the transaction's own. */
  readonly version: number;
}

/** A change of a document; `mark` undefined: a deletion. */
export interface Written {
  readonly key: Key;
  readonly mark: string | undefined;
}

export type Isolation = "serializable" | "snapshot" | "last_commit_wins";

/** One transaction, or one single operation seen as one. Times are any that only grow, from one clock. */
export interface Transaction {
  readonly number: number;
  readonly isolation: Isolation;
  readonly beganAt: number;
  endedAt: number;
  /** The version of its snapshot, as the server said. */
  snapshotVersion: number;
  outcome: "committed" | "aborted" | "unknown";
  /** The version of its commit; 0 when it wrote nothing, or that isn't known. */
  version: number;
  /** What it saw of others, in order. */
  readonly reads: Seen[];
  /** What it wrote, in order. */
  readonly writes: Written[];
}

export interface History {
  readonly transactions: readonly Transaction[];
  /** What is stored at the end: a read by nobody, after everything. */
  readonly final: readonly Seen[];
}

/** The mark of a write: whose it is, and which of the transaction's. */
export function markOf(transaction: number, write: number): string {
  return `${transaction}.${write}`;
}

/** The number of the transaction that made a write. */
export function writerOf(mark: string): number {
  return Number(mark.slice(0, mark.indexOf(".")));
}

/** The last write of a transaction to each key: what its commit brought about. */
export function lastWrites({ writes }: Transaction): Map<Key, string | undefined> {
  return new Map(writes.map(({ key, mark }) => [key, mark]));
}

/**
 * The history in which no outcome is unknown. A commit without an answer happened if anybody saw one of its writes, and
 * its version is the one that they were told. If nobody did, it counts as aborted; but what it deleted may be gone all
 * the same, since a deletion leaves no mark: that nothing is found there proves nothing.
 */
export function resolved({ transactions, final }: History): History & { readonly mayBeDeleted: ReadonlySet<Key> } {
  const mayBeDeleted = new Set<Key>();
  const versions = new Map<number, number>();
  for (const { mark, version } of [...transactions.flatMap(({ reads }) => reads), ...final]) {
    if (mark !== undefined && version > 0) versions.set(writerOf(mark), version);
  }
  const known = transactions.map((transaction): Transaction => {
    if (transaction.outcome !== "unknown") return transaction;
    const version = versions.get(transaction.number);
    if (version === undefined) {
      for (const [key, mark] of lastWrites(transaction)) if (mark === undefined) mayBeDeleted.add(key);
      return { ...transaction, outcome: "aborted" };
    }
    return { ...transaction, outcome: "committed", version, endedAt: Number.POSITIVE_INFINITY };
  });
  return { transactions: known, final, mayBeDeleted };
}
