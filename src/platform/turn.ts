// Keeping turns of the event loop short: long work asks after each piece whether its turn is over.

import type { Clock } from "./platform.ts";

/** Milliseconds that one piece of long work may hold the event loop: a bit below the 10 ms that we promise others. */
const turnMs = 4;

export class Turn {
  readonly #clock: Clock;
  #startedMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedMs = clock.monotonicMs();
  }

  /** Lets others run if this turn has lasted long enough. */
  async pause(): Promise<void> {
    if (this.#clock.monotonicMs() - this.#startedMs < turnMs) return;
    await this.#clock.yield();
    this.#startedMs = this.#clock.monotonicMs();
  }
}
