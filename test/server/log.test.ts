// The log: one line an event, whatever is in it.

import test from "ava";
import { DocDBError } from "../../src/base/errors.ts";
import { Log } from "../../src/server/log.ts";

function logged(act: (log: Log) => void, level: "debug" | "info" = "debug"): string[] {
  const lines: string[] = [];
  act(new Log(level, (line) => lines.push(line)));
  return lines.map((line) => line.replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /, ""));
}

test("an event is one line with its facts", (t) => {
  const facts = { database: "shop", bytes: 7, id: 2n ** 64n - 1n, text: 'two\nlines "quoted"', nothing: undefined };
  t.deepEqual(
    logged((log) => log.event("info", "recovered\nand\r\nopened", facts)),
    [
      "info  recovered and opened database=shop bytes=7 id=18446744073709551615 " +
        'text="two\\nlines \\"quoted\\"" nothing=undefined\n',
    ],
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
  const [line = ""] = logged((log) => log.failure("GetDocument", new DocDBError("INTERNAL", "It broke.", { cause })));
  t.regex(line, /^error GetDocument: INTERNAL It broke\. cause=.*TypeError: a defect.*log\.test\.ts.*\n$/);
  const missing = new DocDBError("DOCUMENT_NOT_FOUND", "There is none.", { metadata: { id: "7" } });
  t.deepEqual(
    logged((log) => log.failure("GetDocument", missing)),
    ["debug GetDocument: DOCUMENT_NOT_FOUND There is none. id=7\n"],
  );
});
