import test from "ava";
import { DocDBError, type ErrorCode, errorKinds } from "../../src/base/errors.ts";

test("every code has a status and a category, and an error carries both", (t) => {
  for (const [code, kind] of Object.entries(errorKinds)) {
    const error = new DocDBError(code as ErrorCode, "x");
    t.is(error.status, kind.status);
    t.is(error.category, kind.category);
    t.regex(code, /^[A-Z0-9_]+$/);
  }
});

test("an error of ours passes through, anything else becomes INTERNAL and keeps its cause to itself", (t) => {
  const ours = new DocDBError("QUEUE_FULL", "full", { retryAfterMs: 50, metadata: { database: "d" } });
  t.is(DocDBError.from(ours), ours);
  t.is(ours.retryAfterMs, 50);
  const theirs = new TypeError("secret of another client");
  const wrapped = DocDBError.from(theirs);
  t.is(wrapped.code, "INTERNAL");
  t.is(wrapped.cause, theirs);
  t.false(wrapped.message.includes("secret"));
  t.is(DocDBError.from("thrown text").code, "INTERNAL");
});
