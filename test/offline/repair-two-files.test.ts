// A repair while a compaction was under way: documents are in two data files, and a crash of the repair between any two
// I/Os is followed by one that comes to the same end.

import test from "ava";
import { inspectFile } from "../../src/offline/inspect-file.ts";
import { repairDirectory, type RepairOutcome } from "../../src/offline/repair-directory.ts";
import type { Platform } from "../../src/platform/platform.ts";
import { SimulatedCrash, type SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import { readAll, type Reading } from "../simulation/damage-judge.ts";
import { type Change, directory, openEngine, operationOf, silent, templateOf } from "../simulation/damage-template.ts";

const compact = "/db/data/one.compact";

async function repair(machine: SimulatedMachine): Promise<RepairOutcome> {
  const agrees = (): Promise<boolean> => Promise.resolve(true);
  return await machine.run(repairDirectory(directory, "one", agrees, machine.platform()));
}

/** What is there after an opening that takes a write. */
async function contentsOf(machine: SimulatedMachine, history: readonly Change[]): Promise<Map<string, Reading>> {
  const work = async (): Promise<Map<string, Reading>> => {
    const engine = await openEngine(machine, silent);
    const readings = await readAll(engine, "one", history);
    await engine.execute({ op: "writeDocument", database: "one", operation: operationOf("/999", "{}") });
    await engine.close();
    return readings;
  };
  return await machine.run(work());
}

/** Offset of a record of a document in the newer file. */
async function recordIn(platform: Platform): Promise<number> {
  for await (const { what, offset } of inspectFile("data", compact, platform)) {
    if (what === "put" && offset !== undefined) return offset;
  }
  throw new Error("there is none");
}

test("two data files become one, and a crash anywhere in between is repaired", async (t) => {
  const { machine: sound, changes } = await templateOf("compacting");
  const history = changes.get("one") ?? [];
  const before = await contentsOf(sound.fork(2), history);
  const damaged = sound.fork(1);
  const bytes = damaged.readFile(compact);
  // More of a record's header than its checksums could tell.
  const at = await damaged.run(recordIn(damaged.platform()));
  damaged.writeFile(compact, bytes.fill(0xa5, at + 16, at + 40));
  const whole = damaged.fork(1);
  const changing: number[] = [];
  whole.beforeIo = (io, call) => {
    if (!["read", "size", "open", "exists", "readdir"].includes(call)) changing.push(io);
  };
  const outcome = await repair(whole);
  whole.beforeIo = undefined;
  t.regex(outcome.proposal.steps.join(), /one\.compact, offset \d+: .*into a new data file/);
  const files = [...whole.files().keys()].filter((path) => path.startsWith("/db/data/one."));
  t.deepEqual(files, ["/db/data/one.data"]);
  const expected = await contentsOf(whole, history);
  for (const [key, reading] of expected) if (reading.kind !== "damaged") t.deepEqual(reading, before.get(key), key);
  t.true([...expected.values()].filter(({ kind }) => kind === "found").length > 60);
  let adopted = 0;
  // Around the steps that count every I/O, of the copying before them only some.
  for (const io of changing.filter((_, i) => i % 6 === 0 || i >= changing.length - 16)) {
    const machine = damaged.fork(1);
    machine.crashAtIo(io, io % 2 === 0 ? "kill" : "power", "torn");
    await t.throwsAsync(repair(machine), { instanceOf: SimulatedCrash });
    const { proposal } = await repair(machine);
    if (proposal.steps.some((step) => step.includes("Put data/one.rebuilt"))) adopted++;
    t.deepEqual(await contentsOf(machine, history), expected, `I/O ${io}`);
  }
  t.true(adopted > 0);
});
