// JSON Merge Patch by the examples of RFC 7396, and what stays of a document's text.

import test from "ava";
import { cpuMs, mergePatch, patched, verdict } from "./patch.ts";

// The RFC's appendix A.
for (const [document, patch, result] of [
  ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
  ['{"a":"b"}', '{"a":null}', "{}"],
  ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
  ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
  ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
  ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
  ['["a","b"]', '["c","d"]', '["c","d"]'],
  ['{"a":"b"}', '["c"]', '["c"]'],
  ['{"a":"foo"}', "null", "null"],
  ['{"a":"foo"}', '"bar"', '"bar"'],
  ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
  ["[1,2]", '{"a":"b","c":null}', '{"a":"b"}'],
  ["{}", '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
] as const) {
  test(`${document} merged with ${patch} is ${result}`, (t) => {
    t.is(patched(document, mergePatch(patch)), result);
  });
}

test("what a merge patch doesn't name keeps its text", (t) => {
  const document = '{ "id": 18446744073709551615,\n "price": 1.10, "tags": [1e400], "in": {"b":1.0, "c":2} }';
  const result = '{ "id": 18446744073709551615,\n "price": 1.10, "in": {"b":1.0, "c":3e0} }';
  t.is(patched(document, mergePatch('{"in":{"c":3e0},"tags":null}')), result);
});

test("nulls in an array are values", (t) => {
  t.is(patched("{}", mergePatch('{"a":[null,{"b":null}]}')), '{"a":[null,{"b":null}]}');
});

test("a null removes every member of that key, and the last member of a patch counts", (t) => {
  t.is(patched('{"a":1,"b":2,"a":3}', mergePatch('{"a":null}')), '{"b":2}');
  t.is(patched('{"a":1}', mergePatch('{"a":2,"a":null,"a":4}')), '{"a":4}');
});

test("an object with 100,000 members is merged with another in a moment", (t) => {
  const object = (from: number, value: string): string =>
    `{${Array.from({ length: 100_000 }, (_, i) => `"k${from + i}":${value}`).join(",")}}`;
  let result = "";
  const tookMs = cpuMs(() => (result = patched(object(0, "1"), mergePatch(object(50_000, "2")))));
  t.true(tookMs < 3000, `it took ${tookMs} ms`);
  t.is(result, `${object(0, "1").split(',"k50000"')[0]},${object(50_000, "2").slice(1)}`);
  t.is(patched(object(0, "1"), mergePatch(object(0, "null"))), "{}");
});

test("a merge patch that isn't JSON, or is too deep, is refused", (t) => {
  t.is(verdict("{}", mergePatch("{")), "INVALID_JSON");
  t.is(verdict("{}", mergePatch("")), "INVALID_JSON");
  t.is(verdict("{}", mergePatch('{"a":'.repeat(101) + "1" + "}".repeat(101))), "JSON_TOO_DEEP");
});
