// The share of work in the background: what it gives to requests, what it keeps, and that nothing starves it.

import test, { type ExecutionContext } from "ava";
import type { Clock } from "../../src/platform/platform.ts";
import { SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import { Background } from "../../src/platform/background.ts";
import { put } from "../storage/sample-commits.ts";
import { StoredDatabase } from "../storage/stored-database.ts";

function machineWithClock(): { readonly machine: SimulatedMachine; readonly clock: Clock } {
  const machine = new SimulatedMachine(1);
  return { machine, clock: machine.platform().clock };
}

function pass(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve));
}

/** A request every millisecond, for this long. */
function requests(clock: Clock, background: Background, forMs: number): void {
  background.noteRequest();
  if (forMs > 0) clock.after(1, () => requests(clock, background, forMs - 1));
}

/** Yielding takes the simulated machine a little time, and so does an I/O. */
function near(t: ExecutionContext, actualMs: number, expectedMs: number): void {
  t.true(Math.abs(actualMs - expectedMs) < 3, `${actualMs} ms, not ${expectedMs}`);
}

/** Does `pieces` pieces of work of `pieceMs` each; returns the milliseconds that all took. */
async function work(clock: Clock, background: Background, pieces: number, pieceMs: number): Promise<number> {
  const startMs = clock.monotonicMs();
  const turn = background.turn();
  for (let i = 0; i < pieces; i++) {
    await pass(clock, pieceMs);
    await turn.pause();
  }
  return clock.monotonicMs() - startMs;
}

test("when no request comes, work in the background takes all the time there is", async (t) => {
  const { machine, clock } = machineWithClock();
  const background = new Background(clock, 0.25);
  near(t, await machine.run(work(clock, background, 10, 5)), 50);
  t.is(background.stats.pausedMs, 0);
});

test("while requests come it takes its share of the time, and never less", async (t) => {
  const { machine, clock } = machineWithClock();
  const background = new Background(clock, 0.25);
  requests(clock, background, 10_000);
  near(t, await machine.run(work(clock, background, 10, 5)), 200);
  near(t, background.stats.workMs, 50);
  near(t, background.stats.pausedMs, 150);
});

test("all who work in the background share one share", async (t) => {
  const { machine, clock } = machineWithClock();
  const background = new Background(clock, 0.25);
  requests(clock, background, 10_000);
  const all = Promise.all([1, 2, 3].map(() => work(clock, background, 10, 5)));
  const tookMs = Math.max(...(await machine.run(all)));
  t.true(tookMs > 420, `150 ms of work took ${tookMs} ms`);
});

test("it goes on soon after the last request", async (t) => {
  const { machine, clock } = machineWithClock();
  const background = new Background(clock, 0.01);
  requests(clock, background, 20);
  const tookMs = await machine.run(work(clock, background, 10, 5));
  t.true(tookMs < 80, `50 ms of work took ${tookMs} ms`);
});

test("a piece that waited for a slow disk isn't paid for as if it had worked", async (t) => {
  const { machine, clock } = machineWithClock();
  const background = new Background(clock, 0.5);
  requests(clock, background, 60_000);
  near(t, await machine.run(work(clock, background, 2, 10_000)), 20_040);
});

test("urgent work doesn't give way, and work that becomes urgent ends its pause", async (t) => {
  const { machine, clock } = machineWithClock();
  const background = new Background(clock, 0.01);
  requests(clock, background, 10_000);
  let urgent = false;
  clock.after(50, () => {
    urgent = true;
  });
  const turn = background.turn(() => urgent);
  const run = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) {
      await pass(clock, 5);
      await turn.pause();
    }
  };
  await machine.run(run());
  t.true(clock.monotonicMs() <= 100, `50 ms of work took ${clock.monotonicMs()} ms`);
});

test("checkpoints and compactions end under requests that never do", async (t) => {
  const db = await new StoredDatabase().create();
  for (let id = 1; id <= 500; id++) await db.commit(put(BigInt(id), `text${id}`));
  db.keepBusy();
  t.is(await db.machine.run(db.store.upkeep.checkpoint()), 500);
  t.is((await db.machine.run(db.store.upkeep.compact())).documents, 500);
});
