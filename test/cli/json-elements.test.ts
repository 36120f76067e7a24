import test from "ava";
import { type ElementFormat, elementsOf } from "../../src/cli/json-elements.ts";
import { objectMembers } from "../../src/cli/object-members.ts";

/** The elements of a text that comes in chunks of `size` bytes, as [place, text], and the error that ended them. */
async function split(text: string, format: ElementFormat = "auto", size = 1_000): Promise<(string | undefined)[][]> {
  const bytes = Buffer.from(text);
  const chunks = async function* (): AsyncGenerator<Buffer, void, void> {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  };
  const found: (string | undefined)[][] = [];
  try {
    for await (const elements of elementsOf(chunks(), format)) {
      for (const { place, bytes: element } of elements) found.push([place, element?.toString()]);
    }
  } catch (error) {
    found.push(["error", (error as Error).message]);
  }
  return found;
}

test("an array and lines are split the same way, however the stream is cut", async (t) => {
  const texts = ['{"a":"],\\"\\\\"}', "1e400", '"x,y"', "[[],{}]", "[[[1],2],3]", "null", '"é😀"'];
  const array = ` \n[ ${texts.join(" , ")}\n]\n`;
  const lines = `${texts.join("\r\n")}\r\n`;
  for (const size of [1, 2, 3, 4, 5, 7, 1_000]) {
    t.deepEqual(
      (await split(array, "auto", size)).map((element) => element[1]),
      texts,
    );
    t.deepEqual(
      (await split(lines, "auto", size)).map((element) => element[1]),
      texts,
    );
  }
});

test("empty streams, empty arrays and empty lines have no elements", async (t) => {
  for (const text of ["", "\n", " ", "\n \n\n\n", "[]", " [ ]\n", "\ufeff", "\ufeff[]"])
    t.deepEqual(await split(text), []);
});

test("places count from 1, and lines keep their numbers", async (t) => {
  t.deepEqual(await split("1\n\n3"), [
    ["line 1", "1"],
    ["line 3", "3"],
  ]);
  t.deepEqual(await split("[\n1,2,\n\n{\n}]"), [
    ["element 1 on line 2", "1"],
    ["element 2 on line 2", "2"],
    ["element 3 on line 4", "{\n}"],
  ]);
});

test("a byte order mark is no part of the first element", async (t) => {
  t.deepEqual(await split("\ufeff1\n2", "auto", 1), [
    ["line 1", "1"],
    ["line 2", "2"],
  ]);
});

test("a comma too many makes an empty element, which the server refuses", async (t) => {
  t.deepEqual(
    (await split("[1,,2,]")).map((element) => element[1]),
    ["1", "", "2", ""],
  );
});

test("what keeps an array from being split ends it, after the elements before", async (t) => {
  const errors = {
    "[1,2": /^element 2 on line 1: the text ends/,
    "[1,{]": /^element 2 on line 1: a \] closes nothing/,
    "[1,}": /^element 2 on line 1: a \} closes nothing/,
    '[1,"a\n"]': /^element 2 on line 1: a string isn't closed/,
    "[1]\n[2]": /^line 2: there is more behind the array/,
  };
  for (const [text, message] of Object.entries(errors)) {
    const found = await split(text);
    t.deepEqual(found[0], ["element 1 on line 1", "1"]);
    t.is(found[1]?.[0], "error");
    t.regex(found[1]?.[1] ?? "", message);
    t.is(found.length, 2);
  }
  t.regex((await split("{}", "array"))[0]?.[1] ?? "", /no JSON array on line 1/);
  t.regex((await split("", "array"))[0]?.[1] ?? "", /no JSON array on line 1/);
});

test("lines that are arrays are split as lines when that is asked for", async (t) => {
  t.deepEqual(
    (await split("[1]\n[2]\n", "ndjson")).map((element) => element[1]),
    ["[1]", "[2]"],
  );
});

test("an element longer than any document is dropped, and the next ones are found", async (t) => {
  const long = `"${"x".repeat(17 * 1024 * 1024)}"`;
  for (const text of [`1\n${long}\n3`, `[1,${long},3]`]) {
    t.deepEqual(
      (await split(text, "auto", 65_536)).map((element) => element[1]),
      ["1", undefined, "3"],
    );
  }
});

test("brackets deeper than any document may nest are followed all the same", async (t) => {
  const deep = "[".repeat(1_000) + "]".repeat(1_000);
  t.deepEqual(
    (await split(`[${deep},2]`)).map((element) => element[1]),
    [deep, "2"],
  );
});

test("the members of an object are found with the exact texts of their values", (t) => {
  const text =
    ' { "a" : 18446744073709551615 ,"b\\"":[1.0, "]"],"c":{"a":"\\\\"},"a":-1e400,"__proto__":null,"d":"x" } ';
  t.deepEqual(
    [...(objectMembers(text) ?? [])],
    [
      ["a", "-1e400"],
      ['b"', '[1.0, "]"]'],
      ["c", '{"a":"\\\\"}'],
      ["__proto__", "null"],
      ["d", '"x"'],
    ],
  );
  t.deepEqual([...(objectMembers("{}") ?? [])], []);
  t.is(objectMembers("[]"), undefined);
  t.is(objectMembers("null"), undefined);
  t.throws(() => objectMembers('{"a":}'), { instanceOf: SyntaxError });
});
