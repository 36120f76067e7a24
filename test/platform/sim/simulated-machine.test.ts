// The machine itself: the order of things, life and death of processes, determinism.

import test from "ava";
import { writeFully } from "../../../src/platform/file-io.ts";
import type { Platform } from "../../../src/platform/platform.ts";
import { SimulatedCrash, SimulatedMachine } from "../../../src/platform/sim/simulated-machine.ts";
import { codeOf } from "../machines.ts";

/** Three writers at once, with timers and random sizes: enough for chance to show. */
async function busyWork({ fs, clock, random }: Platform): Promise<void> {
  await fs.mkdir("/d");
  const writers = [0, 1, 2].map(async (writer) => {
    const file = await fs.open(`/d/${writer}`, "create");
    for (let round = 0; round < 10; round++) {
      await writeFully(file, Buffer.alloc(1 + (random.u32() % 2_000), round), round * 1_000);
      if (round % 3 === 0) await file.datasync();
      if (round % 4 === 0) await new Promise<void>((resolve) => void clock.after(random.u32() % 20, resolve));
      await clock.yield();
    }
    await fs.rename(`/d/${writer}`, `/d/done-${writer}`);
  });
  await Promise.all(writers);
}

async function makeDirectories({ fs }: Platform): Promise<void> {
  for (const name of ["a", "b", "c", "d"]) await fs.mkdir(`/${name}`);
}

/** Everything that can be seen of a run: I/Os, faults and what is left after a crash in the middle. */
async function record(seed: number): Promise<unknown> {
  const machine = new SimulatedMachine(seed, { traceLines: 10_000 });
  machine.faults.setProbability("shortWrite", 0.3);
  machine.crashAtIo(40, "power");
  await expectCrash(machine.run(busyWork(machine.platform())));
  const platform = machine.platform();
  return {
    trace: machine.trace,
    files: [...machine.files()].map(([path, content]) => [path, content.toString("base64")]),
    time: [platform.clock.now(), platform.clock.monotonicMs()],
    random: platform.random.u32(),
  };
}

async function expectCrash(running: Promise<unknown>): Promise<void> {
  await running.then(
    () => {
      throw new Error("The run ended without a crash.");
    },
    (error: unknown) => {
      if (!(error instanceof SimulatedCrash)) throw error;
    },
  );
}

test("the same seed gives the same run to the last byte, another seed another run", async (t) => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 20; seed++) {
    const first = await record(seed);
    t.deepEqual(await record(seed), first, `seed ${seed}`);
    seen.add(JSON.stringify(first));
  }
  t.is(seen.size, 20);
});

test("machines that run at the same time don't disturb each other", async (t) => {
  const alone = [await record(1), await record(2), await record(3)];
  t.deepEqual(await Promise.all([record(1), record(2), record(3)]), alone);
});

test("calls that weren't awaited happen in any order, awaited ones in theirs", async (t) => {
  const orders = new Set<string>();
  for (let seed = 0; seed < 100; seed++) {
    const machine = new SimulatedMachine(seed);
    const { fs } = machine.platform();
    const file = await machine.run(fs.open("/file", "create"));
    const order: number[] = [];
    const writes = [1, 2, 3].map((value) => file.write(Buffer.of(value), 0).then(() => order.push(value)));
    await machine.run(Promise.all(writes));
    t.is(machine.readFile("/file")[0], order.at(-1), "effects come in the order of the answers");
    orders.add(order.join(""));
  }
  t.is(orders.size, 6);
});

test("nothing happens before a step, and one step does one I/O", async (t) => {
  const machine = new SimulatedMachine(1);
  const { fs } = machine.platform();
  const source = Buffer.from("before");
  const file = await machine.run(fs.open("/file", "create"));
  const writes = [file.write(source, 0), file.write(source, 100)];
  t.is(machine.readFile("/file").length, 0);
  source.write("after!");
  t.true(await machine.step());
  t.is(machine.ioCount, 2);
  t.true(machine.readFile("/file").toString().endsWith("after!"), "a buffer that is changed too early is seen to be");
  t.true(await machine.step());
  t.false(await machine.step());
  t.deepEqual(await Promise.all(writes), [6, 6]);
});

test("a process that died gets no answer, fires no timer and changes nothing", async (t) => {
  const machine = new SimulatedMachine(1);
  const old = machine.platform();
  const file = await machine.run(old.fs.open("/file", "create"));
  await machine.run(old.fs.syncDirectory("/"));
  let lifeSigns = 0;
  const sign = (): void => {
    lifeSigns++;
  };
  const write = file.write(Buffer.from("in flight"), 0);
  write.then(sign, sign);
  old.clock.after(1, sign);
  old.clock.yield().then(sign, sign);
  machine.crash("power", "drop");
  const fresh = machine.platform();
  file.write(Buffer.from("after death"), 0).then(sign, sign);
  file.close().then(sign, sign);
  old.fs.unlink("/file").then(sign, sign);
  old.clock.after(1, sign);
  old.clock.yield().then(sign, sign);
  await machine.advance(10_000);
  t.is(lifeSigns, 0);
  t.is(machine.readFile("/file").length, 0);
  t.true(await machine.run(fresh.fs.exists("/file")));
});

test("an I/O under way when the process dies is done, partly done or not done", async (t) => {
  const lengths = new Set<string>();
  for (let seed = 0; seed < 100; seed++) {
    const machine = new SimulatedMachine(seed);
    const file = await machine.run(machine.platform().fs.open("/file", "create"));
    void file.write(Buffer.alloc(1_000, 1), 0);
    machine.crash("kill");
    const { length } = machine.readFile("/file");
    lengths.add(length === 0 ? "nothing" : length < 1_000 ? "part" : "all");
  }
  t.true(lengths.has("nothing") && lengths.has("part"), [...lengths].join(" "));
});

test("a kill keeps what was written, and a later power cut can still lose it", async (t) => {
  const left = new Set<number>();
  for (let seed = 0; seed < 50; seed++) {
    const machine = new SimulatedMachine(seed);
    const { fs } = machine.platform();
    const file = await machine.run(fs.open("/file", "create"));
    await machine.run(fs.syncDirectory("/"));
    await machine.run(file.write(Buffer.alloc(100, 1), 0));
    machine.crash("kill");
    t.is(machine.readFile("/file").length, 100);
    machine.crash("power");
    left.add(machine.readFile("/file").length);
  }
  t.deepEqual(
    [...left].sort((a, b) => a - b),
    [0, 100],
  );
});

test("a crash releases the lock, a living process keeps it", async (t) => {
  const machine = new SimulatedMachine(1);
  const first = machine.platform();
  await machine.run(first.fs.lock("/LOCK"));
  t.is(await codeOf(machine.run(first.fs.lock("/LOCK"))), "ELOCKED");
  const second = machine.platform();
  t.is(await codeOf(machine.run(second.fs.lock("/LOCK"))), "none");
});

test("crashAtIo crashes instead of that I/O, again in the recovery", async (t) => {
  const machine = new SimulatedMachine(1);
  machine.crashAtIo(3, "kill", "drop");
  await t.throwsAsync(machine.run(makeDirectories(machine.platform())), { instanceOf: SimulatedCrash });
  t.is(machine.ioCount, 2);
  machine.crashAtIo(machine.ioCount + 4, "kill", "drop");
  await t.throwsAsync(machine.run(makeDirectories(machine.platform())), { instanceOf: SimulatedCrash });
  t.is(machine.ioCount, 5);
  const { fs } = machine.platform();
  t.deepEqual(await machine.run(fs.readdir("/")), ["a", "b", "c"]);
});

test("a run that nothing can end says so, with the last I/Os", async (t) => {
  const machine = new SimulatedMachine(1, { stepLimit: 100 });
  const { fs, clock } = machine.platform();
  await machine.run(fs.mkdir("/directory"));
  const error = await t.throwsAsync(machine.run(new Promise(() => undefined)));
  t.regex(error?.message ?? "", /nothing is under way.*seed 1.*\n.*\n#1 mkdir \/directory/);
  const again = (): void => void clock.after(10, again);
  again();
  await t.throwsAsync(machine.run(new Promise(() => undefined)), { message: /no end after 100 steps/ });
});

test("a rejection passes through run as it is", async (t) => {
  const machine = new SimulatedMachine(1);
  const { fs } = machine.platform();
  await t.throwsAsync(machine.run(fs.unlink("/none")), { code: "ENOENT", message: /unlink '\/none'/ });
});

test("advance fires the timers that come due, in the order of time, and no others", async (t) => {
  const machine = new SimulatedMachine(1);
  const { clock, fs } = machine.platform();
  const fired: string[] = [];
  const started = clock.monotonicMs();
  clock.after(300, () => fired.push(`late at ${Math.round(clock.monotonicMs() - started)}`));
  clock.after(100, () => {
    fired.push(`early at ${Math.round(clock.monotonicMs() - started)}`);
    clock.after(50, () => fired.push("nested"));
    void fs.mkdir("/made").then(() => fired.push("I/O of a timer"));
  });
  clock.after(100, () => fired.push("same moment, younger"));
  await machine.advance(200);
  t.deepEqual(fired, ["early at 100", "I/O of a timer", "same moment, younger", "nested"]);
  await machine.advance(200);
  t.is(fired.at(-1), "late at 300");
  t.true(clock.monotonicMs() - started >= 400);
});

test("a timer that comes late doesn't turn time back", async (t) => {
  const machine = new SimulatedMachine(1);
  const { clock, fs } = machine.platform();
  let last = clock.monotonicMs();
  const check = (): void => {
    t.true(clock.monotonicMs() >= last);
    last = clock.monotonicMs();
  };
  for (let round = 0; round < 50; round++) {
    clock.after(0.001, check);
    await machine.run(Promise.all([1, 2, 3].map(() => fs.exists("/"))));
    check();
  }
});

test("the wall clock can jump, and monotonic time and timers don't notice", (t) => {
  const machine = new SimulatedMachine(1);
  const { clock } = machine.platform();
  const [now, monotonicMs] = [clock.now(), clock.monotonicMs()];
  machine.jumpWallClock(-5_000);
  t.is(clock.now(), now - 5_000);
  t.is(clock.monotonicMs(), monotonicMs);
});

test("a fork has the same disk, unsynced changes included, and goes its own way", async (t) => {
  const machine = new SimulatedMachine(1);
  const { fs } = machine.platform();
  const file = await machine.run(fs.open("/file", "create"));
  await machine.run(fs.syncDirectory("/"));
  await machine.run(file.write(Buffer.from("unsynced"), 0));
  await machine.run(fs.rename("/file", "/renamed"));

  const kept = machine.fork(7);
  const dropped = machine.fork(7);
  kept.crash("power", "keep");
  dropped.crash("power", "drop");
  t.deepEqual([...kept.files()], [["/renamed", Buffer.from("unsynced")]]);
  t.deepEqual([...dropped.files()], [["/file", Buffer.alloc(0)]]);
  await machine.run(file.write(Buffer.from("original"), 0));
  t.is(kept.readFile("/renamed").toString(), "unsynced");
  t.is(machine.readFile("/renamed").toString(), "original");
});

test("beforeIo sees every I/O before it is done, and may fork or crash there", async (t) => {
  const machine = new SimulatedMachine(1);
  const { fs } = machine.platform();
  const sizes: number[] = [];
  machine.beforeIo = (io, call, path) => {
    sizes.push(machine.fork(io).files().size);
    if (call === "create" && path === "/c") machine.crash("kill", "drop");
  };
  const work = async (): Promise<void> => {
    for (const name of ["/a", "/b", "/c"]) await (await fs.open(name, "create")).close();
  };
  await t.throwsAsync(machine.run(work()), { instanceOf: SimulatedCrash });
  t.deepEqual(sizes, [0, 1, 1, 2, 2]);
  t.deepEqual([...machine.files().keys()], ["/a", "/b"]);
});

test("planted files are there for good, removed ones gone for good", async (t) => {
  const machine = new SimulatedMachine(1);
  machine.writeFile("/d/e/file", Buffer.from("planted"));
  machine.writeFile("/d/other", Buffer.from("other"));
  machine.removeFile("/d/other");
  machine.crash("power", "drop");
  t.deepEqual([...machine.files()], [["/d/e/file", Buffer.from("planted")]]);
  t.throws(() => machine.readFile("/d/other"), { code: "ENOENT" });
  t.throws(() => machine.removeFile("/d/other"), { code: "ENOENT" });
});
