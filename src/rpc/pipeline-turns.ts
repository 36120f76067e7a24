// Turns of the event loop, shared by all pipelines of the server: however many calls one of them brings, each gets a
// slice in its turn, and all of them together leave the loop to others after a few milliseconds.
//
// Invariants
// 1. Slices go round over the databases, and among the streams of one database, in the order in which they asked.
// 2. When the time of a turn is over the rest waits for the next turn of the event loop.
// 3. What became ready in a turn is sent at its end, together.

import type { Clock } from "../platform/platform.ts";
import { FairQueues } from "../scheduler/fair-queues.ts";
import { TurnBudget } from "../scheduler/turn-budget.ts";

/** A pipeline, as this file sees it. */
export interface TurnTaker {
  /** The database that its calls are about, as it was written; undefined before the first call. */
  readonly database: string | undefined;
  /** Works for one slice. Returns whether there is more to do right away. */
  run(): boolean;
  /** Sends what has become ready. */
  flush(): void;
}

export class PipelineTurns {
  readonly #budget: TurnBudget;
  readonly #queues = new FairQueues<TurnTaker>();
  /** Those in the queues. */
  readonly #waiting = new Set<TurnTaker>();
  readonly #toFlush = new Set<TurnTaker>();
  #running = false;

  constructor(clock: Clock) {
    this.#budget = new TurnBudget(clock, () => this.#onTurn());
  }

  /** There is something to do: at once, when this turn has time left. */
  wake(taker: TurnTaker): void {
    this.#wait(taker);
    if (!this.#running) this.#run();
  }

  /** Flushes at the end of this turn. */
  flushLater(taker: TurnTaker): void {
    this.#toFlush.add(taker);
    this.#budget.begin();
  }

  #wait(taker: TurnTaker): void {
    if (this.#waiting.has(taker)) return;
    this.#waiting.add(taker);
    this.#queues.push(taker.database?.toLowerCase() ?? "", taker);
  }

  #run(): void {
    this.#running = true;
    while (this.#queues.size > 0 && this.#budget.hasTime) {
      const taker = this.#queues.shift();
      if (taker === undefined) break;
      this.#waiting.delete(taker);
      if (taker.run()) this.#wait(taker);
    }
    this.#running = false;
  }

  #onTurn(): void {
    const takers = [...this.#toFlush];
    this.#toFlush.clear();
    for (const taker of takers) taker.flush();
    if (!this.#running) this.#run();
  }
}
