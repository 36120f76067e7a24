// Upkeep that failed, tried again by itself: the disk that was full may have space again, and no write need come first.

import type { Clock, Timer } from "../platform/platform.ts";

const firstDelayMs = 1_000;
const longestDelayMs = 60_000;

/** Calls an action after a failure of it, after a second at first and a minute at last. */
export class Later {
  readonly #clock: Clock;
  readonly #action: () => void;
  #delayMs = firstDelayMs;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(clock: Clock, action: () => void) {
    this.#clock = clock;
    this.#action = action;
  }

  /** The action failed: it is called again, once, however often this is called before. */
  failed(): void {
    if (this.#stopped || this.#timer !== undefined) return;
    this.#timer = this.#clock.after(this.#delayMs, () => {
      this.#timer = undefined;
      this.#action();
    });
    this.#delayMs = Math.min(this.#delayMs * 2, longestDelayMs);
  }

  /** It succeeded, on whoever's behalf: nothing is left to try. */
  succeeded(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#delayMs = firstDelayMs;
  }

  /** Nothing is called any more. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }
}
