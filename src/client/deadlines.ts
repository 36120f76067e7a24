// Deadlines of many calls with one timer. Most calls end long before theirs, and most have the same time left when they
// begin: so the timer stays where it is, and looks at all calls when it goes off.

/** What has a deadline. */
export interface WithDeadline {
  /** As `Date.now()` tells; Infinity for never. */
  readonly deadline: number;
}

/** The longest delay that `setTimeout` takes. */
const maxDelayMs = 2 ** 31 - 1;

export class Deadlines<Call extends WithDeadline> {
  readonly #onLate: (call: Call) => void;
  readonly #calls = new Set<Call>();
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  /** `onLate` is told of each call whose deadline has passed; the call is forgotten before. */
  constructor(onLate: (call: Call) => void) {
    this.#onLate = onLate;
  }

  add(call: Call): void {
    if (call.deadline === Number.POSITIVE_INFINITY) return;
    this.#calls.add(call);
    if (call.deadline < this.#timerAt) this.#setTimer(call.deadline);
  }

  remove(call: Call): void {
    this.#calls.delete(call);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timerAt = Number.POSITIVE_INFINITY;
  }

  /** The timer keeps no process alive: a call that waits does so by its connection. */
  #setTimer(at: number): void {
    clearTimeout(this.#timer);
    this.#timerAt = at;
    const delayMs = Math.min(Math.max(0, at - Date.now()), maxDelayMs);
    this.#timer = setTimeout(() => this.#look(), delayMs).unref();
  }

  #look(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    const nowMs = Date.now();
    let next = Number.POSITIVE_INFINITY;
    for (const call of [...this.#calls]) {
      if (call.deadline > nowMs) {
        next = Math.min(next, call.deadline);
        continue;
      }
      this.#calls.delete(call);
      this.#onLate(call);
    }
    if (next < this.#timerAt) this.#setTimer(next);
  }
}
