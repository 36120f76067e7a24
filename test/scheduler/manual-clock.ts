// A clock that the test moves, and turns of the event loop that end when the test says so.

import type { Clock, Timer } from "../../src/platform/platform.ts";

export class ManualClock implements Clock {
  nowMs = 0;
  #yielding: (() => void)[] = [];

  now(): number {
    return this.nowMs;
  }

  monotonicMs(): number {
    return this.nowMs;
  }

  after(): Timer {
    throw new Error("nothing under test sets timers");
  }

  yield(): Promise<void> {
    return new Promise((resolve) => this.#yielding.push(resolve));
  }

  /** Ends the turn: who has yielded goes on. */
  async endTurn(): Promise<void> {
    const yielding = this.#yielding;
    this.#yielding = [];
    for (const resolve of yielding) resolve();
    await new Promise((resolve) => setImmediate(resolve));
  }
}
