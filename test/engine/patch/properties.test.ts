// Patches against a reference that works on parsed values, for documents that parsing doesn't change; and hostile ones,
// after which the document must be JSON, or the error one of ours.

import test from "ava";
import * as fc from "fast-check";
import { pointerText } from "../../../src/base/json-pointer.ts";
import type { Patch } from "../../../src/engine/commands.ts";
import { insert, jsonPatch, mergePatch, operations, patched, remove, set, verdict } from "./patch.ts";

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const names = fc.constantFrom("a", "b", "c/d", "", 'é"', "__proto__", "constructor", "0", "1");
const { json } = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom<Json>(null, true, 0, 1, -2.5, "text", '\u2028\\"', ""),
    fc.array(tie("json"), { maxLength: 4 }),
    fc.dictionary(names, tie("json"), { maxKeys: 6 }) as fc.Arbitrary<Json>,
  ),
}));
const space = fc.constantFrom(undefined, 1, "\t");
const paths = fc.array(fc.oneof(names, fc.constantFrom("-", "2", "01", "missing")), { maxLength: 4 });

/** What one operation makes of a document, or undefined when it can't be applied. */
function reference(document: Json, path: readonly string[], op: string, value: Json): { result: Json } | undefined {
  const [name, ...rest] = path;
  if (name === undefined) return op === "set" ? { result: value } : undefined;
  if (typeof document !== "object" || document === null) return undefined;
  if (Array.isArray(document)) return inArray(document, name, rest, op, value);
  const members = new Map(Object.entries(document));
  const old = members.get(name);
  if (rest.length > 0) {
    if (old === undefined && op !== "set") return undefined;
    const inner = reference(old === undefined ? {} : old, rest, op, value);
    if (inner === undefined) return undefined;
    members.set(name, inner.result);
  } else if (op === "set") members.set(name, value);
  else if (op === "insert" || !members.delete(name)) return undefined;
  return { result: ordered(members) };
}

function inArray(
  array: readonly Json[],
  name: string,
  rest: readonly string[],
  op: string,
  value: Json,
): { result: Json } | undefined {
  const isIndex = /^(0|[1-9]\d*)$/.test(name);
  const at = name === "-" ? array.length : isIndex ? Number(name) : Number.NaN;
  const last = op === "insert" && rest.length === 0 ? array.length : array.length - 1;
  const appends = name === "-" && op === "set";
  if (Number.isNaN(at) || (at > last && !appends)) return undefined;
  if (rest.length > 0) {
    const inner = reference(appends ? {} : (array[at] as Json), rest, op, value);
    return inner === undefined ? undefined : { result: array.toSpliced(at, 1, inner.result) };
  }
  if (op === "insert") return { result: array.toSpliced(at, 0, value) };
  return { result: op === "set" ? array.toSpliced(at, 1, value) : array.toSpliced(at, 1) };
}

/** An object from its members, with `__proto__` as a member like any other. */
function ordered(members: Map<string, Json>): Json {
  return Object.fromEntries(members) as Json;
}

/** Equality as JSON has it: the order of members doesn't count. */
function canonical(value: Json): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

test("operations do to a text what the reference does to its value", (t) => {
  const lists = fc.array(fc.tuple(fc.constantFrom("set", "delete", "insert"), paths, json), { maxLength: 5 });
  let applied = 0;
  fc.assert(
    fc.property(json, space, lists, (document, indent, list) => {
      let expected: { result: Json } | undefined = { result: document };
      for (const [op, path, value] of list) {
        if (expected !== undefined) expected = reference(expected.result, path, op, value);
      }
      const patch = operations(
        ...list.map(([op, path, value]) => {
          const text = JSON.stringify(value, undefined, indent);
          if (op === "set") return set(pointerText(path), text);
          return op === "insert" ? insert(pointerText(path), text) : remove(pointerText(path));
        }),
      );
      const text = JSON.stringify(document, undefined, indent);
      if (expected === undefined) return t.not(verdict(text, patch), "ok");
      applied++;
      return t.is(canonical(JSON.parse(patched(text, patch)) as Json), canonical(expected.result));
    }),
    { numRuns: 3000 },
  );
  t.true(applied > 400, `${applied} were applied`);
});

function mergeReference(target: Json | undefined, patch: Json): Json {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const isObject = typeof target === "object" && target !== null && !Array.isArray(target);
  const members = new Map(isObject ? Object.entries(target) : []);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) members.delete(key);
    else members.set(key, mergeReference(members.get(key), value));
  }
  return ordered(members);
}

test("a merge patch does to a text what RFC 7396's function does to its value", (t) => {
  fc.assert(
    fc.property(json, json, space, (document, patch, indent) => {
      const result = patched(JSON.stringify(document, undefined, indent), mergePatch(JSON.stringify(patch)));
      t.is(canonical(JSON.parse(result) as Json), canonical(mergeReference(document, patch)));
    }),
    { numRuns: 2000 },
  );
});

test("a JSON Patch that tests for a value finds it, and a changed one not", (t) => {
  fc.assert(
    fc.property(json, json, space, (a, b, indent) => {
      const same = canonical(a) === canonical(b);
      const text = JSON.stringify(a, undefined, indent);
      const patch = (value: Json): Patch => jsonPatch([{ op: "test", path: "", value }]);
      t.is(verdict(text, patch(a)), "ok");
      t.is(verdict(text, patch(b)), same ? "ok" : "TEST_FAILED");
    }),
  );
});

test("hostile patches end in JSON or in an error of ours", (t) => {
  const words =
    '{ } [ ] , : " \\ "op" "add" "copy" "move" "test" "path" "from" "value" "" "/" "/a" "/-" "/a/0" "~" 1 null';
  const tokens = fc.constantFrom(...words.split(" "));
  const soup = fc.array(tokens, { maxLength: 30 }).map((parts) => parts.join(""));
  const operation = fc.record(
    {
      op: fc.constantFrom("add", "remove", "replace", "move", "copy", "test", "spam"),
      path: fc.oneof(
        paths.map((path) => pointerText(path)),
        fc.string(),
      ),
      from: paths.map((path) => pointerText(path)),
      value: json,
    },
    { requiredKeys: ["op", "path"] },
  );
  const lists = fc.array(operation, { maxLength: 6 }).map((list) => JSON.stringify(list));
  const texts = fc.oneof(soup, lists);
  let worked = 0;
  fc.assert(
    fc.property(json, texts, fc.boolean(), (document, text, isMerge) => {
      const patch = isMerge ? mergePatch(text) : jsonPatch(text);
      if (verdict(JSON.stringify(document), patch) !== "ok") return;
      worked++;
      t.notThrows(() => JSON.parse(patched(JSON.stringify(document), patch)));
    }),
    { numRuns: 3000 },
  );
  t.true(worked > 100, `${worked} worked`);
});
