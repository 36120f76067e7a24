// When those come again for whom there was no room.

import test from "ava";
import { Refusals } from "../../src/scheduler/refusals.ts";
import { ManualClock } from "./manual-clock.ts";

test("whoever is refused alone comes again soon", (t) => {
  const refusals = new Refusals(new ManualClock());
  const error = refusals.refuse("database d", 0);
  t.is(error.code, "QUEUE_FULL");
  t.is(error.retryAfterMs, 50);
  t.regex(error.message, /database d.*nothing happened/);
});

test("a crowd is spread over time, so that at most a quarter of what the server does comes again", (t) => {
  const clock = new ManualClock();
  const refusals = new Refusals(clock);
  // 8,000 commands a second end.
  for (let step = 0; step <= 20; step++) {
    refusals.refuse("the server", step * 800);
    clock.nowMs += 100;
  }
  const moments = Array.from({ length: 4_000 }, () => refusals.refuse("the server", 16_800).retryAfterMs ?? 0);
  const perInterval = new Map<number, number>();
  for (const moment of moments) perInterval.set(moment, (perInterval.get(moment) ?? 0) + 1);
  // 2,000 a second, in steps of 50 ms.
  t.true(Math.max(...perInterval.values()) <= 101, `${Math.max(...perInterval.values())} at once`);
  t.true(Math.max(...moments) <= 2_100 && Math.max(...moments) >= 1_900, `${Math.max(...moments)} ms`);
});

test("nobody is sent away for long, however many there are", (t) => {
  const refusals = new Refusals(new ManualClock());
  const moments = Array.from({ length: 100_000 }, () => refusals.refuse("the server", 0).retryAfterMs ?? 0);
  t.is(Math.max(...moments), 5_000);
});

test("the line is forgotten when its time has passed", (t) => {
  const clock = new ManualClock();
  const refusals = new Refusals(clock);
  for (let i = 0; i < 1_000; i++) refusals.refuse("the server", 0);
  clock.nowMs += 60_000;
  t.is(refusals.refuse("the server", 0).retryAfterMs, 50);
});

test("those who come again at about the same time are given the same error, and others another one", (t) => {
  const refusals = new Refusals(new ManualClock());
  const first = refusals.refuse("the server", 0);
  t.is(refusals.refuse("the server", 0), first);
  t.not(refusals.refuse("database d", 0), first);
});
