// Turns of the event loop, shared by all pipelines of the server: however many calls one of them brings, each gets a
// slice in its turn, and all of them together leave the loop to others after a few milliseconds.
//
// Invariants
// 1. Slices go round over the databases, and among the streams of one database, in the order in which they asked.
// 2. When the time of a turn is over the rest waits for the next turn of the event loop.
// 3. What became ready in a turn is sent at its end, together.

import type { DocDBError } from "../base/errors.ts";
import type { Clock } from "../platform/platform.ts";
import { Turn } from "../platform/turn.ts";
import { FairQueues } from "../scheduler/fair-queues.ts";
import { Refusals } from "../scheduler/refusals.ts";
import { TurnBudget } from "../scheduler/turn-budget.ts";
import type { MemoryAccount } from "../base/memory-account.ts";
import { HeldTotal } from "./held-calls.ts";
import type { Response } from "./pipeline-encoding.ts";
import { errorResponse } from "./pipeline-errors.ts";

/** A pipeline, as this file sees it. */
export interface TurnTaker {
  /** The database that its calls are about, as it was written; undefined before the first call. */
  readonly database: string | undefined;
  /** Works for one slice. Returns whether there is more to do right away. */
  run(): boolean;
  /** Sends what has become ready. */
  flush(): void;
}

/** Milliseconds after which those who wait for others are looked at again. */
const lookMs = 50;

export class PipelineTurns {
  /** What all pipelines hold. */
  readonly held: HeldTotal;
  /** For what takes long of one call. */
  readonly longWork: Turn;
  readonly #refusals: Refusals;
  readonly #onRefusal: (error: DocDBError) => void;
  readonly #clock: Clock;
  readonly #budget: TurnBudget;
  readonly #queues = new FairQueues<TurnTaker>();
  /** Those in the queues. */
  readonly #waiting = new Set<TurnTaker>();
  readonly #toFlush = new Set<TurnTaker>();
  /** Those that wait for others to hold less. */
  readonly #patient = new Set<TurnTaker>();
  #refusal: { readonly error: DocDBError; readonly reply: Response } | undefined;
  #running = false;

  /** `onRefusal` is told of each call for which there was no room; `memory` is that of all calls. */
  constructor(clock: Clock, onRefusal: (error: DocDBError) => void, memory: MemoryAccount) {
    this.held = new HeldTotal(memory);
    this.longWork = new Turn(clock);
    this.#clock = clock;
    this.#onRefusal = onRefusal;
    this.#refusals = new Refusals(clock);
    this.#budget = new TurnBudget(clock, () => this.#onTurn());
  }

  /** The reply to a call for which there is no room. */
  refusal(): Response {
    const error = this.#refusals.refuse("the server", this.held.ended);
    if (this.#refusal?.error !== error) this.#refusal = { error, reply: errorResponse(error) };
    this.#onRefusal(error);
    return this.#refusal.reply;
  }

  /** There is something to do: at once, when this turn has time left. */
  wake(taker: TurnTaker): void {
    this.#wait(taker);
    if (!this.#running) this.#run();
  }

  /** There will be something to look at when nothing has happened for a while. */
  wakeLater(taker: TurnTaker): void {
    if (this.#patient.size === 0) this.#clock.after(lookMs, () => this.#wakePatient());
    this.#patient.add(taker);
  }

  /** Flushes at the end of this turn. */
  flushLater(taker: TurnTaker): void {
    this.#toFlush.add(taker);
    this.#budget.begin();
  }

  #wakePatient(): void {
    const takers = [...this.#patient];
    this.#patient.clear();
    for (const taker of takers) this.wake(taker);
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
