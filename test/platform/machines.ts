// The machines that a contract test runs on: a real file system in a temporary directory, and a simulated machine.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import type { Platform } from "../../src/platform/platform.ts";
import { realPlatform } from "../../src/platform/real/real-platform.ts";
import { SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";

export interface Bench {
  readonly platform: Platform;
  /** An empty directory. */
  readonly directory: string;
}

/** Runs `work` on a fresh machine, and removes what it left. */
export type OnFreshMachine = (work: (bench: Bench) => Promise<void>) => Promise<void>;

export const machines: Readonly<Record<string, OnFreshMachine>> = {
  real: async (work) => {
    const directory = await mkdtemp(`${tmpdir()}/docdb-platform-`);
    try {
      await work({ platform: realPlatform(), directory });
    } finally {
      await rm(directory, { recursive: true });
    }
  },
  simulated: async (work) => {
    const machine = new SimulatedMachine(1);
    const platform = machine.platform();
    await machine.run(platform.fs.mkdir("/bench").then(() => work({ platform, directory: "/bench" })));
  },
};

/** The code of the error that `attempt` rejects with, or "none". */
export async function codeOf(attempt: Promise<unknown>): Promise<string | undefined> {
  try {
    await attempt;
    return "none";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}
