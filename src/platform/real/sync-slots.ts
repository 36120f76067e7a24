// Bounds how many fsyncs run at once. Every file system call of Node occupies a thread of libuv's pool (4 by default),
// and an fsync may hold its thread for as long as the disk likes: as many slow fsyncs as threads would stall every read
// of every database. So at least one thread always stays free of them.
//
// Invariants: at most `slots` actions run at once; they start in the order of their calls; a failed action frees its
// slot.

/** Runs asynchronous actions, at most `slots` at once, first come first served. */
export class SyncSlots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(slots: number) {
    this.#free = slots;
  }

  /** Runs `action` as soon as a slot is free; settles as the action does. */
  async run<T>(action: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await action();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}

/** Threads of libuv's pool, by its own rule: UV_THREADPOOL_SIZE as it was at the start, 4 by default, 1 to 1024. */
export function threadPoolSize(setting: string | undefined): number {
  if (setting === undefined) return 4;
  const size = Number.parseInt(setting, 10);
  return Math.min(Math.max(Number.isNaN(size) ? 1 : size, 1), 1024);
}

/** The slots of this process: the thread pool is the process's too. */
export const processSyncSlots: SyncSlots = new SyncSlots(
  Math.max(1, threadPoolSize(process.env["UV_THREADPOOL_SIZE"]) - 1),
);
