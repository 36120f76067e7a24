// The machine under the process.

import type { Platform } from "../platform.ts";
import { RealClock } from "./real-clock.ts";
import { RealFileSystem } from "./real-file-system.ts";
import { RealRandomness } from "./real-randomness.ts";

/** Files, time and randomness of the operating system. */
export function realPlatform(): Platform {
  return { fs: new RealFileSystem(), clock: new RealClock(), random: new RealRandomness() };
}
