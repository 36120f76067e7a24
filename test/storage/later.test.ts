import test from "ava";
import { SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import { Later } from "../../src/storage/later.ts";

function counting(): { machine: SimulatedMachine; later: Later; calls: () => number } {
  const machine = new SimulatedMachine(1);
  let calls = 0;
  const later = new Later(machine.platform().clock, () => calls++);
  return { machine, later, calls: () => calls };
}

test("the first try comes after a second, the next ones after twice the time, up to a minute", async (t) => {
  const { machine, later, calls } = counting();
  let done = 0;
  for (const seconds of [1, 2, 4, 8, 16, 32, 60, 60]) {
    later.failed();
    later.failed();
    await machine.advance(seconds * 1000 - 10);
    t.is(calls(), done, `not before ${seconds} s`);
    await machine.advance(20);
    t.is(calls(), ++done, `after ${seconds} s`);
  }
});

test("a success ends the waiting and starts over", async (t) => {
  const { machine, later, calls } = counting();
  for (let n = 0; n < 3; n++) {
    later.failed();
    await machine.advance(5_000);
  }
  later.failed();
  later.succeeded();
  await machine.advance(100_000);
  t.is(calls(), 3);
  later.failed();
  await machine.advance(1_001);
  t.is(calls(), 4);
});

test("nothing is called after it was stopped", async (t) => {
  const { machine, later, calls } = counting();
  later.failed();
  later.stop();
  later.failed();
  await machine.advance(100_000);
  t.is(calls(), 0);
});
