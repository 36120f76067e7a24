// Judges single operations on one document: is there an order of them that respects real time and in which each was
// answered as by one document that only one operation at a time touches? The search of Wing and Gong with the memory of
// Lowe (Testing for linearizability, 2017), which is also porcupine's.
//
// An operation without an answer may have been applied at any time after its call, or never.

export interface Operation {
  readonly kind: "get" | "put" | "delete";
  readonly key: string;
  readonly calledAt: number;
  /** Infinity: there was no answer. */
  readonly answeredAt: number;
  /** What was written; of a get, what was found (undefined: nothing). */
  readonly mark: string | undefined;
  /** Of a deletion that was answered: whether there was something. */
  readonly found: boolean;
}

/** The keys whose operations have no such order. */
export function nonlinearizableKeys(operations: readonly Operation[]): string[] {
  const byKey = Map.groupBy(operations, ({ key }) => key);
  return [...byKey].filter(([, own]) => !isLinearizable(own)).map(([key]) => key);
}

/** Whether the operations, all on one document that doesn't exist at first, are linearizable. */
export function isLinearizable(operations: readonly Operation[]): boolean {
  // A read without an answer tells nothing.
  const relevant = operations.filter(
    ({ kind, answeredAt }) => kind !== "get" || answeredAt !== Number.POSITIVE_INFINITY,
  );
  const sorted = relevant.toSorted((a, b) => a.calledAt - b.calledAt);
  const answered = sorted.filter(({ answeredAt }) => answeredAt !== Number.POSITIVE_INFINITY).length;
  const seen = new Set<string>();
  const done = new Uint8Array(sorted.length);
  const search = (state: string | undefined, left: number): boolean => {
    if (left === 0) return true;
    const situation = `${done.join("")}|${state ?? ""}`;
    if (seen.has(situation)) return false;
    seen.add(situation);
    // Whoever was called after somebody had been answered can't come before them.
    let deadline = Number.POSITIVE_INFINITY;
    for (const [i, { answeredAt }] of sorted.entries()) if (done[i] === 0) deadline = Math.min(deadline, answeredAt);
    for (const [i, operation] of sorted.entries()) {
      if (operation.calledAt > deadline) break;
      if (done[i] === 1) continue;
      const next = apply(operation, state);
      if (next === impossible) continue;
      done[i] = 1;
      const counts = operation.answeredAt === Number.POSITIVE_INFINITY ? 0 : 1;
      if (search(next, left - counts)) return true;
      done[i] = 0;
    }
    return false;
  };
  return search(undefined, answered);
}

const impossible = Symbol("impossible");

/** The state after an operation, unless its answer can't be one that this state gives. */
function apply(operation: Operation, state: string | undefined): string | undefined | typeof impossible {
  switch (operation.kind) {
    case "get":
      return operation.mark === state ? state : impossible;
    case "put":
      return operation.mark;
    case "delete": {
      const unanswered = operation.answeredAt === Number.POSITIVE_INFINITY;
      return unanswered || operation.found === (state !== undefined) ? undefined : impossible;
    }
  }
}
