// How long work may go on in one turn of the event loop, under a clock that only the work moves.

import test from "ava";
import { TurnBudget } from "../../src/scheduler/turn-budget.ts";
import { ManualClock } from "./manual-clock.ts";

/** Work that is never done: each piece takes `pieceMs`, and `afterMs` more once it has been begun. */
function endless(pieceMs: number, afterMs: number) {
  const clock = new ManualClock();
  const turns: number[] = [];
  const work = (): void => {
    let pieces = 0;
    for (; budget.hasTime; pieces++) clock.nowMs += pieceMs;
    clock.nowMs += pieces * afterMs;
    turns.push(pieces * (pieceMs + afterMs));
  };
  const budget = new TurnBudget(clock, work);
  return { clock, budget, turns, work };
}

test("work stops when the time of a turn is over, and goes on in the next one", async (t) => {
  const { clock, turns, work } = endless(0.1, 0);
  work();
  t.is(turns.length, 1);
  t.true((turns[0] ?? 0) <= 4.2, `${turns[0]} ms`);
  await clock.endTurn();
  t.is(turns.length, 2);
});

test("turns come down to some three milliseconds when what follows from the work takes most of the time", async (t) => {
  const { clock, turns, work } = endless(0.01, 0.09);
  work();
  for (let turn = 0; turn < 50; turn++) await clock.endTurn();
  const last = turns.slice(-10);
  t.true(Math.max(...last) < 4 && Math.min(...last) > 2, last.join(" "));
});

test("the budget grows again when turns become short", async (t) => {
  const long = endless(0.01, 1);
  long.work();
  for (let turn = 0; turn < 50; turn++) await long.clock.endTurn();
  t.is(long.budget.budgetMs, 0.25);
  const short = endless(0.01, 0);
  short.work();
  for (let turn = 0; turn < 50; turn++) await short.clock.endTurn();
  t.true(short.budget.budgetMs > 2.5, `${short.budget.budgetMs} ms`);
});

test("something is begun in each turn, however long it takes", async (t) => {
  const { clock, turns, work } = endless(50, 50);
  work();
  for (let turn = 0; turn < 10; turn++) await clock.endTurn();
  t.deepEqual(turns, Array(11).fill(100));
});

test("turns without too much work leave the budget alone", async (t) => {
  const clock = new ManualClock();
  const budget = new TurnBudget(clock, () => undefined);
  for (let turn = 0; turn < 10; turn++) {
    t.true(budget.hasTime);
    clock.nowMs += 100;
    await clock.endTurn();
  }
  t.is(budget.budgetMs, 4);
});

test("a turn that is long because too much came in leaves work its part of the next one", async (t) => {
  const { clock, budget, turns, work } = endless(0.01, 1);
  work();
  for (let turn = 0; turn < 50; turn++) await clock.endTurn();
  t.is(budget.budgetMs, 0.25);
  const before = turns.at(-1) ?? 0;
  budget.flooded();
  clock.nowMs += 500;
  await clock.endTurn();
  t.is(budget.budgetMs, 2);
  t.true((turns.at(-1) ?? 0) > 4 * before);
  // Without a flood the budget comes down again.
  for (let turn = 0; turn < 50; turn++) await clock.endTurn();
  t.is(budget.budgetMs, 0.25);
});
