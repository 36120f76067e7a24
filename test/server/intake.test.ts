// How much a turn of the event loop takes in, and of which connections, with sources that only note whether they are
// read.

import test from "ava";
import { Intake } from "../../src/server/intake.ts";

class NotedSource {
  readonly name: string;
  readonly #starts: string[];
  isRead = true;

  constructor(name: string, starts: string[]) {
    this.name = name;
    this.#starts = starts;
  }

  stopReading(): void {
    this.isRead = false;
  }

  startReading(): void {
    this.isRead = true;
    this.#starts.push(this.name);
  }
}

/** `counts` says how many connections have asked each database. */
function intakeOf(counts: Readonly<Record<string, number>>) {
  const starts: string[] = [];
  let floods = 0;
  const intake = new Intake<NotedSource>(() => floods++);
  const sources = new Map<string, NotedSource>();
  const add = (name: string): NotedSource => {
    const source = new NotedSource(name, starts);
    sources.set(name, source);
    intake.add(source);
    return source;
  };
  for (const [database, count] of Object.entries(counts)) {
    for (let i = 0; i < count; i++) intake.asked(add(`${database}${i}`), database);
  }
  /** A call on a connection that asks its database again. */
  const took = (name: string, nowMs = 0): void => {
    const source = sources.get(name);
    if (source !== undefined) intake.took(source, nowMs);
  };
  const read = (database = ""): string[] =>
    [...sources.values()].filter(({ isRead, name }) => isRead && name.startsWith(database)).map(({ name }) => name);
  const source = (name: string): NotedSource => sources.get(name) ?? add(name);
  return { intake, starts, source, took, read, floods: () => floods };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const names = (database: string, first: number, end: number): string[] =>
  Array.from({ length: end - first }, (_, i) => `${database}${first + i}`);

test("when a database has brought its part its other connections wait; those of others are read", async (t) => {
  const { took, read, starts, floods } = intakeOf({ f: 40, q: 2 });
  for (const name of names("f", 0, 15)) took(name);
  t.is(read().length, 42);
  took("f15");
  t.deepEqual(read(), ["q0", "q1"]);
  took("q1");
  t.deepEqual(read(), ["q0", "q1"]);
  await nextTurn();
  t.deepEqual(starts, names("f", 16, 32));
  t.is(floods(), 0);
});

test("connections of a flooded database have their chances one after the other, and each has one", async (t) => {
  const { took, read, starts } = intakeOf({ f: 40 });
  for (const name of names("f", 0, 16)) took(name);
  for (let turn = 0; turn < 10; turn++) {
    starts.length = 0;
    await nextTurn();
    t.deepEqual(
      starts,
      names("f", 0, 16).map((_, i) => `f${(16 * (turn + 1) + i) % 40}`),
    );
    for (const name of starts) took(name);
    t.deepEqual(read(), []);
  }
});

test("who has used its chance waits for those that wait; who hasn't is read until it does", async (t) => {
  const { took, read } = intakeOf({ f: 40 });
  for (const name of names("f", 0, 16)) took(name);
  await nextTurn();
  took("f16");
  t.deepEqual(read(), names("f", 17, 32));
  await nextTurn();
  t.deepEqual(read(), [...names("f", 0, 8), ...names("f", 17, 40)]);
  await nextTurn();
  t.is(read().length, 40);
});

test("a connection that brings much at once waits for a turn", async (t) => {
  const { took, read } = intakeOf({ f: 1, q: 1 });
  for (let i = 0; i < 100; i++) took("f0");
  t.deepEqual(read(), ["q0"]);
  await nextTurn();
  t.deepEqual(read(), ["f0", "q0"]);
});

test("databases that flood share the chances of a turn, and none of them is left out", async (t) => {
  const { took, starts } = intakeOf({ a: 20, b: 20, c: 20, d: 20, e: 20 });
  for (const database of "abcde") for (const name of names(database, 0, 16)) took(name);
  await nextTurn();
  t.deepEqual(
    starts,
    ["a", "b", "c", "d", "e"].flatMap((database) => [...names(database, 16, 20), ...names(database, 0, 8)]),
  );
});

test("a connection belongs to the database that it asked last, whatever the case of its name", (t) => {
  const { intake, source, took, read } = intakeOf({ f: 20, q: 1 });
  intake.asked(source("q0"), "F");
  for (const name of names("f", 0, 16)) took(name);
  t.deepEqual(read(), []);
  took("f17");
  intake.asked(source("f17"), "q");
  t.deepEqual(read(), ["f17"]);
  intake.asked(source("f17"), "f");
  t.deepEqual(read(), ["f17"]);
  took("f17");
  t.deepEqual(read(), []);
});

test("a turn takes in calls for so long only; the next begins with the database read longest ago", async (t) => {
  const { took, read, source, starts, floods } = intakeOf({ a: 1, b: 2, c: 1 });
  took("a0", 0);
  took("b1", 9);
  t.is(read().length, 4);
  took("b0", 11);
  t.deepEqual(read(), []);
  t.is(floods(), 1);
  took("a0", 12);
  t.is(floods(), 1);
  t.false(source("late").isRead);
  await nextTurn();
  t.is(read().length, 5);
  t.deepEqual(starts, ["c0", "a0", "b1", "b0", "late"]);
});

test("turns that take in little stop nobody, however many they are", async (t) => {
  const { took, read, floods } = intakeOf({ a: 1, b: 1 });
  for (let turn = 0; turn < 30; turn++) {
    took("a0", turn * 20);
    took("b0", turn * 20 + 9);
    await nextTurn();
  }
  t.is(read().length, 2);
  t.is(floods(), 0);
});

test("connections that are gone get no chance, and those behind them do", async (t) => {
  const { intake, source, took, starts } = intakeOf({ f: 40 });
  for (const name of names("f", 0, 16)) took(name);
  for (const name of names("f", 16, 30)) intake.remove(source(name));
  await nextTurn();
  t.deepEqual(starts, [...names("f", 30, 40), ...names("f", 0, 6)]);
  for (let i = 0; i < 40; i++) intake.remove(source(`f${i}`));
  await nextTurn();
  t.is(starts.length, 16);
});
