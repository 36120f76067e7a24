// Turns of the event loop, shared by all pipelines of the server: however many calls one of them brings, each gets a
// slice in its turn, and all of them together leave the loop to others after a few milliseconds.
//
// Invariants
// 1. Streams that have something to do go round, one slice each.
// 2. After `turnMs` of slices the rest waits for the next turn of the event loop.
// 3. What became ready in a turn is sent at its end, together.

import type { Clock } from "../platform/platform.ts";

/** A pipeline, as this file sees it. */
export interface TurnTaker {
  /** Works for one slice. Returns whether there is more to do right away. */
  run(): boolean;
  /** Sends what has become ready. */
  flush(): void;
}

/** Milliseconds of one turn that all pipelines together take before others run. */
const turnMs = 4;

export class PipelineTurns {
  readonly #clock: Clock;
  /** Those with something to do, in the order of their next slice. */
  readonly #ring = new Set<TurnTaker>();
  readonly #toFlush = new Set<TurnTaker>();
  #turnEnds: number | undefined;
  #running = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** There is something to do: at once, when this turn has time left. */
  wake(taker: TurnTaker): void {
    this.#ring.add(taker);
    if (!this.#running) this.#run();
  }

  /** Flushes at the end of this turn. */
  flushLater(taker: TurnTaker): void {
    this.#toFlush.add(taker);
    this.#startTurn();
  }

  #run(): void {
    const turnEnds = this.#startTurn();
    this.#running = true;
    for (const taker of this.#ring) {
      if (this.#clock.monotonicMs() >= turnEnds) break;
      this.#ring.delete(taker);
      // Added again, it comes last.
      if (taker.run()) this.#ring.add(taker);
    }
    this.#running = false;
  }

  /** When this turn ends, by the clock. */
  #startTurn(): number {
    if (this.#turnEnds === undefined) {
      this.#turnEnds = this.#clock.monotonicMs() + turnMs;
      void this.#clock.yield().then(() => this.#endTurn());
    }
    return this.#turnEnds;
  }

  #endTurn(): void {
    this.#turnEnds = undefined;
    const takers = [...this.#toFlush];
    this.#toFlush.clear();
    for (const taker of takers) taker.flush();
    if (this.#ring.size > 0 && !this.#running) this.#run();
  }
}
