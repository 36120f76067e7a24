// Trying again after a failure that passes by itself: no free file descriptor, an interrupted call, a busy file.
//
// Only for calls that write no bytes. A write that failed may have landed in part, and after a failed fsync the next
// one lies: those are never repeated (RELIABILITY, rules 2 and 18).

import type { Clock, Randomness } from "./platform.ts";

/** How often a call is made at most, the first time included. */
const tries = 5;
const firstDelayMs = 10;
const longestDelayMs = 1_000;
/** Every delay is longer or shorter by up to this share, so that those who failed together don't try again together. */
const jitter = 0.25;

const transientCodes: ReadonlySet<string> = new Set(["EINTR", "EAGAIN", "EMFILE", "ENFILE", "EBUSY"]);

/** Whether a system call failed for a reason that passes by itself, without having done anything. */
export function isTransient(error: unknown): boolean {
  return error instanceof Error && transientCodes.has((error as NodeJS.ErrnoException).code ?? "");
}

/** Milliseconds to wait after the n-th failure, n from 1. */
export function retryDelayMs(failures: number, random: Randomness): number {
  const delayMs = Math.min(firstDelayMs * 2 ** (failures - 1), longestDelayMs);
  const fraction = random.u32() / 2 ** 32;
  return delayMs * (1 - jitter + 2 * jitter * fraction);
}

/** Makes calls again that failed for a passing reason, a few times, with growing pauses. */
export class Retry {
  readonly #clock: Clock;
  readonly #random: Randomness;

  constructor(clock: Clock, random: Randomness) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Runs `call`, which must not write, until it succeeds or fails for good. `passes` says which failures pass. */
  async run<T>(call: () => Promise<T>, passes: (error: unknown) => boolean = isTransient): Promise<T> {
    for (let failures = 1; ; failures++) {
      try {
        return await call();
      } catch (error) {
        if (failures === tries || !passes(error)) throw error;
      }
      await this.#pause(retryDelayMs(failures, this.#random));
    }
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.after(delayMs, resolve);
    });
  }
}
