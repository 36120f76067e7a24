// How long work may go on in one turn of the event loop. Starting a call is only a part of what it costs: requests are
// read before, and replies written after, in the same turn. So the budget follows from what turns really take: while
// work is left over, turn after turn, it shrinks when they are longer than the target and grows when they are shorter.
//
// Invariants
// 1. In each turn some work is done, so that nothing waits for ever.
// 2. Work that is left over goes on in the next turn, after the loop has looked for I/O.
// 3. A turn that is long because too much has come in says nothing about the work, which then gets its part all the
//    same: else a server that is asked for too much would do nothing but listen.

import type { Clock } from "../platform/platform.ts";

/** Milliseconds that a turn is to take when there is more work than fits into it. */
const targetMs = 3;
/** Bounds of the budget, in milliseconds. */
const [leastMs, mostMs] = [0.25, 4];
/** What work gets at least behind a flood. */
const floodedMs = 2;

export class TurnBudget {
  readonly #clock: Clock;
  readonly #onTurn: () => void;
  #budgetMs = mostMs;
  #startMs = 0;
  #endMs = 0;
  #inTurn = false;
  /** Whether the turn before ended with work left over. */
  #leftOver = false;
  #flooded = false;

  /** `onTurn` is called once after each turn in which `hasTime` was asked. */
  constructor(clock: Clock, onTurn: () => void) {
    this.#clock = clock;
    this.#onTurn = onTurn;
  }

  /** Whether more work may begin in this turn. The first to ask begins the turn, and has time. */
  get hasTime(): boolean {
    if (!this.#inTurn) {
      this.#begin();
      return true;
    }
    if (this.#clock.monotonicMs() < this.#endMs) return true;
    this.#leftOver = true;
    return false;
  }

  /** Milliseconds that work gets in a turn now. */
  get budgetMs(): number {
    return this.#budgetMs;
  }

  /** Makes sure that `onTurn` is called. */
  begin(): void {
    if (!this.#inTurn) this.#begin();
  }

  /** More has come in than one turn should take. */
  flooded(): void {
    this.#flooded = true;
  }

  #begin(): void {
    const nowMs = this.#clock.monotonicMs();
    if (this.#flooded) {
      this.#budgetMs = Math.max(floodedMs, this.#budgetMs);
    } else if (this.#leftOver) {
      const change = Math.min(1.25, Math.max(0.5, targetMs / Math.max(nowMs - this.#startMs, leastMs)));
      this.#budgetMs = Math.min(mostMs, Math.max(leastMs, this.#budgetMs * change));
    }
    this.#leftOver = false;
    this.#flooded = false;
    this.#startMs = nowMs;
    this.#endMs = nowMs + this.#budgetMs;
    this.#inTurn = true;
    void this.#clock.yield().then(() => {
      this.#inTurn = false;
      this.#onTurn();
    });
  }
}
