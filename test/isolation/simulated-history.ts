// A history of an engine on a simulated machine: the seed gives what its clients do and the schedule of its disk.

import type { Isolation } from "../../src/engine/commands.ts";
import { Prng } from "../../src/platform/sim/prng.ts";
import { SimulatedEngine } from "../engine/simulated-engine.ts";
import { SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import type { History } from "./history.ts";
import { Recorder, shared, single } from "./recorder.ts";
import type { Operation } from "./linearizability.ts";
import { database, engineTarget } from "./target.ts";

const clients = 4;
const thingsEach = 12;

export async function simulatedHistory(
  seed: number,
  isolation: Isolation,
): Promise<{ history: History; operations: readonly Operation[] }> {
  // In every other history turns of the event loop end wherever they can.
  const slowTurns = seed % 2 === 0 ? 0.3 : 0;
  const db = await new SimulatedEngine({ mutationsInPiece: 1 }, new SimulatedMachine(seed, { slowTurns })).start();
  await db.run({ op: "createDatabase", database });
  for (const collection of [...shared, single]) await db.run({ op: "createCollection", database, collection });
  const recorder = new Recorder(isolation, new Prng(seed, 300));
  const target = engineTarget(db.engine);
  await db.machine.run(Promise.all(Array.from({ length: clients }, () => recorder.client(target, thingsEach))));
  return { history: await db.machine.run(recorder.history(target)), operations: recorder.operations };
}
