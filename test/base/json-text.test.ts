// What counts as a JSON document. JSON.parse is the judge wherever it and RFC 8259 agree, which is everywhere but
// depth.

import test from "ava";
import * as fc from "fast-check";
import { DocDBError } from "../../src/base/errors.ts";
import { checkJsonInPieces } from "../../src/base/json-pieces.ts";
import { checkJson } from "../../src/base/json-text.ts";
import { limits } from "../../src/base/limits.ts";

/** "ok", or the code of the refusal: the same in one piece and in many. */
function verdict(text: string | Uint8Array): string {
  const bytes = Buffer.from(text as Uint8Array);
  const whole = outcome(() => checkJson(bytes));
  const pieceBytes = 1 + (bytes.length % 7) + Math.floor(bytes.length / 1_000);
  const cut = outcome(() => [...checkJsonInPieces(bytes, pieceBytes)]);
  if (cut.message !== whole.message) throw new Error(`in pieces ${cut.message}, and at once ${whole.message}`);
  return whole.code;
}

function outcome(check: () => unknown): { readonly code: string; readonly message: string } {
  try {
    check();
    return { code: "ok", message: "ok" };
  } catch (error) {
    if (error instanceof DocDBError) return error;
    throw error;
  }
}

/** What JSON.parse makes of bytes, with the check of the encoding that decoding to a string would hide. */
function judged(bytes: Uint8Array): string {
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
    return "ok";
  } catch (error) {
    return error instanceof SyntaxError ? "INVALID_JSON" : "INVALID_UTF8";
  }
}

/** Valid texts in all the ways that they can be written. */
const texts = fc.tuple(fc.jsonValue(), fc.constantFrom("", " ", "\t", "\n  ")).map(([value, space]) => {
  return `${space}${JSON.stringify(value, undefined, space)}${space}`;
});

test("every text that JSON.stringify makes is accepted", (t) => {
  fc.assert(
    fc.property(texts, (text) => verdict(text) === "ok"),
    { numRuns: 1000 },
  );
  t.pass();
});

test("a damaged text gets the verdict of JSON.parse", (t) => {
  const counts = { ok: 0, refused: 0 };
  const mutation = fc.record({
    at: fc.nat(),
    kind: fc.constantFrom("flip", "truncate", "insert", "remove"),
    byte: fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('{}[],:"\\ue+-.0123tfn \n\u00e9'))),
  });
  const damaged = fc.tuple(texts, fc.array(mutation, { minLength: 1, maxLength: 3 })).map(([text, mutations]) => {
    let bytes = Buffer.from(text);
    for (const { at: where, kind, byte } of mutations) {
      const at = where % (bytes.length + 1);
      const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
      if (kind === "insert") bytes = Buffer.concat([head, Buffer.of(byte), tail]);
      else if (kind === "truncate") bytes = Buffer.from(head);
      else if (kind === "remove") bytes = Buffer.concat([head, tail.subarray(1)]);
      else bytes = Buffer.concat([head, Buffer.of(byte).subarray(0, tail.length), tail.subarray(1)]);
    }
    return bytes;
  });
  fc.assert(
    fc.property(damaged, (bytes) => {
      counts[judged(bytes) === "ok" ? "ok" : "refused"]++;
      return verdict(bytes) === judged(bytes);
    }),
    { numRuns: 5000 },
  );
  t.true(counts.ok > 100 && counts.refused > 1000, JSON.stringify(counts));
});

test("short texts over JSON's own characters get the verdict of JSON.parse", (t) => {
  const characters = fc.constantFrom(...'{}[],:"\\/ue+-.019tfalsn rE \n'.split(""), "true", "null", '"a"', "\\u00e9");
  fc.assert(
    fc.property(fc.array(characters, { maxLength: 7 }), (parts) => {
      const text = parts.join("");
      return verdict(text) === judged(Buffer.from(text));
    }),
    { numRuns: 20_000 },
  );
  t.pass();
});

const accepted: Readonly<Record<string, string>> = {
  "a number beyond every double": "1e400",
  "an integer beyond 2^53": "18446744073709551615",
  "minus zero": "-0",
  "an escaped lone surrogate": '"\\ud83d"',
  "duplicate keys": '{"a":1,"a":2}',
  "the key __proto__": '{"__proto__":{"constructor":1}}',
  "an empty key": '{"":[]}',
  "a scalar amid spaces": " \t\r\n1 \t\r\n",
  "DEL, which is no control character to JSON": '"\u007f"',
};

for (const [what, text] of Object.entries(accepted)) {
  test(`${what} is valid`, (t) => {
    t.is(verdict(text), "ok");
    t.notThrows(() => JSON.parse(text) as unknown);
  });
}

const refused: Readonly<Record<string, string>> = {
  "an empty text": "",
  "a text of spaces": " \n\t ",
  "a byte order mark": "\ufeff1",
  NaN: "NaN",
  Infinity: "-Infinity",
  "a leading zero": "01",
  "a leading plus": "+1",
  "a bare minus": "-",
  "a number that ends in its point": "1.",
  "a number without its integer part": ".5",
  "an exponent without digits": "1e+",
  "a trailing comma in an array": "[1,]",
  "a trailing comma in an object": '{"a":1,}',
  "a leading comma": "[,1]",
  "a key without a value": '{"a"}',
  "a key that is no string": "{a:1}",
  "single quotes": "'a'",
  "a newline in a string": '"\n"',
  "NUL in a string": '"\0"',
  "an unknown escape": '"\\x41"',
  "a short \\u escape": '"\\u12g4"',
  "an open string": '"abc',
  "an open array": "[[1]",
  "a closing bracket of the other kind": "[1}",
  "two values": "1 2",
  "a word that goes on": "trueish",
  "a comment": "/* */ 1",
  "a no-break space": "\u00a01",
};

for (const [what, text] of Object.entries(refused)) {
  test(`${what} is refused`, (t) => {
    t.is(verdict(text), "INVALID_JSON");
    t.throws(() => JSON.parse(text) as unknown);
  });
}

test("no control character may stand in a string as it is, and all others may", (t) => {
  for (let code = 0; code < 0x20; code++) t.is(verdict(`"${String.fromCharCode(code)}"`), "INVALID_JSON", `${code}`);
  for (let code = 0x20; code < 0x100; code++) {
    if (code !== 0x22 && code !== 0x5c) t.is(verdict(`"${String.fromCharCode(code)}"`), "ok", `${code}`);
  }
});

test("bytes that are not UTF-8 are refused as such, inside a string too", (t) => {
  for (const bytes of [[0x22, 0xff, 0x22], [0x22, 0xc3, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22], [0xff]]) {
    t.is(verdict(Buffer.from(bytes)), "INVALID_UTF8");
  }
});

test(`${limits.jsonDepth} levels are valid and one more is refused`, (t) => {
  const nested = (depth: number, open: string, close: string): string => open.repeat(depth) + close.repeat(depth);
  t.is(verdict(nested(100, "[", "]")), "ok");
  t.is(verdict(nested(101, "[", "]")), "JSON_TOO_DEEP");
  t.is(verdict(`${'{"a":'.repeat(100)}1${"}".repeat(100)}`), "ok");
  t.is(verdict(`${'{"a":'.repeat(101)}1${"}".repeat(101)}`), "JSON_TOO_DEEP");
  t.is(verdict(`[${nested(99, "[", "]")},${nested(99, "[", "]")}]`), "ok");
});

test("16 MiB of brackets are refused without a walk through them, and a byte more for its size", (t) => {
  const start = performance.now();
  t.is(verdict(Buffer.alloc(limits.documentBytes, "[")), "JSON_TOO_DEEP");
  t.true(performance.now() - start < 1000);
  t.is(verdict(Buffer.alloc(limits.documentBytes + 1, " ")), "DOCUMENT_TOO_LARGE");
});

test("the message says where the text stops being JSON", (t) => {
  const error = t.throws(() => checkJson(Buffer.from('{"a":tru}')), { instanceOf: DocDBError });
  t.is(error?.metadata["offset"], "8");
  t.regex(error?.message ?? "", /unexpected '\}' at byte 8/);
});
