// Keeping turns of the event loop short: long work asks after each piece whether the turn is over.
//
// Invariants
// 1. All long work of a clock together takes about `turnMs` of one turn of its event loop, and at least one piece.
// 2. What waits goes on in the order in which it came, piece by piece, so that nobody starves.

import type { Clock } from "./platform.ts";

/** Milliseconds of one turn that all long work may take: a bit below the 10 ms that we promise others. */
const turnMs = 4;

/** The turn that is under way, and who waits for the next one. */
class SharedTurn {
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  /** When the turn under way is over, by the clock; undefined before the first piece of work in it. */
  #endsMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isOver(): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (this.#endsMs === undefined) this.#begin(nowMs);
    return nowMs >= (this.#endsMs as number);
  }

  /** Undefined when the caller may go on at once. */
  pause(): Promise<void> | undefined {
    const isOver = this.isOver;
    if (!isOver && this.#waiting.length === 0) return undefined;
    const next = new Promise<void>((resolve) => this.#waiting.push(resolve));
    // Whoever waited longest has the rest of this turn.
    if (!isOver) this.#waiting.shift()?.();
    return next;
  }

  #begin(nowMs: number): void {
    this.#endsMs = nowMs + turnMs;
    void this.#end();
  }

  /** The turn ends with the loop's own; who waited longest goes on in the next one. */
  async #end(): Promise<void> {
    await this.#clock.yield();
    this.#endsMs = undefined;
    const goOn = this.#waiting.shift();
    if (goOn === undefined) return;
    this.#begin(this.#clock.monotonicMs());
    goOn();
  }
}

const turns = new WeakMap<Clock, SharedTurn>();

function turnOf(clock: Clock): SharedTurn {
  let turn = turns.get(clock);
  if (turn === undefined) turns.set(clock, (turn = new SharedTurn(clock)));
  return turn;
}

/** Long work, cut up: wherever it yields, a turn may end. */
export type Pieces<T> = Generator<void, T>;

/** Does all pieces in this turn. */
export function atOnce<T>(pieces: Pieces<T>): T {
  for (;;) {
    const step = pieces.next();
    if (step.done === true) return step.value;
  }
}

export class Turn {
  readonly #shared: SharedTurn;

  constructor(clock: Clock) {
    this.#shared = turnOf(clock);
  }

  /** Whether others must run before the work goes on: then `pause` waits. */
  get isOver(): boolean {
    return this.#shared.isOver;
  }

  /** Does pieces in this turn; the result if they end in it. `run` does the others. */
  start<T>(pieces: Pieces<T>): { readonly result: T } | undefined {
    for (;;) {
      const step = pieces.next();
      if (step.done === true) return { result: step.value };
      if (this.isOver) return undefined;
    }
  }

  /** Does pieces in as many turns as it takes. */
  async run<T>(pieces: Pieces<T>): Promise<T> {
    for (;;) {
      if (this.isOver) await this.pause();
      const step = pieces.next();
      if (step.done === true) return step.value;
    }
  }

  /** Lets others run if this turn has lasted long enough, or if they have waited longer. */
  async pause(): Promise<void> {
    await this.#shared.pause();
  }
}
