import test from "ava";
import { DocDBError } from "../../src/base/errors.ts";
import { Catalog } from "../../src/engine/catalog.ts";
import { SimulatedCrash, SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";

const path = "/db/.catalog";

async function freshMachine(): Promise<SimulatedMachine> {
  const machine = new SimulatedMachine(1);
  await machine.run(machine.platform().fs.mkdir("/db"));
  return machine;
}

function load(machine: SimulatedMachine): Promise<Catalog> {
  return machine.run(Catalog.load(machine.platform().fs, "/db"));
}

test("what was added, changed and removed is there after a power cut", async (t) => {
  const machine = await freshMachine();
  await machine.run(machine.platform().fs.syncDirectory("/"));
  const catalog = await load(machine);
  const [b, a] = await machine.run(Promise.all([catalog.add("Bee", 7), catalog.add("ant", 8)]));
  await machine.run(catalog.setState(a, "ready"));
  machine.crash("power", "drop");
  const entries = (await load(machine)).entries;
  t.deepEqual(entries, [{ ...a, state: "ready" }, b]);
  t.deepEqual(b, { id: 1, name: "Bee", createTimeMs: 7, state: "creating" });
});

test("a database is found without regard to case", async (t) => {
  const machine = await freshMachine();
  const catalog = await load(machine);
  const entry = await machine.run(catalog.add("Users", 1));
  t.is(catalog.find("uSERS"), entry);
});

test("an id is never given twice, though its database and the process are gone", async (t) => {
  const machine = await freshMachine();
  const catalog = await load(machine);
  const first = await machine.run(catalog.add("a", 1));
  await machine.run(catalog.remove(first));
  t.is((await machine.run((await load(machine)).add("a", 1))).id, first.id + 1);
});

test("a crash at any I/O of a change leaves the old catalog or the new one", async (t) => {
  const outcomes = new Set<string>();
  for (let io = 1; io <= 12; io++) {
    for (const survival of ["drop", "keep", "torn", "subset"] as const) {
      const machine = await freshMachine();
      await machine.run(machine.platform().fs.syncDirectory("/"));
      const catalog = await load(machine);
      await machine.run(catalog.add("a", 1));
      machine.crashAtIo(machine.ioCount + io, "power", survival);
      const change = machine.run(catalog.add("b", 2));
      await change.catch((error: unknown) => t.true(error instanceof SimulatedCrash));
      if (machine.ioCount > 0) machine.crash("power", survival);
      outcomes.add((await load(machine)).entries.map((entry) => entry.name).join());
    }
  }
  t.deepEqual([...outcomes].sort(), ["a", "a,b"]);
});

test("a change that the disk refuses takes no effect, and the next one does", async (t) => {
  const machine = await freshMachine();
  const catalog = await load(machine);
  machine.faults.failNext("noSpace");
  const error = await t.throwsAsync(machine.run(catalog.add("a", 1)), { instanceOf: DocDBError });
  t.is(error?.code, "DISK_FULL");
  t.deepEqual(catalog.entries, []);
  await machine.run(catalog.add("b", 1));
  t.deepEqual(
    (await load(machine)).entries.map((entry) => entry.name),
    ["b"],
  );
});

test("every single damaged byte is noticed, and nothing is changed", async (t) => {
  const machine = await freshMachine();
  const catalog = await load(machine);
  await machine.run(catalog.add("a", 1));
  const sound = machine.readFile(path);
  for (let at = 0; at < sound.length; at++) {
    const damaged = Buffer.from(sound);
    damaged[at] = (damaged[at] as number) ^ 0x41;
    machine.writeFile(path, damaged);
    const error = await t.throwsAsync(load(machine), { instanceOf: DocDBError }, `byte ${at}`);
    t.is(error?.code, "DATABASE_CORRUPT");
    t.deepEqual(machine.readFile(path), damaged);
  }
  for (let length = 0; length < sound.length; length++) {
    machine.writeFile(path, sound.subarray(0, length));
    await t.throwsAsync(load(machine), { instanceOf: DocDBError }, `${length} bytes`);
  }
});

test("a directory with files of databases and no catalog is refused, and gets none", async (t) => {
  for (const file of ["/db/data/a.data", "/db/wal/a.wal"]) {
    const machine = new SimulatedMachine(1);
    machine.writeFile(file, Buffer.from("precious"));
    const error = await t.throwsAsync(load(machine), { instanceOf: DocDBError });
    t.is(error?.code, "DATABASE_CORRUPT");
    t.deepEqual([...machine.files().keys()], [file]);
  }
});
