import test from "ava";
import { carefulPlatform, isFromNamesInDoubt, NamesInDoubt } from "../../src/platform/careful-file-system.ts";
import type { FileSystem } from "../../src/platform/platform.ts";
import { SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";

/** A careful file system with a directory `/d` that has a file `/d/f` of four bytes, all durable. */
function prepared(): { machine: SimulatedMachine; fs: FileSystem } {
  const machine = new SimulatedMachine(1);
  machine.writeFile("/d/f", Buffer.from("text"));
  return { machine, fs: carefulPlatform(machine.platform()).fs };
}

test("opening, reading, renaming, removing and listing are repeated when the machine is busy", async (t) => {
  const { machine, fs } = prepared();
  const twice = (): void => {
    for (let n = 0; n < 2; n++) machine.faults.failNext("busy");
  };
  twice();
  const file = await machine.run(fs.open("/d/f", "read"));
  twice();
  const target = Buffer.alloc(4);
  t.is(await machine.run(file.read(target, 0)), 4);
  t.is(target.toString(), "text");
  twice();
  t.is(await machine.run(file.size()), 4);
  twice();
  await machine.run(fs.rename("/d/f", "/d/g"));
  twice();
  t.deepEqual(await machine.run(fs.readdir("/d")), ["g"]);
  twice();
  t.true(await machine.run(fs.exists("/d/g")));
  twice();
  await machine.run(fs.unlink("/d/g"));
  t.is(machine.faults.struck.length, 14);
  t.is(machine.files().size, 0);
});

test("a write, a truncation or an fsync that failed is not repeated", async (t) => {
  const { machine, fs } = prepared();
  const file = await machine.run(fs.open("/d/f", "write"));
  for (const [call, work] of [
    ["write", () => file.write(Buffer.from("x"), 0)],
    ["truncate", () => file.truncate(1)],
    ["datasync", () => file.datasync()],
  ] as const) {
    machine.faults.failNext("error", /f$/);
    const before = machine.ioCount;
    await t.throwsAsync(machine.run<unknown>(work()), { code: "EIO" }, call);
    t.is(machine.ioCount, before + 1, call);
  }
});

test("after a failed sync of a directory its names are left alone, and other directories are not", async (t) => {
  const { machine, fs } = prepared();
  machine.writeFile("/e/f", Buffer.from("text"));
  machine.faults.failNext("syncFailure", /^\/d$/);
  const first = await t.throwsAsync(machine.run(fs.syncDirectory("/d")), { instanceOf: NamesInDoubt });
  const before = machine.ioCount;
  for (const work of [
    () => fs.syncDirectory("/d"),
    () => fs.open("/d/new", "create"),
    () => fs.unlink("/d/f"),
    () => fs.rename("/d/f", "/d/g"),
    () => fs.rename("/e/f", "/d/g"),
    () => fs.rename("/d/f", "/e/g"),
  ]) {
    t.is(await t.throwsAsync(machine.run<unknown>(work())), first);
  }
  t.is(machine.ioCount, before, "nothing of that reached the disk");
  await machine.run(fs.rename("/e/f", "/e/g"));
  await machine.run(fs.syncDirectory("/e"));
  const file = await machine.run(fs.open("/d/f", "write"));
  await machine.run(file.write(Buffer.from("T"), 0));
  await machine.run(file.datasync());
  t.is(machine.readFile("/d/f").toString(), "Text");
});

test("a sync that could not even open the directory leaves no doubt", async (t) => {
  const { machine, fs } = prepared();
  await t.throwsAsync(machine.run(fs.syncDirectory("/none")), { code: "ENOENT" });
  machine.writeFile("/none/f", Buffer.from("text"));
  await machine.run(fs.syncDirectory("/none"));
  t.pass();
});

test("what follows from such a doubt can be told", (t) => {
  const doubt = new NamesInDoubt("/d", new Error("EIO"));
  t.true(isFromNamesInDoubt(doubt));
  t.true(isFromNamesInDoubt(new Error("outer", { cause: new Error("inner", { cause: doubt }) })));
  t.false(isFromNamesInDoubt(new Error("other")));
  t.regex(doubt.message, /directory \/d failed \(EIO\); restart the server/);
});
