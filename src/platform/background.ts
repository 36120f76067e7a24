// The share of the process that work in the background has, of all databases together: checkpoints, compactions,
// scrubs, verification, healing of everything. While requests come it takes at most that share of the time; when none
// come it takes what there is.
//
// Invariants
// 1. A piece of work that took d ms is followed by a pause of d * (1/share - 1) ms, one after the other for all who
//    work, unless no request comes meanwhile.
// 2. It is never starved: a pause ends by the clock, whatever comes. So files stay bounded under any load.

import type { Clock } from "./platform.ts";
import { Turn } from "./turn.ts";

/** What background work has done since the process started. */
export interface BackgroundStats {
  /** The greatest share of the time that it takes while requests come, in (0, 1]. */
  readonly share: number;
  /** Milliseconds of work, short waits for the disk included. */
  readonly workMs: number;
  /** Milliseconds for which it gave way to requests. */
  readonly pausedMs: number;
}

/** Milliseconds of one piece of work: what a request may find in its way. */
const pieceMs = 2;
/** A pause looks this often whether requests still come, in milliseconds. */
const lookMs = 2;
/** A piece that waited for a slow disk doesn't count for more than this: the process was free meanwhile. */
const countedMs = 20;
/** Without a scheduler that says otherwise. */
const defaultShare = 0.25;

export class Background {
  readonly #clock: Clock;
  readonly #share: number;
  #requests = 0;
  /** Until when all pauses that have begun last. */
  #freeAtMs = 0;
  #workMs = 0;
  #pausedMs = 0;

  /** `share`: in (0, 1]. */
  constructor(clock: Clock, share: number = defaultShare) {
    this.#clock = clock;
    this.#share = share;
  }

  /** Whoever runs requests tells of each. */
  noteRequest(): void {
    this.#requests++;
  }

  /** Requests so far. */
  get requests(): number {
    return this.#requests;
  }

  get stats(): BackgroundStats {
    return { share: this.#share, workMs: this.#workMs, pausedMs: this.#pausedMs };
  }

  /** A turn for work in the background. It gives no way while it is `urgent`. */
  turn(urgent: () => boolean = () => false): Turn {
    return new BackgroundTurn(this.#clock, this, urgent);
  }

  /** Lets others run after `tookMs` of work; for as long as the share asks when requests came meanwhile. */
  async giveWay(tookMs: number, busy: boolean, urgent: () => boolean): Promise<void> {
    const startMs = this.#clock.monotonicMs();
    const workMs = Math.min(tookMs, countedMs);
    this.#workMs += workMs;
    const untilMs = Math.max(this.#freeAtMs, startMs) + workMs * (1 / this.#share - 1);
    if (busy) this.#freeAtMs = untilMs;
    await this.#clock.yield();
    if (!busy) return;
    for (let leftMs = untilMs - startMs; leftMs > 0 && !urgent(); leftMs = untilMs - this.#clock.monotonicMs()) {
      const seen = this.#requests;
      await new Promise<void>((resolve) => void this.#clock.after(Math.min(leftMs, lookMs), resolve));
      if (this.#requests !== seen) continue;
      this.#freeAtMs = this.#clock.monotonicMs();
      break;
    }
    this.#pausedMs += this.#clock.monotonicMs() - startMs;
  }
}

class BackgroundTurn extends Turn {
  readonly #clock: Clock;
  readonly #background: Background;
  readonly #urgent: () => boolean;
  #startedMs: number;
  #seen: number;

  constructor(clock: Clock, background: Background, urgent: () => boolean) {
    super(clock);
    this.#clock = clock;
    this.#background = background;
    this.#urgent = urgent;
    this.#startedMs = clock.monotonicMs();
    this.#seen = background.requests;
  }

  override async pause(): Promise<void> {
    const tookMs = this.#clock.monotonicMs() - this.#startedMs;
    if (tookMs < pieceMs) return;
    const busy = this.#background.requests !== this.#seen;
    this.#seen = this.#background.requests;
    await this.#background.giveWay(tookMs, busy && !this.#urgent(), this.#urgent);
    this.#startedMs = this.#clock.monotonicMs();
  }
}
