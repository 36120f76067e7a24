// Answers that their client doesn't read: they wait in bounded memory, and whoever reads is served.

import test from "ava";
import { ReplyRooms } from "../../src/rpc/reply-room.ts";

const never = new AbortController().signal;
const mebibyte = 1024 * 1024;

/** Lets a call in if there is room; whether there was. */
function entered(rooms: ReplyRooms): boolean {
  const waiting = rooms.placeFor("peer").enter(never);
  waiting?.catch(() => undefined);
  return waiting === undefined;
}

test("the first calls of a connection are few, and more when their answers are small", (t) => {
  const rooms = new ReplyRooms();
  const places = Array.from({ length: 32 }, () => rooms.placeFor("peer"));
  for (const place of places) t.is(place.enter(never), undefined);
  const next = rooms.placeFor("peer");
  t.not(next.enter(never), undefined);
  for (const place of places.slice(1)) {
    place.answered(100);
    place.read();
  }
  let more = 0;
  while (entered(rooms) && more < 10_000) more++;
  t.true(more > 100 && more < 10_000, String(more));
});

test("a call waits while answers aren't read, starts when they are, and no later one goes before it", async (t) => {
  const rooms = new ReplyRooms();
  const [unread, first, second] = [rooms.placeFor("peer"), rooms.placeFor("peer"), rooms.placeFor("peer")];
  void unread.enter(never);
  unread.answered(20 * mebibyte);
  const order: string[] = [];
  const firstEntered = first.enter(never)?.then(() => order.push("first"));
  const secondEntered = second.enter(never)?.then(() => order.push("second"));
  t.is(rooms.placeFor("another").enter(never), undefined);
  await Promise.resolve();
  t.deepEqual(order, []);
  unread.read();
  await firstEntered;
  t.deepEqual(order, ["first"]);
  first.answered(10);
  first.read();
  await secondEntered;
  t.deepEqual(order, ["first", "second"]);
});

test("a call that is interrupted waits no longer", async (t) => {
  const rooms = new ReplyRooms();
  const [unread, waiting] = [rooms.placeFor("peer"), rooms.placeFor("peer")];
  void unread.enter(never);
  unread.answered(20 * mebibyte);
  const abort = new AbortController();
  const entering = waiting.enter(abort.signal) ?? Promise.resolve();
  abort.abort(new Error("the deadline passed"));
  await t.throwsAsync(entering, { message: "the deadline passed" });
  unread.read();
  t.true(entered(rooms));
});

test("a call without an answer, and one whose client left before it, take no room", (t) => {
  const rooms = new ReplyRooms();
  for (let i = 0; i < 100; i++) {
    const place = rooms.placeFor("peer");
    t.is(place.enter(never), undefined);
    place.read();
    place.answered(0);
    place.answered(0);
    place.read();
  }
});
