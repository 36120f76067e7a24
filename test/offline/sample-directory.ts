// A data directory on a simulated machine, for the offline tools: small segments, so that there are several.

import { Engine } from "../../src/engine/engine.ts";
import type { Platform } from "../../src/platform/platform.ts";
import { SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import { silentObserver } from "../../src/telemetry/observer.ts";

export const directory = "/db";

export async function openEngine(platform: Platform): Promise<Engine> {
  const sizes = { segmentBytes: 600, checkpointBytes: 2000, keepSegments: 1 };
  return await Engine.open({ directory, platform, observer: silentObserver, fsyncMode: "group", ...sizes });
}

/**
 * Two databases with documents, some replaced and some deleted; closed cleanly, cut off by a loss of power, or killed.
 */
export async function sampleDirectory(end: "close" | "power" | "kill"): Promise<SimulatedMachine> {
  const machine = new SimulatedMachine(1);
  const work = async (): Promise<void> => {
    const engine = await openEngine(machine.platform());
    for (const database of ["one", "two"]) {
      await engine.execute({ op: "createDatabase", database });
      await engine.execute({ op: "createCollection", database, collection: "users" });
      for (let n = 0; n < 40; n++) {
        const id = BigInt(1 + (n % 25));
        const json = Buffer.from(JSON.stringify({ database, n }));
        const operation = {
          kind: "update",
          collection: n % 3 === 0 ? "users" : "",
          id,
          json,
          allowMissing: true,
        } as const;
        await engine.execute({ op: "writeDocument", database, operation });
      }
      const operation = { kind: "delete", collection: "users", id: 1n, allowMissing: false } as const;
      await engine.execute({ op: "writeDocument", database, operation });
    }
    if (end === "close") await engine.close();
  };
  await machine.run(work());
  if (end === "kill") machine.crash("kill", "keep");
  else machine.crash("power", "drop");
  return machine;
}
