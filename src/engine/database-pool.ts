// Which databases are open: at most so many at the same time, because each holds memory and files. One more takes the
// place of the one that was used least recently, and one that nobody has used for a while is closed by itself.
//
// Invariants
// 1. No more than `maxOpen` databases are open, being opened or being closed.
// 2. Who waits for a place gets one in the order of arrival, or is refused after `limits.openWaitMs`.
// 3. Nothing is cut short: a database with a transaction, a snapshot or a long command stays open, and so does one that
//    became read-only, because opening it again would hide that from its operator.
// 4. When all the others are always busy, the one that has been open for longest takes no new commands for a moment,
//    finishes those that it has, and gives way: many busy databases share few places instead of starving the last one.

import { DocDBError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import type { Clock, Timer } from "../platform/platform.ts";
import { inParallel } from "./in-parallel.ts";

/** What goes on in a database, and so when the pool may close it. */
export type Occupation =
  /** Nothing. */
  | "idle"
  /** Background work that a close cuts short and the next opening takes up again. */
  | "upkeep"
  /** Commands that will soon have ended. */
  | "commands"
  /** What a close would take away from somebody. */
  | "held";

/** A database as the pool knows it. */
export interface Resident {
  readonly name: string;
  readonly occupation: Occupation;
  /** When it was last used, by the monotonic clock. */
  readonly lastUsedMs: number;
  /** Takes no new commands, waits for those that run, and closes unless one of them left something open. */
  giveWay(): Promise<void>;
}

export interface PoolOptions {
  /** Databases that may be open at the same time. */
  readonly maxOpen: number;
  /** Milliseconds after its last use at which a database is closed; 0 for never. */
  readonly idleCloseMs: number;
}

/** Counters start at 0 with the engine. */
export interface PoolCounts {
  /** Openings that succeeded. */
  opens: number;
  /** Openings that failed. */
  failures: number;
  /** Databases that were closed because nobody used them. */
  idleCloses: number;
  /** Databases that were closed to make room for another. */
  evictions: number;
}

/** Openings at the same time: each may hold a whole WAL segment in memory, and keep threads from others. */
const openingsAtOnce = 8;
/** Databases that give way at the same time. */
const evictionsAtOnce = 4;
/** Idle databases that are closed at the same time: there is no hurry. */
const idleClosesAtOnce = 2;
/** How long somebody waits before a busy database has to give way. */
const patienceMs = 250;
/** How often one who waits looks whether a transaction or a snapshot has timed out. */
const lookAgainMs = 50;

interface Waiting {
  readonly resident: Resident;
  readonly sinceMs: number;
  readonly start: () => void;
  readonly refuse: (error: DocDBError) => void;
}

export class DatabasePool {
  readonly #clock: Clock;
  readonly #options: PoolOptions;
  /** Who has a place, in the order of their opening. */
  readonly #residents = new Set<Resident>();
  readonly #givingWay = new Set<Resident>();
  #waiting: Waiting[] = [];
  #opening = 0;
  #lookAgain: Timer | undefined;
  #idleTimer: Timer | undefined;
  #stopped = false;
  readonly counts: PoolCounts = { opens: 0, failures: 0, idleCloses: 0, evictions: 0 };

  constructor(clock: Clock, options: PoolOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  get maxOpen(): number {
    return this.#options.maxOpen;
  }

  /** Databases that wait for a place. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Whether one more can be opened without another's giving way. */
  get hasRoom(): boolean {
    return this.#residents.size + this.#waiting.length < this.#options.maxOpen;
  }

  /** Opens a database when there is a place for it. DATABASE_LIMIT when none becomes free in time. */
  async open<T>(resident: Resident, work: () => Promise<T>): Promise<T> {
    await this.#place(resident);
    try {
      const opened = await work();
      this.counts.opens++;
      return opened;
    } catch (error) {
      this.#residents.delete(resident);
      this.counts.failures++;
      throw error;
    } finally {
      this.#opening--;
      this.#next();
      this.#watchIdle();
    }
  }

  /** Closes an open database, whose place is free then. */
  async close(resident: Resident, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } finally {
      this.#residents.delete(resident);
      this.#next();
    }
  }

  /** Somebody has ended a use of a database: it may give way now. */
  released(resident: Resident): void {
    if (this.#waiting.length > 0 && resident.occupation === "idle") this.#next();
  }

  /** Ends the wait of a database for its place, if it waits. */
  withdraw(resident: Resident, error: DocDBError): void {
    const refused = this.#waiting.filter((waiting) => waiting.resident === resident);
    this.#waiting = this.#waiting.filter((waiting) => waiting.resident !== resident);
    for (const { refuse } of refused) refuse(error);
  }

  /** Closes nothing by itself any more. */
  stop(): void {
    this.#stopped = true;
    this.#idleTimer?.cancel();
    this.#lookAgain?.cancel();
  }

  #place(resident: Resident): Promise<void> {
    return new Promise((start, refuse) => {
      this.#waiting.push({ resident, sinceMs: this.#clock.monotonicMs(), start, refuse });
      this.#next();
    });
  }

  /** Hands free places to those who wait, and sees to it that more become free. */
  #next(): void {
    for (let [head] = this.#waiting; head !== undefined && this.#canOpen; [head] = this.#waiting) {
      this.#waiting.shift();
      this.#residents.add(head.resident);
      this.#opening++;
      head.start();
    }
    this.#refuseLate();
    this.#makeRoom();
    if (this.#waiting.length === 0 || this.#lookAgain !== undefined || this.#stopped) return;
    this.#lookAgain = this.#clock.after(lookAgainMs, () => {
      this.#lookAgain = undefined;
      this.#next();
    });
  }

  get #canOpen(): boolean {
    return this.#residents.size < this.#options.maxOpen && this.#opening < openingsAtOnce;
  }

  #refuseLate(): void {
    const cameBefore = this.#clock.monotonicMs() - limits.openWaitMs;
    for (let [head] = this.#waiting; head !== undefined && head.sinceMs <= cameBefore; [head] = this.#waiting) {
      this.#waiting.shift();
      head.refuse(this.#limitReached(head.resident));
    }
  }

  #makeRoom(): void {
    const [head] = this.#waiting;
    if (head === undefined || this.#stopped) return;
    const isPatient = this.#clock.monotonicMs() - head.sinceMs < patienceMs;
    const free = this.#options.maxOpen - this.#residents.size;
    const wanted = Math.min(this.#waiting.length - free, evictionsAtOnce);
    while (this.#givingWay.size < wanted) {
      const resident = this.#leastRecent("idle") ?? this.#leastRecent("upkeep");
      const givesWay = resident ?? (isPatient ? undefined : this.#longestBusy());
      if (givesWay === undefined) return;
      this.counts.evictions++;
      this.#givingWay.add(givesWay);
      void givesWay.giveWay().finally(() => {
        this.#givingWay.delete(givesWay);
        this.#next();
      });
    }
  }

  #leastRecent(occupation: Occupation): Resident | undefined {
    let least: Resident | undefined;
    for (const resident of this.#residents) {
      if (resident.occupation !== occupation) continue;
      if (least === undefined || resident.lastUsedMs < least.lastUsedMs) least = resident;
    }
    return least;
  }

  #longestBusy(): Resident | undefined {
    for (const resident of this.#residents) if (resident.occupation === "commands") return resident;
    return undefined;
  }

  #limitReached({ name }: Resident): DocDBError {
    const many = `${this.#options.maxOpen} databases are open and in use, as many as may be (max-open-databases)`;
    const message = `Database ${name} was not opened: ${many}. Nothing happened; try again later.`;
    const metadata = { database: name, limit: String(this.#options.maxOpen) };
    return new DocDBError("DATABASE_LIMIT", message, { retryAfterMs: 1_000, metadata });
  }

  /** One timer looks after all databases, as long as there are any: a tenth of the time is as exact as need be. */
  #watchIdle(): void {
    const { idleCloseMs } = this.#options;
    if (idleCloseMs === 0 || this.#idleTimer !== undefined || this.#stopped || this.#residents.size === 0) return;
    this.#idleTimer = this.#clock.after(Math.ceil(idleCloseMs / 10), () => void this.#closeIdle());
  }

  async #closeIdle(): Promise<void> {
    await inParallel([...this.#residents], (resident) => this.#closeIfIdle(resident), idleClosesAtOnce);
    this.#idleTimer = undefined;
    this.#watchIdle();
  }

  async #closeIfIdle(resident: Resident): Promise<void> {
    const isDue = this.#clock.monotonicMs() - resident.lastUsedMs >= this.#options.idleCloseMs;
    if (!isDue || resident.occupation !== "idle" || this.#stopped) return;
    this.counts.idleCloses++;
    await resident.giveWay();
  }
}
