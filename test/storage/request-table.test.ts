// How long records of requests are found.

import test from "ava";
import { limits } from "../../src/base/limits.ts";
import { RequestTable } from "../../src/storage/request-table.ts";

const place = { offset: 100, length: 60, parity: 1 } as const;
const minuteMs = 60_000;

function add(table: RequestTable, id: number, nowMs: number): void {
  table.expire(nowMs);
  table.add(id, 7, id, nowMs, place);
}

test("a record is found for ten minutes, however the others come, and not for ever", (t) => {
  const table = new RequestTable();
  // One a minute, for two hours.
  for (let minute = 1; minute <= 120; minute++) {
    add(table, minute, minute * minuteMs);
    for (let age = 0; age < Math.min(10, minute); age++) {
      t.is(table.get(minute - age, 7)?.version, minute - age, `after ${age} minutes`);
    }
    if (minute > 20) t.is(table.get(minute - 20, 7), undefined);
  }
});

test("after a long pause all are forgotten at the next look", (t) => {
  const table = new RequestTable();
  add(table, 1, 0);
  table.expire(2 * limits.requestRetentionMs);
  t.is(table.get(1, 7), undefined);
  t.is(table.memory.bytes, 0);
});

test("however many come, as many as are promised are found, and memory is bounded", (t) => {
  const table = new RequestTable();
  const count = 3 * limits.requestsKept;
  for (let id = 1; id <= count; id++) add(table, id, 1);
  t.is(table.get(count - limits.requestsKept + 1, 7)?.version, count - limits.requestsKept + 1);
  t.is(table.get(1, 7), undefined);
  t.true(table.memory.bytes <= 2 * limits.requestsKept * 48);
});

test("what recovery finds is kept for ten minutes from then on, in whatever order it was found", (t) => {
  const table = new RequestTable();
  for (const [id, timeMs] of [
    [3, 300 * minuteMs],
    [1, 0],
    [2, 250 * minuteMs],
  ] as const) {
    table.add(id, 7, id, timeMs, place);
  }
  add(table, 4, 301 * minuteMs);
  for (const id of [1, 2, 3, 4]) t.is(table.get(id, 7)?.version, id);
});

test("a database that is opened anew before the time is over forgets all the same", (t) => {
  // Each opening began to count anew: a database that was closed when idle, every few minutes, kept all outcomes.
  let table = new RequestTable();
  for (let session = 1; session <= 20; session++) {
    table = new RequestTable(...table.tables);
    for (let minute = 0; minute < 3; minute++) add(table, session * 10 + minute, (session * 60 + minute) * minuteMs);
  }
  for (const minute of [0, 1, 2]) t.is(table.get(202 - minute, 7)?.version, 202 - minute);
  t.is(table.get(182, 7), undefined);
  t.true(table.memory.bytes <= 2 * 256 * 300 + 6 * 256, "two empty tables of 256 shards, and their slots");
});

test("an older record doesn't replace a newer one of the same request", (t) => {
  const table = new RequestTable();
  table.add(1, 7, 5, 0, place);
  table.add(1, 7, 4, 0, { ...place, offset: 9 });
  t.is(table.get(1, 7)?.offset, 100);
  table.add(1, 7, 6, 0, { ...place, offset: 200 });
  t.is(table.get(1, 7)?.offset, 200);
});
