// A bounded rate that many share: whoever wants to read reserves bytes and is told how long to wait for them. First
// come, first served, so that all databases together stay below the rate and none of them starves.

import type { Clock } from "../platform/platform.ts";

export class Pacer {
  readonly #clock: Clock;
  readonly #bytesPerMs: number;
  #freeAtMs = 0;

  constructor(clock: Clock, bytesPerSecond: number) {
    this.#clock = clock;
    this.#bytesPerMs = bytesPerSecond / 1000;
  }

  /**
   * Takes a turn of this many bytes; returns the milliseconds until it begins. What was reserved is never given back.
   */
  reserve(bytes: number): number {
    const nowMs = this.#clock.monotonicMs();
    const startMs = Math.max(nowMs, this.#freeAtMs);
    this.#freeAtMs = startMs + bytes / this.#bytesPerMs;
    return startMs - nowMs;
  }
}
