// The log: one line an event, whatever is in it, which programs can read.

import test from "ava";
import { DocDBError } from "../../src/base/errors.ts";
import { Log } from "../../src/observability/log.ts";

function logged(act: (log: Log) => void, level: "debug" | "info" = "debug"): Record<string, unknown>[] {
  const lines: string[] = [];
  act(new Log(level, { write: (line) => void lines.push(line) }));
  return lines.map((line) => {
    if (line.indexOf("\n") !== line.length - 1) throw new Error(`not one line: ${line}`);
    const { time, ...rest } = JSON.parse(line) as Record<string, unknown>;
    if (typeof time !== "string" || Number.isNaN(Date.parse(time))) throw new Error(`no time: ${line}`);
    return rest;
  });
}

test("an event is one line with its facts", (t) => {
  const facts = { database: "shop", bytes: 7, text: 'two\nlines "quoted"' };
  t.deepEqual(
    logged((log) =>
      log.event("info", "recovered\nand\r\nopened", { ...facts, id: 2n ** 64n - 1n, nothing: undefined }),
    ),
    [{ level: "info", message: "recovered and opened", ...facts, id: "18446744073709551615" }],
  );
});

test("events below the level aren't logged", (t) => {
  t.deepEqual(
    logged((log) => log.event("debug", "a detail"), "info"),
    [],
  );
});

test("a critical failure is an error in the log, with its cause, and one of the client's is a detail", (t) => {
  const cause = new TypeError("a defect");
  const [line] = logged((log) => log.failure("GetDocument", new DocDBError("INTERNAL", "It broke.", { cause })));
  t.like(line, { level: "error", code: "INTERNAL", message: "GetDocument: INTERNAL It broke." });
  t.regex(String(line?.["cause"]), /TypeError: a defect.*log\.test\.ts/s);
  const missing = new DocDBError("DOCUMENT_NOT_FOUND", "There is none.", { metadata: { id: "7" } });
  t.deepEqual(
    logged((log) => log.failure("GetDocument", missing, { traceId: "abc" })),
    [
      {
        level: "debug",
        code: "DOCUMENT_NOT_FOUND",
        id: "7",
        traceId: "abc",
        message: "GetDocument: DOCUMENT_NOT_FOUND There is none.",
      },
    ],
  );
});
