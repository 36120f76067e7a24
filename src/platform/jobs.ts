// Work that takes long and can't be cut into turns of the event loop runs elsewhere: on a real machine in a worker
// thread, on a simulated one in its place, at a moment that the seed decides.
//
// Invariants
// 1. A job is pure: what it answers follows from its input alone. So it doesn't matter where it runs, or whether twice.
// 2. Nothing is shared. Input and answer are parcels: buffers named in them go over, everything else is copied.
// 3. A job that is lost fails, as JobLost: nothing that it was to do has been done.

/** A value on its way to or from a job: plain data and bytes, as the structured clone algorithm takes them. */
export interface Parcel<T> {
  readonly value: T;
  /** Buffers in it whose bytes aren't copied: the sender has them no more. */
  readonly transfer: readonly ArrayBuffer[];
}

/** A pure function that can run elsewhere. */
export interface Job<Input, Output> {
  /** The URL of the module that exports it: `import.meta.url` of where it is written. */
  readonly module: string;
  /** The name under which that module exports it. */
  readonly name: string;
  /** Errors of ours arrive as what they are. */
  readonly run: (input: Input) => Parcel<Output>;
}

/** Where jobs run. */
export interface Jobs {
  /**
   * Runs a job and gives its answer. Jobs may wait for each other, and `input` is called when this one's turn has come:
   * so what waits holds no copies. JobLost.
   */
  run<Input, Output>(job: Job<Input, Output>, input: () => Promise<Parcel<Input>>): Promise<Output>;
  /** Waits for jobs under way, and gives back what running them takes. A later job starts it again. */
  rest(): Promise<void>;
}

/** Whoever ran a job has died under it, and nothing came of it. */
export class JobLost extends Error {
  override readonly name = "JobLost";

  /** Whether that was because the job took more memory than it may have. */
  readonly isOutOfMemory: boolean;

  constructor(job: string, isOutOfMemory: boolean, cause?: unknown) {
    super(`The worker thread ended while it ran job ${job}.`, cause === undefined ? undefined : { cause });
    this.isOutOfMemory = isOutOfMemory;
  }
}
