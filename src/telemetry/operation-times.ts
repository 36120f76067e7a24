// Where the time of one command goes. Each layer that a command comes through writes down when; whoever made the object
// reads it when the command has ended, for the log of slow operations and for traces. Writing down is all that happens
// on the way.
//
//     queued -> started -> reads -> submitted -> [group: append -> appended -> synced] -> ended
//
// Times are milliseconds of a clock that never goes back; NaN stands for what hasn't happened.

/** The trace that a command belongs to. Lower layers only hand it on. */
export interface CommandTrace {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
}

/** What is needed of a clock. */
export interface StopWatch {
  monotonicMs(): number;
}

export class OperationTimes {
  readonly #clock: StopWatch;
  /** Undefined when nobody records one. */
  readonly trace: CommandTrace | undefined;
  queuedMs: number = Number.NaN;
  startedMs: number = Number.NaN;
  /** Time in which at least one read of the disk was under way. */
  readMs = 0;
  /** When the first of those began. */
  firstReadMs: number = Number.NaN;
  submittedMs: number = Number.NaN;
  endedMs: number = Number.NaN;
  /** The group in which the command's commit was written; of several commits, the last one's. */
  group: GroupTimes | undefined;
  #reads = 0;
  #readingSinceMs = 0;

  constructor(clock: StopWatch, trace: CommandTrace | undefined) {
    this.#clock = clock;
    this.trace = trace;
  }

  /** The command waits for a slot. */
  queued(): void {
    this.queuedMs = this.#clock.monotonicMs();
  }

  /** The command has a slot. */
  started(): void {
    this.startedMs = this.#clock.monotonicMs();
  }

  readBegins(): void {
    if (this.#reads++ > 0) return;
    this.#readingSinceMs = this.#clock.monotonicMs();
    if (Number.isNaN(this.firstReadMs)) this.firstReadMs = this.#readingSinceMs;
  }

  readEnds(): void {
    if (--this.#reads === 0) this.readMs += this.#clock.monotonicMs() - this.#readingSinceMs;
  }

  /** The command's (first) commit has its version, and waits for its group. */
  submitted(): void {
    if (Number.isNaN(this.submittedMs)) this.submittedMs = this.#clock.monotonicMs();
  }

  /** Nothing more will be written down. */
  ended(): void {
    this.endedMs = this.#clock.monotonicMs();
  }
}

/** When a group of commits was written, for all commits in it. */
export class GroupTimes {
  readonly #clock: StopWatch;
  /** Those of its commits that somebody records a trace of. */
  readonly traced: CommandTrace[] = [];
  commits = 0;
  appendMs: number = Number.NaN;
  appendedMs: number = Number.NaN;
  /** NaN too when the fsync mode doesn't wait for the disk. */
  syncedMs: number = Number.NaN;

  constructor(clock: StopWatch) {
    this.#clock = clock;
  }

  /** A commit is in the group. Its command may want to know when that was written. */
  add(times: OperationTimes | undefined): void {
    this.commits++;
    if (times === undefined || times.group === this) return;
    times.group = this;
    if (times.trace !== undefined) this.traced.push(times.trace);
  }

  append(): void {
    this.appendMs = this.#clock.monotonicMs();
  }

  appended(): void {
    this.appendedMs = this.#clock.monotonicMs();
  }

  synced(): void {
    this.syncedMs = this.#clock.monotonicMs();
  }
}
