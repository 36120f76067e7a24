// Checks that bytes are one JSON value (RFC 8259) in UTF-8, without building it: documents are stored as the text that
// was sent, so nothing else is ever needed of most of them, and a parser would allocate what nobody looks at.
//
// The walk is iterative with an explicit stack, so that depth is bounded before it can hurt. Its functions take and
// return offsets: a negative one, `~offset`, says that the text stops being JSON at `offset`.

import { isUtf8 } from "node:buffer";
import { DocDBError } from "./errors.ts";
import { limits } from "./limits.ts";

/**
 * Throws INVALID_UTF8, INVALID_JSON, JSON_TOO_DEEP or DOCUMENT_TOO_LARGE unless `bytes` are one JSON value. Duplicate
 * keys, escaped lone surrogates and numbers of any size are valid JSON; a byte order mark, NaN and trailing commas are
 * not. For long texts see json-pieces.ts.
 */
export function checkJson(bytes: Uint8Array): void {
  checkBytes(bytes);
  levels[limits.jsonDepth] = 0;
  judge(bytes, skipText(bytes), levels);
}

/** Throws DOCUMENT_TOO_LARGE and INVALID_UTF8. */
export function checkBytes(bytes: Uint8Array): void {
  if (bytes.length > limits.documentBytes) {
    const message = `A document of ${bytes.length} bytes is over the limit of ${limits.documentBytes}. Split it up.`;
    throw new DocDBError("DOCUMENT_TOO_LARGE", message, { metadata: { bytes: String(bytes.length) } });
  }
  if (!isUtf8(bytes)) throw new DocDBError("INVALID_UTF8", "The JSON text is not valid UTF-8.");
}

/** Throws INVALID_JSON or JSON_TOO_DEEP when a walk ended at a negative offset. */
export function judge(bytes: Uint8Array, end: number, opened: Uint8Array): void {
  if (end >= 0) return;
  const offset = ~end;
  // The walk leaves its mark where it would have gone too deep.
  if (opened[limits.jsonDepth] !== 0) {
    const message = `The JSON text nests deeper than ${limits.jsonDepth} levels (at byte ${offset}).`;
    throw new DocDBError("JSON_TOO_DEEP", message, { metadata: { offset: String(offset) } });
  }
  throw new DocDBError("INVALID_JSON", `The text is not JSON: ${describe(bytes, offset)}.`, {
    metadata: { offset: String(offset) },
  });
}

function describe(bytes: Uint8Array, offset: number): string {
  const byte = bytes[offset];
  if (byte === undefined) return bytes.length === 0 ? "it is empty" : `it ends too early, after ${bytes.length} bytes`;
  const shown = byte > 0x20 && byte < 0x7f ? `'${String.fromCharCode(byte)}'` : `byte 0x${byte.toString(16)}`;
  return `unexpected ${shown} at byte ${offset}`;
}

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
const openObject = 0x7b;
const closeObject = 0x7d;
const openArray = 0x5b;
const closeArray = 0x5d;

/** The bracket that closes each level, and one place for the mark of a level too many. Used by one walk at a time. */
const levels = new Uint8Array(limits.jsonDepth + 1);

function skipText(bytes: Uint8Array): number {
  const end = bytes.length;
  let depth = 0;
  let at = skipSpace(bytes, 0);
  for (;;) {
    // Here a value begins.
    const byte = at < end ? (bytes[at] as number) : 0;
    if (byte === openObject || byte === openArray) {
      if (depth === levels.length - 1) {
        levels[depth] = byte;
        return ~at;
      }
      levels[depth++] = byte === openObject ? closeObject : closeArray;
      at = skipSpace(bytes, at + 1);
      if (bytes[at] !== levels[depth - 1]) {
        if (byte === openArray) continue;
        at = skipKey(bytes, at);
        if (at < 0) return at;
        continue;
      }
      depth--;
      at++;
    } else {
      at = byte === quote ? skipString(bytes, at) : skipWordOrNumber(bytes, at);
      if (at < 0) return at;
    }
    // Here a value has ended: close what ends with it, and go on behind the next comma.
    for (;;) {
      at = skipSpace(bytes, at);
      if (depth === 0) return at === end ? at : ~at;
      const next = at < end ? (bytes[at] as number) : 0;
      if (next === comma) break;
      if (next !== levels[depth - 1]) return ~at;
      depth--;
      at++;
    }
    at = skipSpace(bytes, at + 1);
    if (levels[depth - 1] === closeObject) {
      at = skipKey(bytes, at);
      if (at < 0) return at;
    }
  }
}

export function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length) {
    const byte = bytes[at] as number;
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
    at++;
  }
  return at;
}

/** A member's name, the colon, and the space behind it. */
function skipKey(bytes: Uint8Array, from: number): number {
  if (from >= bytes.length || bytes[from] !== quote) return ~from;
  const named = skipString(bytes, from);
  if (named < 0) return named;
  const at = skipSpace(bytes, named);
  return at < bytes.length && bytes[at] === colon ? skipSpace(bytes, at + 1) : ~at;
}

/** From the opening quote to behind the closing one. */
function skipString(bytes: Uint8Array, from: number): number {
  let at = from + 1;
  while (at < bytes.length) {
    const byte = bytes[at] as number;
    if (byte === quote) return at + 1;
    if (byte < 0x20) break;
    if (byte === backslash) {
      const length = escapeLength(bytes, at);
      if (length === 0) break;
      at += length;
    } else {
      at++;
    }
  }
  return ~at;
}

export function skipWordOrNumber(bytes: Uint8Array, at: number): number {
  const byte = at < bytes.length ? bytes[at] : undefined;
  if (byte === 0x74) return skipWord(bytes, at, "true");
  if (byte === 0x66) return skipWord(bytes, at, "false");
  if (byte === 0x6e) return skipWord(bytes, at, "null");
  return skipNumber(bytes, at);
}

function skipWord(bytes: Uint8Array, from: number, word: string): number {
  for (let i = 0; i < word.length; i++) {
    if (from + i >= bytes.length || bytes[from + i] !== word.charCodeAt(i)) return ~(from + i);
  }
  return from + word.length;
}

/** -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)? */
function skipNumber(bytes: Uint8Array, from: number): number {
  let at = from;
  if (at < bytes.length && bytes[at] === 0x2d) at++;
  if (at < bytes.length && bytes[at] === 0x30) at++;
  else {
    at = skipDigits(bytes, at);
    if (at < 0) return at;
  }
  if (at < bytes.length && bytes[at] === 0x2e) {
    at = skipDigits(bytes, at + 1);
    if (at < 0) return at;
  }
  if (at < bytes.length && ((bytes[at] as number) | 0x20) === 0x65) {
    at++;
    if (at < bytes.length && (bytes[at] === 0x2b || bytes[at] === 0x2d)) at++;
    at = skipDigits(bytes, at);
  }
  return at;
}

/** One digit or more. */
function skipDigits(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && (bytes[at] as number) >= 0x30 && (bytes[at] as number) <= 0x39) at++;
  return at > from ? at : ~at;
}

/** Bytes of the escape sequence at `at`, or 0 when it is none. */
export function escapeLength(bytes: Uint8Array, at: number): number {
  const kind = bytes[at + 1];
  if (kind === 0x75) {
    for (let i = 2; i < 6; i++) if (!isHexDigit(bytes[at + i] ?? 0)) return 0;
    return 6;
  }
  // " / \ b f n r t
  const simple = kind === 0x22 || kind === 0x2f || kind === 0x5c || kind === 0x62 || kind === 0x66;
  return simple || kind === 0x6e || kind === 0x72 || kind === 0x74 ? 2 : 0;
}

function isHexDigit(byte: number): boolean {
  const letter = byte | 0x20;
  return (byte >= 0x30 && byte <= 0x39) || (letter >= 0x61 && letter <= 0x66);
}
