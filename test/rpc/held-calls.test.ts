// What pipelines hold unanswered, each and together, and when messages are refused because there are too many.

import test from "ava";
import { HeldCalls, HeldTotal } from "../../src/rpc/held-calls.ts";

/** Takes as many calls as there may be. */
function fill(held: HeldCalls, bytes: number): number {
  let count = 0;
  for (; held.mayTake; count++) held.add(1, bytes);
  return count;
}

test("a stream alone holds as many calls as one may, and others don't notice", (t) => {
  const total = new HeldTotal();
  const [first, second] = [new HeldCalls(total), new HeldCalls(total)];
  t.is(fill(first, 100), 1_024);
  t.is(fill(second, 100), 1_024);
  first.add(-1, -100);
  t.true(first.mayTake);
  t.false(second.mayTake);
});

test("all streams together hold a bounded number of calls, but each may hold a few", (t) => {
  const total = new HeldTotal();
  const counts = Array.from({ length: 1_000 }, () => fill(new HeldCalls(total), 100));
  t.is(Math.max(...counts), 1_024);
  t.is(Math.min(...counts), 4);
  t.true(total.calls <= 16_384 + 4 * 1_000, `${total.calls} calls`);
});

test("all streams together hold a bounded number of bytes, but each may hold one call", (t) => {
  const total = new HeldTotal();
  const mebibyte = 1024 * 1024;
  const counts = Array.from({ length: 100 }, () => fill(new HeldCalls(total), mebibyte));
  t.is(Math.min(...counts), 1);
  t.true(total.bytes <= (64 + 100) * mebibyte, `${total.bytes} bytes`);
});

test("a stream reads no message while it holds much", (t) => {
  const held = new HeldCalls(new HeldTotal());
  held.add(0, 4 * 1024 * 1024);
  t.false(held.mayRead);
  held.add(0, -1);
  t.true(held.mayRead);
});

test("a stream that ends leaves its share to others, whatever of it still ends later", (t) => {
  const total = new HeldTotal();
  const held = new HeldCalls(total);
  held.add(0, 1_000);
  held.add(1, 500);
  held.end();
  t.deepEqual([total.calls, total.bytes], [0, 0]);
  held.add(-1, -500);
  held.end();
  t.deepEqual([total.calls, total.bytes], [0, 0]);
});

test("a message that waits for its own stream alone is never refused", (t) => {
  const held = new HeldCalls(new HeldTotal());
  fill(held, 100);
  t.false(held.refusesAfter(60_000));
});

test("when all hold what they may, a message is refused after a while, and those behind it sooner", (t) => {
  const total = new HeldTotal();
  const streams = Array.from({ length: 16 }, () => new HeldCalls(total));
  for (const stream of streams) fill(stream, 100);
  const [first] = streams;
  t.deepEqual([first?.refusesAfter(1_999), first?.refusesAfter(2_001)], [false, true]);
  first?.noteRefusal();
  t.deepEqual([first?.refusesAfter(999), first?.refusesAfter(1_001)], [false, true]);
  for (let i = 0; i < 20; i++) first?.noteRefusal();
  t.deepEqual([first?.refusesAfter(49), first?.refusesAfter(51)], [false, true]);
  streams[1]?.add(-1, -100);
  t.false(first?.refusesAfter(60_000));
  streams[1]?.add(1, 100);
  t.deepEqual([first?.refusesAfter(1_999), first?.refusesAfter(2_001)], [false, true]);
});
