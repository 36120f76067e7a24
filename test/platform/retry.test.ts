import test from "ava";
import { isTransient, Retry, retryDelayMs } from "../../src/platform/retry.ts";
import { SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import { systemError } from "../../src/platform/system-error.ts";

function failing(code: "EAGAIN" | "EIO" | "ENOSPC", times: number): { calls: number; call: () => Promise<string> } {
  const counted = {
    calls: 0,
    call: async (): Promise<string> => {
      counted.calls++;
      if (counted.calls <= times) throw systemError(code, "open", "/f");
      return "done";
    },
  };
  return counted;
}

function onMachine(): { machine: SimulatedMachine; retry: Retry } {
  const machine = new SimulatedMachine(1);
  const { clock, random } = machine.platform();
  return { machine, retry: new Retry(clock, random) };
}

test("delays double from 10 ms to a second, a quarter more or less", (t) => {
  const lowest = { u32: () => 0 };
  const highest = { u32: () => 2 ** 32 - 1 };
  t.deepEqual(
    [1, 2, 3, 7, 8, 20].map((failures) => retryDelayMs(failures, lowest)),
    [7.5, 15, 30, 480, 750, 750],
  );
  t.is(Math.round(retryDelayMs(1, highest) * 10), 125);
  t.is(Math.round(retryDelayMs(20, highest)), 1250);
});

test("a call that fails for a passing reason is made again, up to five times in all", async (t) => {
  const { machine, retry } = onMachine();
  const passing = failing("EAGAIN", 4);
  t.is(await machine.run(retry.run(passing.call)), "done");
  t.is(passing.calls, 5);
  const lasting = failing("EAGAIN", 5);
  await t.throwsAsync(machine.run(retry.run(lasting.call)), { code: "EAGAIN" });
  t.is(lasting.calls, 5);
});

test("it pauses between tries", async (t) => {
  const machine = new SimulatedMachine(1);
  const { clock } = machine.platform();
  const paused = new Retry(clock, { u32: () => 2 ** 31 });
  const startedMs = clock.monotonicMs();
  await machine.run(paused.run(failing("EAGAIN", 3).call));
  t.true(clock.monotonicMs() - startedMs >= 10 + 20 + 40);
});

test("a failure that doesn't pass is final at once", async (t) => {
  const { machine, retry } = onMachine();
  for (const code of ["EIO", "ENOSPC"] as const) {
    const counted = failing(code, 1);
    await t.throwsAsync(machine.run(retry.run(counted.call)), { code });
    t.is(counted.calls, 1);
  }
});

test("transient are only failures after which nothing has happened", (t) => {
  for (const code of ["EINTR", "EAGAIN", "EMFILE", "ENFILE", "EBUSY"]) {
    t.true(isTransient(Object.assign(new Error(code), { code })), code);
  }
  for (const code of ["EIO", "ENOSPC", "EDQUOT", "EROFS", "ENOENT", "EBADF"]) {
    t.false(isTransient(Object.assign(new Error(code), { code })), code);
  }
  t.false(isTransient("EAGAIN"));
});
