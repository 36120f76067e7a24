// Jobs on a simulated machine: each runs in its place, after a wait that the schedule decides like that for an I/O.
// What it is given and what it answers is copied as between threads, so that nobody can rely on sharing it.

import type { Job, Jobs, Parcel } from "../jobs.ts";
import type { Clock } from "../platform.ts";

export class SimulatedJobs implements Jobs {
  readonly #clock: Clock;
  #running = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async run<Input, Output>(job: Job<Input, Output>, input: () => Promise<Parcel<Input>>): Promise<Output> {
    this.#running++;
    try {
      const given = sent(await input());
      await this.#clock.yield();
      return sent(job.run(given));
    } finally {
      this.#running--;
    }
  }

  async rest(): Promise<void> {
    while (this.#running > 0) await this.#clock.yield();
  }
}

/** What arrives of a parcel. */
function sent<T>({ value, transfer }: Parcel<T>): T {
  return structuredClone(value, { transfer: [...transfer] });
}
