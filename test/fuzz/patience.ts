// How long an answer took, without the time in which the machine let neither side work on it: on a busy machine a
// client that is late itself, or a server that waits for a core, must not count as a server that doesn't answer.

import { readFileSync } from "node:fs";

const beatMs = 50;

/** Watches how long this process and the server's are held up. */
export class Delays {
  readonly #schedule: string;
  readonly #timer: NodeJS.Timeout;
  #ownMs = 0;
  #lastBeat = performance.now();

  /** `serverProcess` is the server's process id. */
  constructor(serverProcess: number) {
    this.#schedule = `/proc/${serverProcess}/schedstat`;
    this.#timer = setInterval(() => {
      this.#ownMs += this.#sinceBeat;
      this.#lastBeat = performance.now();
    }, beatMs);
  }

  /** Milliseconds that both have been held up, since some time. */
  get totalMs(): number {
    return this.#ownMs + this.#sinceBeat + this.#serverMs;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  get #sinceBeat(): number {
    return Math.max(0, performance.now() - this.#lastBeat - 2 * beatMs);
  }

  /** What the server's main thread has waited for a core: the second figure, in nanoseconds. Linux only. */
  get #serverMs(): number {
    try {
      return Number(readFileSync(this.#schedule, "utf8").split(" ")[1]) / 1e6;
    } catch {
      return 0;
    }
  }
}

/** Measures from now on. */
export class Patience {
  readonly #delays: Delays;
  readonly #delayedMs: number;
  readonly #started = performance.now();

  constructor(delays: Delays) {
    this.#delays = delays;
    this.#delayedMs = delays.totalMs;
  }

  /** Milliseconds that have passed while both were at work. */
  get tookMs(): number {
    return performance.now() - this.#started - (this.#delays.totalMs - this.#delayedMs);
  }

  /** Rejects when so much time has passed, until `stop` is called. */
  lostAfter(limitMs: number, describe: () => string): { readonly lost: Promise<never>; readonly stop: () => void } {
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setInterval(() => {
      if (this.tookMs > limitMs) reject(new Error(`${describe()}: no answer in ${limitMs} ms`));
    }, 1_000);
    return { lost: promise, stop: () => clearInterval(timer) };
  }
}
