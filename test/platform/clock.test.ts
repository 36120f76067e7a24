// The contract of `Clock` and `Randomness`, on the real machine and on the simulated one.

import test from "ava";
import { machines } from "./machines.ts";

for (const [machine, onFreshMachine] of Object.entries(machines)) {
  test(`${machine}: timers fire once, in the order of their times and not too early`, (t) =>
    onFreshMachine(async ({ platform: { clock } }) => {
      const started = clock.monotonicMs();
      const fired: string[] = [];
      clock.after(0, () => fired.push("first"));
      clock.after(20, () => fired.push("second"));
      await new Promise<void>((resolve) => {
        clock.after(50, resolve);
        keepProcessAlive(100);
      });
      t.deepEqual(fired, ["first", "second"]);
      t.true(clock.monotonicMs() - started >= 49, `${clock.monotonicMs() - started} ms passed`);
    }));

  test(`${machine}: a cancelled timer doesn't fire`, (t) =>
    onFreshMachine(async ({ platform: { clock } }) => {
      const cancelled = clock.after(5, () => t.fail());
      cancelled.cancel();
      keepProcessAlive(100);
      await new Promise<void>((resolve) => void clock.after(20, resolve));
      cancelled.cancel();
      t.pass();
    }));

  test(`${machine}: yield lets other work run first`, (t) =>
    onFreshMachine(async ({ platform: { clock } }) => {
      const order: string[] = [];
      const other = Promise.resolve().then(() => order.push("other"));
      await clock.yield();
      order.push("yielded");
      await other;
      t.deepEqual(order, ["other", "yielded"]);
    }));

  test(`${machine}: the wall clock counts milliseconds, and monotonic time never goes back`, (t) =>
    onFreshMachine(async ({ platform: { clock } }) => {
      t.true(Number.isInteger(clock.now()));
      t.true(clock.now() > Date.UTC(2023, 0, 1));
      let last = clock.monotonicMs();
      for (let round = 0; round < 50; round++) {
        await clock.yield();
        t.true(clock.monotonicMs() >= last);
        last = clock.monotonicMs();
      }
    }));

  test(`${machine}: random numbers fill 32 bits and don't repeat`, (t) =>
    onFreshMachine(async ({ platform: { random } }) => {
      const numbers = Array.from({ length: 2_000 }, () => random.u32());
      t.true(numbers.every((number) => Number.isInteger(number) && number >= 0 && number < 2 ** 32));
      t.true(new Set(numbers).size > 1_990);
      for (let bit = 0; bit < 32; bit++) {
        const ones = numbers.filter((number) => (number >>> bit) & 1).length;
        t.true(ones > 800 && ones < 1_200, `bit ${bit} is set in ${ones} of 2000`);
      }
    }));
}

/** Timers of the platform don't keep the process alive, and the test has nothing else that would. */
function keepProcessAlive(durationMs: number): void {
  setTimeout(() => undefined, durationMs);
}
