// The machine under the process.

import type { Platform } from "../platform.ts";
import { RealClock } from "./real-clock.ts";
import { RealFileSystem } from "./real-file-system.ts";
import { RealRandomness } from "./real-randomness.ts";
import { WorkerJobs } from "./worker-jobs.ts";

/** Files, time and randomness of the operating system, and a worker thread of its own once a job needs it. */
export function realPlatform(): Platform {
  return { fs: new RealFileSystem(), clock: new RealClock(), random: new RealRandomness(), jobs: new WorkerJobs() };
}
