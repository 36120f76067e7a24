import test from "ava";
import { DocDBError } from "../../src/base/errors.ts";
import { ErrorTracker } from "../../src/telemetry/error-tracker.ts";

function tracked(): { tracker: ErrorTracker; logged: string[]; pass: (ms: number) => void } {
  const logged: string[] = [];
  let ms = 0;
  const clock = { now: () => 1_700_000_000_000 + ms, monotonicMs: () => ms };
  const log = {
    event: (level: string, message: string) => void logged.push(`${level} ${message}`),
    failure: (where: string, error: DocDBError) => void logged.push(`${where}: ${error.code}`),
  };
  return { tracker: new ErrorTracker(log, clock), logged, pass: (passed) => void (ms += passed) };
}

const full = new DocDBError("DISK_FULL", "The disk is full.");
const busy = new DocDBError("QUEUE_FULL", "Too many calls wait.");
const broken = new DocDBError("IO_ERROR", "The disk failed.");

test("errors are counted by code and by category, with the last of each", (t) => {
  const { tracker, pass } = tracked();
  tracker.failure("a", full);
  pass(10);
  tracker.failure("b", busy);
  pass(10);
  tracker.failure("c", broken);
  tracker.failure("d", full);
  const { categories, codes } = tracker.stats;
  t.deepEqual(
    codes.map(({ name, count }) => [name, count]),
    [
      ["DISK_FULL", 2],
      ["IO_ERROR", 1],
      ["QUEUE_FULL", 1],
    ],
  );
  t.deepEqual(
    categories.map(({ name, count, last }) => [name, count, last.code]),
    [
      ["critical", 1, "IO_ERROR"],
      ["transient", 3, "DISK_FULL"],
    ],
  );
  t.deepEqual(codes[0]?.last, { timeMs: 1_700_000_000_020, code: "DISK_FULL", message: "The disk is full." });
});

test("rates are of the last minute", (t) => {
  const { tracker, pass } = tracked();
  const rate = (): number => (tracker.stats.codes[0]?.perSecond ?? 0) * 60;
  for (let n = 0; n < 30; n++) tracker.failure("a", full);
  pass(30_000);
  for (let n = 0; n < 12; n++) tracker.failure("a", full);
  t.is(Math.round(rate()), 42);
  pass(29_999);
  t.is(Math.round(rate()), 42);
  pass(1);
  t.is(Math.round(rate()), 12, "the first thirty are a minute old");
  pass(600_000);
  t.is(rate(), 0);
  t.is(tracker.stats.codes[0]?.count, 42);
});

test("the log gets the first of a code at once, then one a second, which says how many were passed over", (t) => {
  const { tracker, logged, pass } = tracked();
  for (let n = 0; n < 1000; n++) tracker.failure("a", broken);
  tracker.failure("b", full);
  t.deepEqual(logged, ["a: IO_ERROR", "b: DISK_FULL"]);
  pass(1_000);
  tracker.failure("a", broken);
  tracker.failure("a", broken);
  t.deepEqual(logged.slice(2), ["a (and 999 more of this code before): IO_ERROR"]);
});

test("events are passed on, and long messages are shortened in the statistics only", (t) => {
  const { tracker, logged } = tracked();
  tracker.event("info", "recovered", {});
  t.deepEqual(logged, ["info recovered"]);
  tracker.failure("a", new DocDBError("INTERNAL", "x".repeat(1000)));
  t.is(tracker.stats.codes[0]?.last.message.length, 200);
});
