// Failures of the disk: what programs see of them at once, and what is left after a power cut.

import test from "ava";
import { writeFully } from "../../../src/platform/file-io.ts";
import type { File, Platform } from "../../../src/platform/platform.ts";
import type { FaultKind } from "../../../src/platform/sim/faults.ts";
import { SimulatedMachine } from "../../../src/platform/sim/simulated-machine.ts";
import { codeOf } from "../machines.ts";

interface Bench {
  readonly machine: SimulatedMachine;
  readonly platform: Platform;
  readonly file: File;
}

/** A machine with a durable file of 4,096 ones. */
async function bench(seed = 1): Promise<Bench> {
  const machine = new SimulatedMachine(seed);
  machine.writeFile("/file", Buffer.alloc(4_096, 1));
  const platform = machine.platform();
  return { machine, platform, file: await machine.run(platform.fs.open("/file", "write")) };
}

test("after a failed sync reads see the data, a later sync succeeds, and a power cut loses it for sure", async (t) => {
  for (let seed = 0; seed < 100; seed++) {
    const { machine, file } = await bench(seed);
    await machine.run(file.write(Buffer.alloc(1_000, 2), 0));
    machine.faults.failNext("syncFailure");
    t.is(await codeOf(machine.run(file.datasync())), "EIO");
    t.is(machine.readFile("/file")[0], 2);
    await machine.run(file.datasync());
    machine.crash("power");
    t.deepEqual(machine.readFile("/file"), Buffer.alloc(4_096, 1), `seed ${seed}`);
  }
});

test("after a failed sync of an append the file may be longer, and never has the data", async (t) => {
  const lengths = new Set<number>();
  for (let seed = 0; seed < 60; seed++) {
    const { machine, file } = await bench(seed);
    await machine.run(file.write(Buffer.alloc(1_000, 2), 4_096));
    machine.faults.failNext("syncFailure");
    t.is(await codeOf(machine.run(file.datasync())), "EIO");
    await machine.run(file.datasync());
    machine.crash("power");
    const left = machine.readFile("/file");
    t.false(left.includes(2));
    lengths.add(left.length);
  }
  t.deepEqual(
    [...lengths].sort((a, b) => a - b),
    [4_096, 5_096],
  );
});

test("after a refused sync the data stays dirty, and the next sync makes it durable", async (t) => {
  const { machine, file } = await bench();
  await machine.run(file.write(Buffer.alloc(1_000, 2), 0));
  machine.faults.failNext("syncRefusal");
  t.is(await codeOf(machine.run(file.datasync())), "EIO");
  await machine.run(file.datasync());
  machine.crash("power", "drop");
  t.is(machine.readFile("/file")[0], 2);
});

test("a failed sync of a directory loses its names for sure", async (t) => {
  const { machine, platform } = await bench();
  await machine.run(platform.fs.open("/new", "create"));
  machine.faults.failNext("syncFailure", /^\/$/);
  t.is(await codeOf(machine.run(platform.fs.syncDirectory("/"))), "EIO");
  await machine.run(platform.fs.syncDirectory("/"));
  t.true(machine.files().has("/new"));
  machine.crash("power", "keep");
  t.false(machine.files().has("/new"));
});

test("a full disk takes a part of the write, then nothing, and takes more when there is room again", async (t) => {
  const { machine, file } = await bench();
  machine.capacityBytes = 5_000;
  t.is(await machine.run(file.write(Buffer.alloc(1_000, 2), 4_096)), 904);
  t.is(await codeOf(machine.run(file.write(Buffer.alloc(96, 2), 5_000))), "ENOSPC");
  t.is(await machine.run(file.write(Buffer.alloc(1_000, 3), 0)), 1_000, "overwriting needs no room");
  t.is(await codeOf(machine.run(writeFully(file, Buffer.alloc(96, 2), 5_000))), "ENOSPC");
  machine.capacityBytes = 6_000;
  t.is(await machine.run(file.write(Buffer.alloc(96, 2), 5_000)), 96);
});

for (const removal of ["unlink", "rename"] as const) {
  test(`after ${removal} the old file takes room until its last handle is closed`, async (t) => {
    const { machine, platform, file } = await bench();
    machine.capacityBytes = 4_096;
    const other = await machine.run(platform.fs.open("/other", "create"));
    if (removal === "unlink") await machine.run(platform.fs.unlink("/file"));
    else await machine.run(platform.fs.rename("/other", "/file"));
    t.is(await codeOf(machine.run(other.write(Buffer.alloc(1), 0))), "ENOSPC");
    machine.faults.failNext("error");
    t.is(await codeOf(machine.run(file.close())), "EIO", "a failed close closes all the same");
    t.is(await machine.run(other.write(Buffer.alloc(1), 0)), 1);
  });
}

test("noSpace stops a write short and fails the next one", async (t) => {
  const { machine, file } = await bench();
  machine.faults.failNext("noSpace");
  const written = await machine.run(file.write(Buffer.alloc(1_000, 2), 4_096));
  t.true(written >= 1 && written < 1_000, `${written} bytes`);
  t.is(await codeOf(machine.run(file.write(Buffer.alloc(100), 4_096 + written))), "ENOSPC");
  t.is(await machine.run(file.write(Buffer.alloc(100), 4_096 + written)), 100);
});

test("short writes stop short, and writeFully writes it all anyway", async (t) => {
  const { machine, file } = await bench();
  machine.faults.setProbability("shortWrite", 0.7);
  await machine.run(writeFully(file, Buffer.alloc(3_000, 2), 4_096));
  t.true(machine.faults.struck.length > 0);
  t.deepEqual(machine.readFile("/file").subarray(4_096), Buffer.alloc(3_000, 2));
});

test("a failed write may have landed in part, and says EIO", async (t) => {
  const landed = new Set<string>();
  for (let seed = 0; seed < 60; seed++) {
    const { machine, file } = await bench(seed);
    machine.faults.failNext("writeError");
    t.is(await codeOf(machine.run(file.write(Buffer.alloc(1_000, 2), 4_096))), "EIO");
    const count = machine.readFile("/file").length - 4_096;
    landed.add(count === 0 ? "nothing" : count < 1_000 ? "part" : "all");
  }
  t.true(landed.has("nothing") && landed.has("part"), [...landed].join(" "));
});

test("a misdirected write reports success and lands at another sector of the file", async (t) => {
  for (let seed = 0; seed < 60; seed++) {
    const { machine, file } = await bench(seed);
    machine.faults.failNext("misdirectedWrite");
    t.is(await machine.run(file.write(Buffer.alloc(100, 2), 700)), 100);
    const content = machine.readFile("/file");
    t.not(content[700], 2);
    const landed = content.indexOf(2);
    t.is(landed % 512, 700 % 512);
    t.is(content.filter((byte) => byte === 2).length, 100);
  }
});

test("a lost write is read back until the power fails, synced or not", async (t) => {
  const { machine, file } = await bench();
  machine.faults.failNext("lostWrite");
  await machine.run(file.write(Buffer.alloc(100, 2), 0));
  await machine.run(file.datasync());
  t.is(machine.readFile("/file")[0], 2);
  machine.crash("power", "keep");
  t.is(machine.readFile("/file")[0], 1);
});

test("a lost rename is seen until the power fails, synced or not", async (t) => {
  const { machine, platform } = await bench();
  machine.faults.failNext("lostRename");
  await machine.run(platform.fs.rename("/file", "/renamed"));
  await machine.run(platform.fs.syncDirectory("/"));
  t.deepEqual([...machine.files().keys()], ["/renamed"]);
  machine.crash("power", "keep");
  t.deepEqual([...machine.files().keys()], ["/file"]);
});

test("bit rot flips one bit of what is read, for good", async (t) => {
  const { machine, file } = await bench();
  machine.faults.failNext("bitRot");
  const target = Buffer.alloc(1_000);
  await machine.run(file.read(target, 1_000));
  t.is(target.filter((byte) => byte !== 1).length, 1);
  const rotten = machine.readFile("/file");
  t.deepEqual(rotten.subarray(1_000, 2_000), target);
  machine.crash("power", "drop");
  t.deepEqual(machine.readFile("/file"), rotten);
});

test("flipBit changes exactly the bit that it names, until flipped back", async (t) => {
  const { machine } = await bench();
  t.deepEqual(machine.flipBit("/file", 5, 3), { position: 5, bit: 3 });
  t.is(machine.readFile("/file")[5], 1 ^ 8);
  const drawn = machine.flipBit("/file");
  machine.flipBit("/file", drawn.position, drawn.bit);
  machine.flipBit("/file", 5, 3);
  t.deepEqual(machine.readFile("/file"), Buffer.alloc(4_096, 1));
});

test("failAt strikes the numbered I/O only, failFrom it and all after it", async (t) => {
  for (const [lasting, expected] of [
    [false, ["none", "EIO", "none", "none"]],
    [true, ["none", "EIO", "EIO", "EIO"]],
  ] as const) {
    const { machine, file } = await bench();
    const second = machine.ioCount + 2;
    if (lasting) machine.faults.failFrom(second);
    else machine.faults.failAt(second);
    const codes: (string | undefined)[] = [];
    for (let round = 0; round < 4; round++) codes.push(await codeOf(machine.run(file.size())));
    t.deepEqual(codes, expected);
    t.is(machine.faults.struck[0]?.io, second);
  }
});

test("a fault strikes only the calls and the paths that it is meant for", async (t) => {
  const { machine, platform, file } = await bench();
  const other = await machine.run(platform.fs.open("/other", "create"));
  machine.faults.setProbability("readError", 1, /other/);
  const target = Buffer.alloc(1);
  t.is(await codeOf(machine.run(file.read(target, 0))), "none");
  t.is(await codeOf(machine.run(other.datasync())), "none");
  t.is(await codeOf(machine.run(other.read(target, 0))), "EIO");
  machine.faults.setProbability("readError", 0);
  t.is(await codeOf(machine.run(other.read(target, 0))), "none");
});

test("every call can fail with EIO, and a failed one leaves the disk as it was", async (t) => {
  const calls: readonly ((platform: Platform, file: File) => Promise<unknown>)[] = [
    ({ fs }) => fs.open("/file", "read"),
    ({ fs }) => fs.open("/new", "create"),
    ({ fs }) => fs.rename("/file", "/new"),
    ({ fs }) => fs.unlink("/file"),
    ({ fs }) => fs.mkdir("/d"),
    ({ fs }) => fs.readdir("/"),
    ({ fs }) => fs.exists("/file"),
    ({ fs }) => fs.syncDirectory("/"),
    ({ fs }) => fs.lock("/LOCK"),
    (_, file) => file.read(Buffer.alloc(1), 0),
    (_, file) => file.truncate(0),
    (_, file) => file.size(),
    (_, file) => file.datasync(),
    (_, file) => file.close(),
  ];
  const fault: FaultKind = "error";
  for (const call of calls) {
    const { machine, platform, file } = await bench();
    machine.faults.failNext(fault);
    t.is(await codeOf(machine.run(call(platform, file))), "EIO", String(call));
    t.deepEqual([...machine.files()], [["/file", Buffer.alloc(4_096, 1)]], String(call));
  }
});
