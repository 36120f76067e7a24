// The texts that the fuzzer puts into fields: JSON, patches, paths and names, most of them good and some of them as bad
// as they can be.

import type { Prng } from "../../src/platform/sim/prng.ts";

export const databases: readonly [string, ...string[]] = ["fuzz1", "fuzz2", "fuzz3"];
const collections: readonly [string, ...string[]] = ["", "", "_default", "a", "b", "C"];
const keys: readonly [string, ...string[]] = ["a", "b", "c", "é", "", "__proto__", "a/b", "m~n", "0"];
const numbers: readonly [string, ...string[]] = ["0", "-1", "1e400", "1.0", "18446744073709551615", "1e-7", "-0"];
const strings: readonly [string, ...string[]] = ['""', '"x"', '"\\ud800"', '"\\u0000"', '"\\ud83d\\ude00"', '"naïve"'];
const badNames: readonly [string, ...string[]] = [
  "FUZZ2",
  "",
  "../x",
  ".",
  ".catalog",
  "a\0b",
  "a/b",
  "LOCK",
  "x".repeat(65),
  "né",
  "constructor",
  "__proto__",
  "%s",
  "wal",
];
const badJson: readonly [string, ...string[]] = [
  "",
  "{",
  "[1,]",
  "NaN",
  '{"a":1}}',
  "\ufeff{}",
  "nul",
  '"\u0001"',
  "[".repeat(101),
  '{"a":'.repeat(200),
  "1".repeat(2_000),
];

export function databaseName(random: Prng): string {
  return random.chance(0.04) ? random.pick(badNames) : random.pick(databases);
}

export function collectionName(random: Prng): string {
  return random.chance(0.04) ? random.pick(badNames) : random.pick(collections);
}

/** A JSON text; one in twelve isn't one. */
export function jsonText(random: Prng): string {
  if (random.chance(0.08)) return random.pick(badJson);
  if (random.chance(0.005)) return JSON.stringify("x".repeat(random.below(300_000)));
  return value(random, 4);
}

/** A merge patch, or a JSON patch with up to five operations. */
export function patchText(random: Prng): string {
  if (random.chance(0.3)) return jsonText(random);
  const operations = Array.from({ length: random.below(6) }, () => {
    const op = random.pick(["add", "remove", "replace", "move", "copy", "test", "nonsense"]);
    const members = [`"op":"${op}"`, `"path":${JSON.stringify(pointer(random))}`];
    if (random.chance(0.8)) members.push(`"value":${value(random, 2)}`);
    if (random.chance(0.5)) members.push(`"from":${JSON.stringify(pointer(random))}`);
    return `{${members.join(",")}}`;
  });
  return `[${operations.join(",")}]`;
}

/** A JSON Pointer; one in fifteen isn't one, or is deeper than any document. */
export function pointer(random: Prng): string {
  if (random.chance(0.03)) return random.pick(["a", "/~", "/~2", "/a".repeat(101), "/a".repeat(1_000), "#/a"]);
  return Array.from(
    { length: random.below(4) },
    () => `/${random.pick(["a", "b", "c", "0", "1", "-", "", "a~1b"])}`,
  ).join("");
}

/** Any text, for what has no form. */
export function anyText(random: Prng): string {
  if (random.chance(0.5)) return random.pick(["", "x", "fuzz1", "docdb.v1/fuzz1", "\0", "💾", "a".repeat(300)]);
  return Buffer.from(Array.from({ length: random.below(40) }, () => random.below(128))).toString("latin1");
}

function value(random: Prng, depth: number): string {
  switch (random.below(depth > 0 ? 7 : 4)) {
    case 0:
      return random.pick(numbers);
    case 1:
      return random.pick(strings);
    case 2:
      return random.pick(["true", "false", "null"]);
    case 3:
      return String(random.below(1000));
    case 4:
      return `[${Array.from({ length: random.below(5) }, () => value(random, depth - 1)).join(", ")}]`;
    default: {
      const member = (): string => `${JSON.stringify(random.pick(keys))}:${value(random, depth - 1)}`;
      return `{ ${Array.from({ length: random.below(5) }, member).join(",")} }`;
    }
  }
}
