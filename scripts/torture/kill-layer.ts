// The layer of kills: each run is a server of its own, killed ten times under other settings than the one before, so
// that kills hit rotations, checkpoints, compactions and every fsync mode. Times are short: most kills come early.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runKills } from "../../test/e2e/kill-run.ts";
import { Prng } from "../../src/platform/sim/prng.ts";
import type { Counts, Layer } from "./layer.ts";

const killsEach = 10;

export const killLayer: Layer = {
  name: "kill",
  unit: `servers (${killsEach} kills each)`,
  size: 500,
  portion: 1,
  run: async (number) => {
    const directory = await mkdtemp(join(tmpdir(), "docdb-kill-"));
    try {
      return await runIn(directory, number);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
};

async function runIn(directory: string, number: number): Promise<Counts> {
  const random = new Prng(number, 500);
  const mode = random.pick(["group", "group", "group", "always", "interval", "none"] as const);
  const flags = ["--fsync-mode", mode, "--fsync-interval-ms", String(random.pick([1, 20, 100] as const))];
  // Small files: a few hundred milliseconds of writing bring each of these about.
  if (random.below(4) > 0) {
    flags.push("--wal-max-file-size-mb", "1", "--checkpoint-interval-mb", String(1 + random.below(3)));
    flags.push("--wal-keep-segments", String(random.below(3)));
    flags.push("--compaction-min-size-mb", "1", "--compaction-dead-ratio", "0.1");
  }
  const writingMs = [5, 20 + random.below(230)] as const;
  const writersPerDatabase = 1 + random.below(8);
  const calls = await runKills({ directory, kills: killsEach, writersPerDatabase, writingMs, flags });
  return { kills: killsEach, [`calls acknowledged`]: calls };
}
