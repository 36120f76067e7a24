// Time from the operating system. Timers never keep the process alive: what must finish is awaited by somebody.

import type { Clock, Timer } from "../platform.ts";

/** The longest delay that `setTimeout` takes: past 2^31 - 1 ms it fires at once. */
const maxTimeoutMs = 2 ** 31 - 1;

export class RealClock implements Clock {
  now(): number {
    return Math.max(0, Date.now());
  }

  monotonicMs(): number {
    return performance.now();
  }

  after(delayMs: number, action: () => void): Timer {
    let timeout: NodeJS.Timeout;
    const arm = (remainingMs: number): void => {
      const nextMs = Math.min(remainingMs, maxTimeoutMs);
      timeout = setTimeout(() => (remainingMs > nextMs ? arm(remainingMs - nextMs) : action()), nextMs).unref();
    };
    arm(delayMs);
    return { cancel: () => clearTimeout(timeout) };
  }

  yield(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }
}
