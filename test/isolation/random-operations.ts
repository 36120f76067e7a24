// Histories of single operations on one document, drawn at random: of a document that works, with some answers changed
// afterwards, so that about half of them are not linearizable.

import type { Prng } from "../../src/platform/sim/prng.ts";
import type { Operation } from "./linearizability.ts";

const clients = 3;
const operationsEach = 4;

export function randomOperations(random: Prng): Operation[] {
  const operations: Operation[] = [];
  // When each client is free again. Every operation takes effect at a moment of its own between call and answer.
  const free = Array.from({ length: clients }, () => 0);
  const moments: { at: number; index: number }[] = [];
  for (let i = 0; i < clients * operationsEach; i++) {
    const client = i % clients;
    const calledAt = (free[client] as number) + 1 + random.below(20);
    const at = calledAt + 1 + random.below(20);
    const answeredAt = at + 1 + random.below(20);
    free[client] = answeredAt;
    const kind = random.pick(["get", "get", "put", "delete"] as const);
    const unanswered = kind !== "get" && random.below(8) === 0;
    const mark = kind === "put" ? `${i}.0` : undefined;
    const answer = unanswered ? Number.POSITIVE_INFINITY : answeredAt;
    operations.push({ kind, key: "k", calledAt, answeredAt: answer, mark, found: false });
    // One that was never answered may never have happened.
    if (!unanswered || random.below(2) === 0) moments.push({ at, index: i });
  }
  let stored: string | undefined;
  for (const { index } of moments.toSorted((a, b) => a.at - b.at)) {
    const operation = operations[index] as Operation;
    if (operation.kind === "get") operations[index] = { ...operation, mark: stored };
    else {
      if (operation.kind === "delete") operations[index] = { ...operation, found: stored !== undefined };
      stored = operation.mark;
    }
  }
  return random.below(2) === 0 ? operations : withOneAnswerChanged(operations, random);
}

function withOneAnswerChanged(operations: readonly Operation[], random: Prng): Operation[] {
  const marks = [undefined, ...operations.map(({ mark }) => mark)] as const;
  const place = random.below(operations.length);
  return operations.map((operation, i) => {
    if (i !== place) return operation;
    if (operation.kind === "get") return { ...operation, mark: random.pick(marks) };
    return operation.kind === "delete" ? { ...operation, found: !operation.found } : operation;
  });
}
