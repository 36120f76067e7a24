import test from "ava";
import { DocDBError } from "../../src/base/errors.ts";
import { checkName } from "../../src/base/names.ts";

test("letters, digits, '_' and '-' make a name, up to 64 of them", (t) => {
  for (const name of ["a", "0", "Users-2_x", "constructor", "__proto__".slice(2), "a".repeat(64)]) {
    t.notThrows(() => checkName("database", name), name);
  }
});

test("what could leave a directory, collide or be hidden is refused as a name", (t) => {
  const names = ["", "../x", ".x", "a.b", "a/b", "a\\b", "a\0", "_default", "-x", "é", "a b", "a\n", "a".repeat(65)];
  for (const name of names) {
    const error = t.throws(() => checkName("collection", name), { instanceOf: DocDBError }, JSON.stringify(name));
    t.is(error?.code, "INVALID_NAME");
    t.is(error?.metadata["what"], "collection");
  }
});

test("the message shows a hostile name escaped, and a long one cut", (t) => {
  t.regex(t.throws(() => checkName("database", "a\nb"))?.message ?? "", /^"a\\nb" can't name a database/);
  t.true((t.throws(() => checkName("database", "x".repeat(10_000)))?.message.length ?? 0) < 300);
});
