// SET, DELETE and INSERT: what they mean, and that everything they don't name keeps its text.

import test from "ava";
import type { PathOperation } from "../../../src/engine/commands.ts";
import { cpuMs, failure, insert, operations, patched, remove, set, verdict } from "./patch.ts";

const exact = '{"id":18446744073709551615,"price":1.10,"tags":[1e400]}';

test("a patch of one field leaves the other values' text exactly as it was", (t) => {
  t.is(patched(exact, operations(set("/name", '"x"'))), `${exact.slice(0, -1)},"name":"x"}`);
  t.is(patched(exact, operations(set("/price", "2.50"))), exact.replace("1.10", "2.50"));
  t.is(patched(exact, operations(remove("/price"))), '{"id":18446744073709551615,"tags":[1e400]}');
  t.is(patched(exact, operations(insert("/tags/0", "-0.0"))), exact.replace("[", "[-0.0,"));
});

for (const [what, document, operation, result] of [
  ["SET replaces a member", '{"a":1,"b":2}', set("/a", "3"), '{"a":3,"b":2}'],
  ["SET adds a member", '{"a":1}', set("/b", "2"), '{"a":1,"b":2}'],
  ["SET replaces an element", "[1,2,3]", set("/1", "9"), "[1,9,3]"],
  ["SET on - appends", "[1]", set("/-", "2"), "[1,2]"],
  ["SET on - of an empty array appends", "[]", set("/-", "2"), "[2]"],
  ["SET creates missing parents", "{}", set("/a/b/c", "1"), '{"a":{"b":{"c":1}}}'],
  ["SET creates objects, whatever their members are called", "{}", set("/a/0", "1"), '{"a":{"0":1}}'],
  ["SET creates an object at the end of an array", '{"a":[1]}', set("/a/-/b", "2"), '{"a":[1,{"b":2}]}'],
  ["SET replaces the whole document", '{"a":1}', set("", "[]"), "[]"],
  ["SET replaces an object by a value", '{"a":{"b":1}}', set("/a", "0"), '{"a":0}'],
  ["DELETE removes a member", '{"a":1,"b":2,"c":3}', remove("/b"), '{"a":1,"c":3}'],
  ["DELETE removes the only member", '{"a":1}', remove("/a"), "{}"],
  ["DELETE removes an element", "[1,2,3]", remove("/2"), "[1,2]"],
  ["DELETE removes the first element", "[1,2,3]", remove("/0"), "[2,3]"],
  ["INSERT puts before an element", "[1,3]", insert("/1", "2"), "[1,2,3]"],
  ["INSERT puts at an array's length", "[1]", insert("/1", "2"), "[1,2]"],
  ["INSERT appends with -", '{"l":[]}', insert("/l/-", "2"), '{"l":[2]}'],
  ["an empty name is a name", '{"":{"":1}}', set("//", "2"), '{"":{"":2}}'],
  ["~0 and ~1 are resolved", '{"a/b":1,"m~n":2}', set("/a~1b", "3"), '{"a/b":3,"m~n":2}'],
  ["escaped keys are found by what they say", '{"\\u0061\\/b":1}', set("/a~1b", "2"), '{"\\u0061\\/b":2}'],
  ["a key with quotes is written escaped", "{}", set('/a"\\', "1"), '{"a\\"\\\\":1}'],
  ["keys beyond ASCII are found", '{"ключ":1,"😀":2}', set("/😀", "3"), '{"ключ":1,"😀":3}'],
  ["__proto__ is a key like any other", "{}", set("/__proto__/x", "1"), '{"__proto__":{"x":1}}'],
  ["constructor is a key", '{"constructor":1}', set("/constructor", "2"), '{"constructor":2}'],
  ["a value's own white space goes, its inside stays", "[0]", set("/0", ' \n{ "a" : 1 } '), '[{ "a" : 1 }]'],
] as const satisfies readonly (readonly [string, string, PathOperation, string])[]) {
  test(what, (t) => {
    t.is(patched(document, operations(operation)), result);
    t.notThrows(() => JSON.parse(result));
  });
}

for (const [what, document, operation, code] of [
  ["a DELETE of what isn't there", '{"a":1}', remove("/b"), "PATH_NOT_FOUND"],
  ["a DELETE behind an array's end", "[1]", remove("/1"), "PATH_NOT_FOUND"],
  ["a DELETE of - of an array", "[1]", remove("/-"), "PATH_NOT_FOUND"],
  ["a DELETE inside a number", '{"a":1}', remove("/a/b"), "PATH_NOT_FOUND"],
  ["a DELETE of what objects inherit", "{}", remove("/constructor"), "PATH_NOT_FOUND"],
  ["a SET behind an array's end", "[1]", set("/1", "2"), "PATH_NOT_FOUND"],
  ["a SET in a missing element", "[1]", set("/1/a", "2"), "PATH_NOT_FOUND"],
  ["a SET of a name in an array", "[1]", set("/a", "2"), "NOT_AN_OBJECT"],
  ["a SET of an index with leading zero", "[1,2]", set("/01", "2"), "NOT_AN_OBJECT"],
  ["a SET inside a number", '{"a":1}', set("/a/b", "2"), "NOT_AN_OBJECT"],
  ["a SET inside a string at the root", '"text"', set("/0", "2"), "NOT_AN_OBJECT"],
  ["an INSERT into an object", "{}", insert("/a", "1"), "NOT_AN_OBJECT"],
  ["an INSERT into null", "null", insert("/0", "1"), "NOT_AN_OBJECT"],
  ["an INSERT behind the end", "[1]", insert("/2", "1"), "PATH_NOT_FOUND"],
  ["an INSERT into a missing array", "{}", insert("/a/0", "1"), "PATH_NOT_FOUND"],
  ["a DELETE of the whole document", "{}", remove(""), "INVALID_PATH"],
  ["an INSERT of the whole document", "[]", insert("", "1"), "INVALID_PATH"],
  ["a path that is no pointer", "{}", set("a", "1"), "INVALID_PATH"],
  ["a SET without a value", "{}", set("/a", ""), "INVALID_JSON"],
  ["a SET of two values", "{}", set("/a", "1,2"), "INVALID_JSON"],
  ["a SET that would break out of its place", "{}", set("/a", '1,"b":2'), "INVALID_JSON"],
  ["a DELETE with a value", '{"a":1}', { ...remove("/a"), json: Buffer.from("1") }, "INVALID_REQUEST"],
  ["a value that is nested too deep", "{}", set("/a", "[".repeat(101) + "]".repeat(101)), "JSON_TOO_DEEP"],
  ["a result that is nested too deep", "{}", set("/a", "[".repeat(100) + "]".repeat(100)), "JSON_TOO_DEEP"],
  ["a value that isn't UTF-8", "{}", { op: "set", path: "/a", json: Buffer.of(0x22, 0xff, 0x22) }, "INVALID_UTF8"],
] as const satisfies readonly (readonly [string, string, PathOperation, string])[]) {
  test(`${what} is ${code}`, (t) => {
    t.is(verdict(document, operations(operation)), code);
  });
}

test("white space stays where it was, and new items are set like their neighbours", (t) => {
  const document = '\n{\n  "a" : [ 1,\t2 ],\n  "b": {}\n}\n';
  t.is(patched(document, operations(set("/b", "3"))), '\n{\n  "a" : [ 1,\t2 ],\n  "b": 3\n}\n');
  t.is(patched(document, operations(set("/c", "3"))), '\n{\n  "a" : [ 1,\t2 ],\n  "b": {},\n  "c": 3\n}\n');
  t.is(patched(document, operations(remove("/b"))), '\n{\n  "a" : [ 1,\t2 ]\n}\n');
  t.is(patched(document, operations(remove("/a/0"))), '\n{\n  "a" : [\t2 ],\n  "b": {}\n}\n');
  t.is(patched(document, operations(set("/a/-", "3"))), '\n{\n  "a" : [ 1,\t2,\t3 ],\n  "b": {}\n}\n');
  t.is(patched(document, operations()), document);
});

test("of members with the same key a path names the last, and DELETE removes them all", (t) => {
  const document = '{"a":1,"b":2,"\\u0061":3,"c":4}';
  t.is(patched(document, operations(set("/a", "9"))), '{"a":1,"b":2,"\\u0061":9,"c":4}');
  t.is(patched(document, operations(remove("/a"))), '{"b":2,"c":4}');
  t.is(patched(document, operations(remove("/a"), set("/a", "5"))), '{"b":2,"c":4,"a":5}');
});

test("later operations see what earlier ones did", (t) => {
  const list = operations(set("/a/b", "[1]"), insert("/a/b/0", "0"), set("/a/b/-", '{"c":1}'), remove("/a/b/2/c"));
  t.is(patched("{}", list), '{"a":{"b":[0,1,{}]}}');
  t.is(patched('{"a":[1,2,3]}', operations(remove("/a/0"), remove("/a/0"), set("/a/0", "9"))), '{"a":[9]}');
});

test("a failing operation says its position and its path, in few words", (t) => {
  const name = "x".repeat(100_000);
  const error = failure('{"a":1}', operations(set("/b", "1"), remove(`/${name}`)));
  t.is(error?.code, "PATH_NOT_FOUND");
  t.is(error?.metadata["operation"], "1");
  t.true((error?.metadata["path"]?.length ?? 0) < 200);
  t.true((error?.message.length ?? 0) < 400);
  t.is(failure("{}", operations(set("/a", "1"), set("b", "1")))?.metadata["operation"], "1");
});

test("a patch of over 1,000 operations is TOO_MANY_OPERATIONS", (t) => {
  const list = Array.from({ length: 1001 }, (_, i) => set(`/k${i}`, "1"));
  t.is(verdict("{}", operations(...list)), "TOO_MANY_OPERATIONS");
  t.is(verdict("{}", operations(...list.slice(1))), "ok");
});

test("a result of more than 16 MiB is DOCUMENT_TOO_LARGE", (t) => {
  const big = `"${"x".repeat(9 * 1024 * 1024)}"`;
  t.is(verdict(`[${big}]`, operations(set("/-", big))), "DOCUMENT_TOO_LARGE");
  t.is(verdict(`[${big}]`, operations(set("/-", big), remove("/0"))), "ok");
});

test("a patch of one field in a big document costs about one look at its text", (t) => {
  const members = Array.from({ length: 50_000 }, (_, i) => `"key${i}":{"n":${i},"list":[1,2,3]}`);
  const document = `{${members.join(",")}}`;
  let result = "";
  const tookMs = cpuMs(() => (result = patched(document, operations(set("/key49999/n", "-1")))));
  t.is(result, document.replace('{"n":49999,', '{"n":-1,'));
  t.true(tookMs < 500, `a document of ${document.length} bytes took ${tookMs} ms`);
});
