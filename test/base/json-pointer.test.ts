// JSON Pointers, by the examples of RFC 6901 and by what a hostile client may send.

import test from "ava";
import * as fc from "fast-check";
import { DocDBError } from "../../src/base/errors.ts";
import { arrayIndex, parsePointer, pointerText } from "../../src/base/json-pointer.ts";

test("the examples of RFC 6901, section 5, name what the RFC says", (t) => {
  t.deepEqual(parsePointer(""), []);
  t.deepEqual(parsePointer("/foo/0"), ["foo", "0"]);
  t.deepEqual(parsePointer("/"), [""]);
  t.deepEqual(parsePointer("/a~1b"), ["a/b"]);
  t.deepEqual(parsePointer("/m~0n"), ["m~n"]);
  t.deepEqual(parsePointer("/~01"), ["~1"]);
  t.deepEqual(parsePointer('/k"l/ /c%d'), ['k"l', " ", "c%d"]);
});

test("a path's text names the same path again", (t) => {
  const names = fc.array(fc.oneof(fc.string(), fc.constantFrom("~", "/", "~1", "__proto__", "-", "")), {
    maxLength: 9,
  });
  fc.assert(fc.property(names, (path) => t.deepEqual(parsePointer(pointerText(path)), path)));
});

for (const [pointer, why] of [
  ["a", "has no slash in front"],
  ["/~", "has a tilde that means nothing"],
  ["/~2", "has a tilde that means nothing"],
  ["/a".repeat(101), "goes deeper than 100 levels"],
  ["/".repeat(1_000_000), "is a million slashes"],
] as const) {
  test(`a pointer that ${why} is INVALID_PATH: ${pointer.slice(0, 20)}`, (t) => {
    const error = t.throws(() => parsePointer(pointer), { instanceOf: DocDBError });
    t.is(error.code, "INVALID_PATH");
    t.true(error.message.length < 400);
  });
}

test("a pointer of 100 levels is one", (t) => {
  t.is(parsePointer("/a".repeat(100)).length, 100);
});

test("only digits without leading zeros are an array's index", (t) => {
  t.deepEqual(["0", "7", "10"].map(arrayIndex), [0, 7, 10]);
  t.deepEqual(
    ["", "-", "-1", "01", "1e0", "1.0", " 1", "+1", "99999999999999999999"].map(arrayIndex),
    Array.from({ length: 9 }),
  );
});
