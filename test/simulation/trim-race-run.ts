// One run of writes that come just when a checkpoint's record is written, so that segments change between the record
// and the trimming that it allows: several times in one gap, with segments that each commit fills. Then power is lost,
// and the index snapshot with it, so that a start needs the record. What was acknowledged must be there.

import { Engine } from "../../src/engine/engine.ts";
import { Prng } from "../../src/platform/sim/prng.ts";
import { SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import { silentObserver } from "../../src/telemetry/observer.ts";
import { Violation } from "./commit-model.ts";
import { readDocument } from "./simulated-clients.ts";

const directory = "/db";
const database = "d";

/** Throws a `Violation` when something that was acknowledged is gone. */
export async function runTrimRace(seed: number): Promise<void> {
  const random = new Prng(seed, 900);
  const machine = new SimulatedMachine(seed);
  const keepSegments = random.below(2);
  const acknowledged: string[] = [];
  const open = (): Promise<Engine> =>
    Engine.open({
      directory,
      platform: machine.platform(),
      observer: silentObserver,
      fsyncMode: "always",
      segmentBytes: 200,
      checkpointBytes: 1_000_000_000,
      keepSegments,
    });
  const write = async (engine: Engine, id: number): Promise<void> => {
    const json = Buffer.from(JSON.stringify({ id, filler: "x".repeat(150) }));
    const operation = { kind: "create", collection: "", id: BigInt(id), json } as const;
    await engine.execute({ op: "writeDocument", database, operation });
    acknowledged.push(`/${id}`);
  };
  const work = async (): Promise<void> => {
    const engine = await open();
    await engine.execute({ op: "createDatabase", database });
    let id = 0;
    while (id < 4) await write(engine, ++id);
    for (let checkpoints = 1 + random.below(3); checkpoints > 0; checkpoints--) {
      const writes: Promise<void>[] = [];
      // The record follows the index snapshot's new name. Writes that are asked for before it go before it.
      let ios = random.below(2);
      let sawSnapshot = false;
      let logWrites = 0;
      machine.beforeIo = (_io, call, path) => {
        sawSnapshot ||= call === "rename" && path.includes(".index");
        if (sawSnapshot && call === "write" && path.includes(".wal")) logWrites++;
        // The first one is the header of the segment that the record goes into.
        if (logWrites < 2 || writes.length > 0 || ios-- > 0) return;
        // The trimming has to ask for the names twice: it comes late.
        machine.faults.failNext("busy", /\/wal$/);
        for (let count = 3; count > 0; count--) writes.push(write(engine, ++id));
      };
      await engine.execute({ op: "checkpointDatabase", database });
      machine.beforeIo = undefined;
      await Promise.all(writes);
    }
  };
  try {
    await machine.run(work());
    machine.crash("power", "drop");
    machine.removeFile(`${directory}/data/${database}.index`);
    await machine.run(readBack(await machine.run(open()), acknowledged));
  } catch (error) {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    throw new Violation(`seed ${seed}: ${reason}\n${machine.trace.slice(-60).join("\n")}`);
  }
}

async function readBack(engine: Engine, keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    const { content } = await readDocument(engine, database, key);
    if (content === null) throw new Violation(`${key} was acknowledged and is gone`);
  }
  await engine.close();
}
