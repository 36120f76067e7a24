// Finding one's way in text that is known to be JSON, because it was checked when it came in: where a value ends, what
// a key says. Nothing is built, and numbers never become JavaScript's.

import { assert } from "../../base/assert.ts";

const quote = 0x22;
const backslash = 0x5c;

/** One JSON value in its text, without the white space around it: `bytes` in [start, end). Never changed. */
export interface Span {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

export type JsonKind = "object" | "array" | "string" | "number" | "true" | "false" | "null";

/** The value that a whole text holds, with white space around it or not. */
export function spanOf(bytes: Uint8Array): Span {
  const start = spaceEnd(bytes, 0);
  return { bytes, start, end: valueEnd(bytes, start) };
}

/** What kind of value it is; its first byte tells. */
export function kindOf({ bytes, start }: Span): JsonKind {
  switch (bytes[start]) {
    case 0x7b:
      return "object";
    case 0x5b:
      return "array";
    case quote:
      return "string";
    case 0x74:
      return "true";
    case 0x66:
      return "false";
    case 0x6e:
      return "null";
    default:
      return "number";
  }
}

/** The bytes of a value; they are shared, not copied. */
export function bytesOf({ bytes, start, end }: Span): Uint8Array {
  return bytes.subarray(start, end);
}

/** The text of a value as a string. */
export function textOf({ bytes, start, end }: Span): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("utf8");
}

/** What a string's text says, escapes resolved. */
export function stringOf(span: Span): string {
  const value: unknown = JSON.parse(textOf(span));
  assert(typeof value === "string", "a span is not a string's");
  return value;
}

/** Behind the white space that begins at `from`. */
export function spaceEnd(bytes: Uint8Array, from: number): number {
  let at = from;
  while (isSpace(bytes[at])) at++;
  return at;
}

/** Where the white space begins that ends at `to`. */
export function spaceStart(bytes: Uint8Array, to: number): number {
  let at = to;
  while (isSpace(bytes[at - 1])) at--;
  return at;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** Behind the string whose opening quote is at `from`. */
export function stringEnd(bytes: Uint8Array, from: number): number {
  let at = from + 1;
  while (at < bytes.length && bytes[at] !== quote) at += bytes[at] === backslash ? 2 : 1;
  return at + 1;
}

/** Behind the value that begins at `from`. Brackets are counted, not matched: the text is known to be JSON. */
export function valueEnd(bytes: Uint8Array, from: number): number {
  const first = bytes[from];
  if (first === quote) return stringEnd(bytes, from);
  if (first !== 0x7b && first !== 0x5b) return wordEnd(bytes, from);
  let depth = 1;
  let at = from + 1;
  while (depth > 0 && at < bytes.length) {
    const byte = bytes[at] as number;
    if (byte === quote) {
      at = stringEnd(bytes, at);
      continue;
    }
    // Upper and lower case of ASCII differ in 0x20: so do the square brackets and the curly ones.
    if ((byte | 0x20) === 0x7b) depth++;
    else if ((byte | 0x20) === 0x7d) depth--;
    at++;
  }
  return at;
}

/** The members of an object in their order, duplicates included. */
export function* membersOf({ bytes, start }: Span): Generator<{ readonly key: string; readonly value: Span }> {
  for (const at of itemsFrom(bytes, start)) {
    const keyEnd = stringEnd(bytes, at);
    const valueStart = spaceEnd(bytes, spaceEnd(bytes, keyEnd) + 1);
    const value = { bytes, start: valueStart, end: valueEnd(bytes, valueStart) };
    yield { key: stringOf({ bytes, start: at, end: keyEnd }), value };
  }
}

/** The elements of an array. */
export function* elementsOf({ bytes, start }: Span): Generator<Span> {
  for (const at of itemsFrom(bytes, start)) yield { bytes, start: at, end: valueEnd(bytes, at) };
}

/** Where each item of the object or array at `start` begins. */
function* itemsFrom(bytes: Uint8Array, start: number): Generator<number> {
  const isObject = bytes[start] === 0x7b;
  let at = spaceEnd(bytes, start + 1);
  if (bytes[at] === (isObject ? 0x7d : 0x5d)) return;
  for (;;) {
    yield at;
    at = spaceEnd(bytes, isObject ? memberEnd(bytes, at) : valueEnd(bytes, at));
    if (bytes[at] !== 0x2c) return;
    at = spaceEnd(bytes, at + 1);
  }
}

/** Behind the member whose key begins at `from`. */
export function memberEnd(bytes: Uint8Array, from: number): number {
  return valueEnd(bytes, spaceEnd(bytes, spaceEnd(bytes, stringEnd(bytes, from)) + 1));
}

/** A number or a word ends where something stands that neither has. */
function wordEnd(bytes: Uint8Array, from: number): number {
  let at = from;
  for (; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte <= 0x20 || byte === 0x2c || byte === 0x5d || byte === 0x7d) break;
  }
  return at;
}
