// Runs drawn sequences of commands against an engine on a simulated machine and against the model.

import { assert, asyncModelRun, asyncProperty, commands as sequences } from "fast-check";
import { engineWithDatabase } from "../engine/simulated-engine.ts";
import { DatabaseModel } from "./database-model.ts";
import { commands, demandAll, idleCloseMs } from "./model-commands.ts";

/** Commands of the longest run. */
const longest = 60;

/** Small files and little time and room, so that every run sees segments, checkpoints, compactions and databases go. */
const settings = {
  segmentBytes: 3000,
  checkpointBytes: 8000,
  keepSegments: 1,
  compactionBytes: 4000,
  compactionBatchBytes: 400,
  compactionDeadRatio: 0.3,
  idleCloseMs,
  maxOpenDatabases: 1,
} as const;

/** Draws and does this many runs; throws with the shortest sequence of commands that fails, and the seed. */
export async function runModel(seed: number, numRuns: number): Promise<void> {
  const property = asyncProperty(sequences(commands, { maxCommands: longest, size: "max" }), async (drawn) => {
    const model = new DatabaseModel();
    const real = await engineWithDatabase(settings);
    await asyncModelRun(() => ({ model, real }), drawn);
    await demandAll(model, real);
    await real.crash();
    await demandAll(model, real);
  });
  await assert(property, { seed, numRuns });
}
