// Counts errors: how many of each code and category since the start, how many a second over the last minute, and the
// last one. It stands before the log as the observer of everything, so that what is counted and what is logged are the
// same.
//
// Invariants
// 1. Every failure is counted, at once.
// 2. The log gets the first failure of a code at once, and at most one a second of each: a thousand clients that write
//    to a read-only database must not make a thousand lines. The next line says how many were passed over.

import type { DocDBError, ErrorCategory, ErrorCode } from "../base/errors.ts";
import type { Facts, Observer } from "./observer.ts";

/** The time, as platform/ gives it. */
export interface TrackerClock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Milliseconds that never go back. */
  monotonicMs(): number;
}

export interface ErrorStats {
  /** Those that had an error, by name. */
  readonly categories: readonly ErrorCount[];
  readonly codes: readonly ErrorCount[];
}

export interface ErrorCount {
  /** The category or the code. */
  readonly name: ErrorCategory | ErrorCode;
  readonly count: number;
  /** Over the last minute. */
  readonly perSecond: number;
  readonly last: LastError;
}

export interface LastError {
  /** Milliseconds since the Unix epoch. */
  readonly timeMs: number;
  readonly code: ErrorCode;
  /** Shortened. Messages name databases, files and ids, never contents. */
  readonly message: string;
}

/** Seconds that a rate is taken over. */
const windowSeconds = 60;
const messageCharacters = 200;
const logEveryMs = 1_000;

interface Tally {
  readonly category: ErrorCategory;
  count: number;
  /** Errors in each of the last seconds, by the second's number modulo the window. */
  readonly bySecond: Uint32Array;
  /** The second that was counted last. */
  second: number;
  last: LastError;
  loggedMs: number;
  passedOver: number;
}

export class ErrorTracker implements Observer {
  readonly #log: Observer;
  readonly #clock: TrackerClock;
  readonly #tallies = new Map<ErrorCode, Tally>();

  /** Passes events and failures on to `log`. */
  constructor(log: Observer, clock: TrackerClock) {
    this.#log = log;
    this.#clock = clock;
  }

  event(...event: Parameters<Observer["event"]>): void {
    this.#log.event(...event);
  }

  failure(where: string, error: DocDBError, facts?: Facts): void {
    const tally = this.#count(error);
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - tally.loggedMs < logEveryMs) {
      tally.passedOver++;
      return;
    }
    const more = tally.passedOver === 0 ? "" : ` (and ${tally.passedOver} more of this code before)`;
    this.#log.failure(where + more, error, facts);
    tally.loggedMs = nowMs;
    tally.passedOver = 0;
  }

  get stats(): ErrorStats {
    const second = this.#second;
    const codes: ErrorCount[] = [];
    const categories = new Map<ErrorCategory, ErrorCount>();
    for (const [name, tally] of this.#tallies) {
      forget(tally, second);
      const { count, last, category } = tally;
      const code = { name, count, perSecond: sum(tally.bySecond) / windowSeconds, last };
      codes.push(code);
      categories.set(category, combined(category, code, categories.get(category)));
    }
    const byName = (a: ErrorCount, b: ErrorCount): number => (a.name < b.name ? -1 : 1);
    return { categories: [...categories.values()].sort(byName), codes: codes.sort(byName) };
  }

  get #second(): number {
    return Math.floor(this.#clock.monotonicMs() / 1000);
  }

  #count({ code, category, message }: DocDBError): Tally {
    const second = this.#second;
    const last = { timeMs: this.#clock.now(), code, message: message.slice(0, messageCharacters) };
    const known = this.#tallies.get(code);
    const bySecond = new Uint32Array(known === undefined ? windowSeconds : 0);
    const tally = known ?? { category, count: 0, bySecond, second, last, loggedMs: -Infinity, passedOver: 0 };
    if (known === undefined) this.#tallies.set(code, tally);
    forget(tally, second);
    tally.count++;
    const place = second % windowSeconds;
    tally.bySecond[place] = (tally.bySecond[place] ?? 0) + 1;
    tally.last = last;
    return tally;
  }
}

/** Clears the seconds that have passed since the tally was looked at last: their places belong to new ones. */
function forget(tally: Tally, second: number): void {
  const passed = Math.min(second - tally.second, windowSeconds);
  for (let n = 1; n <= passed; n++) tally.bySecond[(tally.second + n) % windowSeconds] = 0;
  tally.second = second;
}

function combined(name: ErrorCategory, code: ErrorCount, others: ErrorCount | undefined): ErrorCount {
  if (others === undefined) return { ...code, name };
  const last = others.last.timeMs > code.last.timeMs ? others.last : code.last;
  return { name, count: others.count + code.count, perSecond: others.perSecond + code.perSecond, last };
}

function sum(numbers: Uint32Array): number {
  return numbers.reduce((total, number) => total + number, 0);
}
