// The time of a simulated machine: it moves only when the machine says so, and timers fire in its order.
//
// Invariants: time never goes back (the wall clock may, by `jump`); of two timers for the same moment the older fires
// first.

import type { Timer } from "../platform.ts";

interface Alarm {
  readonly atMs: number;
  readonly action: () => void;
}

/** 2023-11-14T22:13:20Z: any fixed moment, so that wall-clock times of a run are the same every time. */
const firstMomentMs = 1_700_000_000_000;

export class VirtualTime {
  #elapsedMs = 0;
  #jumpMs = 0;
  /** Sorted by `atMs`, then by age. */
  #alarms: Alarm[] = [];

  /** Milliseconds since the machine was made. */
  get elapsedMs(): number {
    return this.#elapsedMs;
  }

  /** Wall clock, whole milliseconds since the Unix epoch. */
  get wallClockMs(): number {
    return Math.floor(firstMomentMs + this.#jumpMs + this.#elapsedMs);
  }

  /** When the next timer fires, in elapsed milliseconds. */
  get nextAlarmMs(): number | undefined {
    return this.#alarms[0]?.atMs;
  }

  pass(durationMs: number): void {
    this.#elapsedMs += durationMs;
  }

  /** Moves the wall clock, forward or back, as an administrator would. Timers don't notice. */
  jump(durationMs: number): void {
    this.#jumpMs += durationMs;
  }

  after(delayMs: number, action: () => void): Timer {
    const alarm: Alarm = { atMs: this.#elapsedMs + Math.max(0, delayMs), action };
    const later = this.#alarms.findIndex((other) => other.atMs > alarm.atMs);
    this.#alarms.splice(later < 0 ? this.#alarms.length : later, 0, alarm);
    return {
      cancel: () => {
        this.#alarms = this.#alarms.filter((other) => other !== alarm);
      },
    };
  }

  /** Fires the next timer, moving time to its moment when that lies ahead; false when there is none. */
  fireNext(): boolean {
    const alarm = this.#alarms.shift();
    if (alarm === undefined) return false;
    this.#elapsedMs = Math.max(this.#elapsedMs, alarm.atMs);
    alarm.action();
    return true;
  }

  /** Forgets all timers: their process died. */
  clear(): void {
    this.#alarms = [];
  }
}
