// What callers are told for whom no place is left in a queue: when to come again. Refusing costs about what serving a
// small call does, so a crowd that came back all at once, again and again, would leave no time for work. Instead each
// gets a moment of its own, in a line that moves at a quarter of the rate at which commands end.
//
// Making an error costs more than anything else of a refusal, for it takes its stack down: those who come again at
// about the same time are given the same one.

import { DocDBError } from "../base/errors.ts";
import type { Clock } from "../platform/platform.ts";

/** Part of the commands that end, which those may be who come again. */
const partOfWork = 1 / 4;
/** Those who may come again a second at least: at first nothing is known of how fast commands end. */
const leastPerSecond = 200;
/** Milliseconds after which to come again: a queue that was full has room again after the first. */
const [leastMs, mostMs] = [50, 5_000];
/** Milliseconds over which the rate is taken. */
const windowMs = 500;

export class Refusals {
  readonly #clock: Clock;
  /** When the last of the line comes again. */
  #lineEndsMs = 0;
  #perSecond = leastPerSecond;
  #window = { startMs: 0, executed: 0 };
  #last: { readonly whose: string; readonly error: DocDBError } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** QUEUE_FULL. `whose` queue is full, and how many commands have been `executed` so far. */
  refuse(whose: string, executed: number): DocDBError {
    const nowMs = this.#clock.monotonicMs();
    this.#measure(nowMs, executed);
    const last = nowMs + mostMs;
    this.#lineEndsMs = Math.min(last, Math.max(nowMs, this.#lineEndsMs) + 1000 / this.#perSecond);
    const retryAfterMs = leastMs * Math.ceil(Math.max(1, this.#lineEndsMs - nowMs) / leastMs);
    if (this.#last?.whose !== whose || this.#last.error.retryAfterMs !== retryAfterMs) {
      const message = `Too many calls wait for ${whose}: nothing happened. Try again in a moment.`;
      this.#last = { whose, error: new DocDBError("QUEUE_FULL", message, { retryAfterMs }) };
    }
    return this.#last.error;
  }

  #measure(nowMs: number, executed: number): void {
    const tookMs = nowMs - this.#window.startMs;
    if (tookMs < windowMs) return;
    const perSecond = ((executed - this.#window.executed) * 1000) / tookMs;
    // A window in which nothing was refused is older than what is to be known.
    if (tookMs < 4 * windowMs) this.#perSecond = Math.max(leastPerSecond, perSecond * partOfWork);
    this.#window = { startMs: nowMs, executed };
  }
}
