// The check of json-text.ts for texts that are long, cut up: a walk that can stop anywhere and be taken up again,
// inside a string too. It takes half as long again, so short texts are checked at once.

import { checkBytes, escapeLength, judge, skipSpace, skipWordOrNumber } from "./json-text.ts";
import { limits } from "./limits.ts";

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
const openObject = 0x7b;
const closeObject = 0x7d;
const openArray = 0x5b;
const closeArray = 0x5d;

/** Throws what `checkJson` throws; yields after every `pieceBytes` of text or so. */
export function* checkJsonInPieces(bytes: Uint8Array, pieceBytes: number): Generator<void, void> {
  checkBytes(bytes);
  yield;
  const levels = new Uint8Array(limits.jsonDepth + 1);
  const walk: Walk = { at: 0, depth: 0, levels, where: where.value };
  for (;;) {
    const end = skipPiece(bytes, walk, walk.at + pieceBytes);
    if (end !== undefined) return judge(bytes, end, levels);
    yield;
  }
}

/** What comes next: a value, what is behind one, a key, or the rest of a string that is a value or a key. */
const where = { value: 0, behind: 1, key: 2, inString: 3, inKey: 4 } as const;

interface Walk {
  at: number;
  depth: number;
  /** The bracket that closes each level, and one place for the mark of a level too many. */
  readonly levels: Uint8Array;
  where: (typeof where)[keyof typeof where];
}

/** Goes on to the end, or to `stop` or not far behind it: then undefined. */
function skipPiece(bytes: Uint8Array, walk: Walk, stop: number): number | undefined {
  const end = bytes.length;
  const { levels: closing } = walk;
  let { at, depth, where: next } = walk;
  while (at < stop) {
    if (next === where.inString || next === where.inKey) {
      at = scanString(bytes, at, Math.min(stop, end));
      if (at < 0) return at;
      if (at >= end) return ~at;
      if (bytes[at] !== quote) continue;
      at++;
      if (next === where.inString) {
        next = where.behind;
        continue;
      }
      at = skipSpace(bytes, at);
      if (at >= end || bytes[at] !== colon) return ~at;
      at++;
      next = where.value;
      continue;
    }
    at = skipSpace(bytes, at);
    const byte = at < end ? (bytes[at] as number) : 0;
    if (next === where.value) {
      if (byte === quote) {
        at++;
        next = where.inString;
      } else if (byte === openObject || byte === openArray) {
        if (depth === closing.length - 1) {
          closing[depth] = byte;
          return ~at;
        }
        closing[depth++] = byte === openObject ? closeObject : closeArray;
        at = skipSpace(bytes, at + 1);
        if (bytes[at] === closing[depth - 1]) next = where.behind;
        else if (byte === openObject) next = where.key;
      } else {
        at = skipWordOrNumber(bytes, at);
        if (at < 0) return at;
        next = where.behind;
      }
    } else if (next === where.key) {
      if (byte !== quote) return ~at;
      at++;
      next = where.inKey;
    } else if (depth === 0) {
      return at === end ? at : ~at;
    } else if (byte === comma) {
      at++;
      next = closing[depth - 1] === closeObject ? where.key : where.value;
    } else if (byte === closing[depth - 1]) {
      depth--;
      at++;
    } else {
      return ~at;
    }
  }
  walk.at = at;
  walk.depth = depth;
  walk.where = next;
  return undefined;
}

/** From inside a string to its closing quote, or to `stop` or a little behind it. */
function scanString(bytes: Uint8Array, from: number, stop: number): number {
  let at = from;
  while (at < stop) {
    const byte = bytes[at] as number;
    if (byte === quote) return at;
    if (byte < 0x20) return ~at;
    if (byte === backslash) {
      const length = escapeLength(bytes, at);
      if (length === 0) return ~at;
      at += length;
    } else {
      at++;
    }
  }
  return at;
}
