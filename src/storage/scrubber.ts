// The scrubber: reads every live record now and then, so that damage is found while an intact copy can still be had,
// and not when somebody needs the document.
//
// Rounds begin `intervalMs` apart, the first one at a random moment of the first interval, so that databases which were
// opened together don't scrub together. Damage that a read meets brings the next round forward, for it seldom comes
// alone. A round reads at the pace that all databases share; a database that is being closed ends it at once.

import type { Clock, Randomness, Timer } from "../platform/platform.ts";
import { isDiskFailure } from "./disk-errors.ts";
import { type HealWatch, walkStopped } from "./heal-all.ts";
import type { Pacer } from "./pacer.ts";
import type { LiveDocument } from "./record-walk.ts";

export interface ScrubberOptions {
  /** Milliseconds from the start of one round to the start of the next; 0 for none. */
  readonly intervalMs: number;
  readonly pacer: Pacer;
  /** Reads and heals everything. */
  readonly round: (watch: HealWatch) => Promise<unknown>;
  /** A round read everything. */
  readonly onCompleted: () => void;
  /** A round ended early, and why. */
  readonly onFailure: (error: unknown) => void;
}

/** What the scrubber has done since the database was opened. */
export interface ScrubCounts {
  /** Complete rounds. */
  completed: number;
  /** When the last complete round ended, in milliseconds since the Unix epoch; 0: none has. */
  lastTimeMs: number;
  /** How long it took, in milliseconds. */
  lastDurationMs: number;
}

/** A disk reads whole pages: a smaller record costs as much. */
const leastReadBytes = 4096;
/** The next round begins so much of an interval after damage was found, or after a round that took too long. */
const soonest = 1 / 60;

export class Scrubber {
  readonly #clock: Clock;
  readonly #options: ScrubberOptions;
  readonly counts: ScrubCounts = { completed: 0, lastTimeMs: 0, lastDurationMs: 0 };
  #timer: Timer | undefined;
  #dueMs = 0;
  #running: Promise<void> | undefined;
  #stopped = false;
  /** Ends the pause that a round is in. */
  #wake: (() => void) | undefined;

  constructor(clock: Clock, options: ScrubberOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  start(random: Randomness): void {
    this.#schedule((this.#options.intervalMs * (random.u32() + 1)) / 2 ** 32);
  }

  /** Damage was found: the next round comes soon. */
  hasten(): void {
    const delayMs = this.#options.intervalMs * soonest;
    if (this.#running === undefined && this.#clock.monotonicMs() + delayMs < this.#dueMs) this.#schedule(delayMs);
  }

  /** Ends the round that is under way soon, and begins none any more. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#wake?.();
  }

  /** Waits for the round that is under way. */
  async idle(): Promise<void> {
    await this.#running;
  }

  #schedule(delayMs: number): void {
    this.#timer?.cancel();
    if (this.#stopped || this.#options.intervalMs === 0) return;
    this.#dueMs = this.#clock.monotonicMs() + delayMs;
    this.#timer = this.#clock.after(delayMs, () => {
      this.#running = this.#round();
    });
  }

  async #round(): Promise<void> {
    const { intervalMs, round, onFailure } = this.#options;
    const startMs = this.#clock.monotonicMs();
    try {
      await round({ before: (batch) => this.#pause(batch), onProgress: () => undefined, mustHeal: false });
      this.counts.completed++;
      this.#options.onCompleted();
      this.counts.lastTimeMs = this.#clock.now();
      this.counts.lastDurationMs = this.#clock.monotonicMs() - startMs;
    } catch (error) {
      if (!this.#stopped || !isDiskFailure(error)) onFailure(error);
    }
    this.#running = undefined;
    this.#schedule(Math.max(intervalMs - (this.#clock.monotonicMs() - startMs), intervalMs * soonest));
  }

  /** Waits until these documents may be read. */
  async #pause(batch: readonly LiveDocument[]): Promise<void> {
    let bytes = 0;
    for (const { length } of batch) bytes += Math.max(length, leastReadBytes);
    const delayMs = this.#options.pacer.reserve(bytes);
    if (delayMs > 0 && !this.#stopped) {
      await new Promise<void>((resolve) => {
        const timer = this.#clock.after(delayMs, resolve);
        this.#wake = () => {
          timer.cancel();
          resolve();
        };
      });
      this.#wake = undefined;
    }
    if (this.#stopped) throw walkStopped();
  }
}
