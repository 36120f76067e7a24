// How much a turn of the event loop takes in, with sources that only note whether they are read.

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

function intakeOf(names: string, mayBeRead: (source: NotedSource) => boolean = () => true) {
  const starts: string[] = [];
  let floods = 0;
  const intake = new Intake<NotedSource>(mayBeRead, () => floods++);
  const sources = names.split("").map((name) => new NotedSource(name, starts));
  for (const source of sources) intake.add(source);
  const took = (name: string, nowMs: number): void => {
    const source = sources.find((each) => each.name === name);
    if (source !== undefined) intake.took(source, nowMs);
  };
  const read = (): string => sources.map(({ isRead, name }) => (isRead ? name : "-")).join("");
  return { intake, sources, starts, took, read, floods: () => floods };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test("a turn takes in calls for so long only; the next one begins with who was read longest ago", async (t) => {
  const { took, read, starts, floods } = intakeOf("abcd");
  took("a", 0);
  took("b", 9);
  t.is(read(), "abcd");
  took("b", 11);
  t.is(read(), "----");
  t.is(floods(), 1);
  took("a", 12);
  t.is(floods(), 1);
  await nextTurn();
  t.is(read(), "abcd");
  t.is(starts.join(""), "cdba");
});

test("turns that take in little stop nobody, however many they are", async (t) => {
  const { took, read, floods } = intakeOf("ab");
  for (let turn = 0; turn < 5; turn++) {
    took("a", turn * 20);
    took("b", turn * 20 + 9);
    await nextTurn();
  }
  t.is(read(), "ab");
  t.is(floods(), 0);
});

test("who may not be read stays stopped; who comes in a turn that reads no more waits for the next one", async (t) => {
  const { intake, sources, starts, took, read } = intakeOf("abc", ({ name }) => name !== "b");
  took("a", 0);
  took("a", 20);
  const late = new NotedSource("d", starts);
  intake.add(late);
  t.false(late.isRead);
  const [, , third] = sources;
  if (third !== undefined) intake.remove(third);
  await nextTurn();
  t.is(read(), "a--");
  t.true(late.isRead);
});
