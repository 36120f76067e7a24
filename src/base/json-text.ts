// Checks that bytes are one JSON value (RFC 8259) in UTF-8, without building it: documents are stored as the text that
// was sent, so nothing else is ever needed of most of them, and a parser would cost ten times as much and allocate.
//
// The walk is iterative with an explicit stack of one bit a level, so that depth is bounded before it can hurt.

import { isUtf8 } from "node:buffer";
import { DocDBError } from "./errors.ts";
import { limits } from "./limits.ts";

/** What must come next. */
const expect = { value: 0, valueOrEnd: 1, key: 2, keyOrEnd: 3, commaOrEnd: 4, nothing: 5 } as const;

/**
 * Throws INVALID_UTF8, INVALID_JSON, JSON_TOO_DEEP or DOCUMENT_TOO_LARGE unless `bytes` are one JSON value. Duplicate
 * keys, escaped lone surrogates and numbers of any size are valid JSON; a byte order mark, NaN and trailing commas are
 * not.
 */
export function checkJson(bytes: Uint8Array): void {
  if (bytes.length > limits.documentBytes) {
    const message = `A document of ${bytes.length} bytes is over the limit of ${limits.documentBytes}. Split it up.`;
    throw new DocDBError("DOCUMENT_TOO_LARGE", message, { metadata: { bytes: String(bytes.length) } });
  }
  if (!isUtf8(bytes)) throw new DocDBError("INVALID_UTF8", "The JSON text is not valid UTF-8.");
  const end = new JsonWalk(bytes).run();
  if (end === undefined) return;
  if (end.tooDeep) {
    const message = `The JSON text nests deeper than ${limits.jsonDepth} levels (at byte ${end.offset}).`;
    throw new DocDBError("JSON_TOO_DEEP", message, { metadata: { offset: String(end.offset) } });
  }
  throw new DocDBError("INVALID_JSON", `The text is not JSON: ${describe(bytes, end.offset)}.`, {
    metadata: { offset: String(end.offset) },
  });
}

function describe(bytes: Uint8Array, offset: number): string {
  const byte = bytes[offset];
  if (byte === undefined) return bytes.length === 0 ? "it is empty" : `it ends too early, after ${bytes.length} bytes`;
  const shown = byte > 0x20 && byte < 0x7f ? `'${String.fromCharCode(byte)}'` : `byte 0x${byte.toString(16)}`;
  return `unexpected ${shown} at byte ${offset}`;
}

interface Failure {
  readonly offset: number;
  readonly tooDeep: boolean;
}

class JsonWalk {
  readonly #bytes: Uint8Array;
  #at = 0;
  /** 1 for an object, 0 for an array, per level. */
  readonly #levels = new Uint8Array(limits.jsonDepth);
  #depth = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Where the text stops being JSON, or undefined when it doesn't. */
  run(): Failure | undefined {
    let next: number = expect.value;
    for (;;) {
      this.#skipSpace();
      const byte = this.#bytes[this.#at] ?? -1;
      const failed = { offset: this.#at, tooDeep: false };
      if (next === expect.nothing) return byte === -1 ? undefined : failed;
      if (next === expect.commaOrEnd) {
        if (byte === 0x2c) {
          this.#at++;
          next = this.#inObject ? expect.key : expect.value;
        } else if (byte === (this.#inObject ? 0x7d : 0x5d)) {
          next = this.#leave();
        } else return failed;
      } else if (next === expect.key || next === expect.keyOrEnd) {
        if (byte === 0x7d && next === expect.keyOrEnd) {
          next = this.#leave();
          continue;
        }
        if (byte !== 0x22 || !this.#string()) return { offset: this.#at, tooDeep: false };
        this.#skipSpace();
        if (this.#bytes[this.#at] !== 0x3a) return { offset: this.#at, tooDeep: false };
        this.#at++;
        next = expect.value;
      } else if (byte === 0x7b || byte === 0x5b) {
        if (this.#depth === limits.jsonDepth) return { offset: this.#at, tooDeep: true };
        next = this.#enter(byte === 0x7b);
      } else if (byte === 0x5d && next === expect.valueOrEnd) {
        next = this.#leave();
      } else {
        if (!this.#scalar(byte)) return { offset: this.#at, tooDeep: false };
        next = this.#depth === 0 ? expect.nothing : expect.commaOrEnd;
      }
    }
  }

  get #inObject(): boolean {
    return this.#levels[this.#depth - 1] === 1;
  }

  #enter(object: boolean): number {
    this.#levels[this.#depth++] = object ? 1 : 0;
    this.#at++;
    return object ? expect.keyOrEnd : expect.valueOrEnd;
  }

  #leave(): number {
    this.#depth--;
    this.#at++;
    return this.#depth === 0 ? expect.nothing : expect.commaOrEnd;
  }

  #skipSpace(): void {
    const bytes = this.#bytes;
    let at = this.#at;
    for (let byte = bytes[at]; byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09; byte = bytes[at]) at++;
    this.#at = at;
  }

  #scalar(byte: number): boolean {
    if (byte === 0x22) return this.#string();
    if (byte === 0x74) return this.#literal("true");
    if (byte === 0x66) return this.#literal("false");
    if (byte === 0x6e) return this.#literal("null");
    return this.#number();
  }

  #literal(word: string): boolean {
    for (let i = 0; i < word.length; i++) {
      if (this.#bytes[this.#at] !== word.charCodeAt(i)) return false;
      this.#at++;
    }
    return true;
  }

  /** From the opening quote to behind the closing one. */
  #string(): boolean {
    const bytes = this.#bytes;
    let at = this.#at + 1;
    for (;;) {
      const byte = bytes[at] ?? 0;
      if (byte === 0x22) {
        this.#at = at + 1;
        return true;
      }
      if (byte === 0x5c) {
        const length = escapeLength(bytes, at);
        if (length === 0) break;
        at += length;
      } else if (byte < 0x20) {
        break;
      } else at++;
    }
    this.#at = at;
    return false;
  }

  /** -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)? */
  #number(): boolean {
    const bytes = this.#bytes;
    if (bytes[this.#at] === 0x2d) this.#at++;
    if (bytes[this.#at] === 0x30) this.#at++;
    else if (!this.#digits()) return false;
    if (bytes[this.#at] === 0x2e) {
      this.#at++;
      if (!this.#digits()) return false;
    }
    if (bytes[this.#at] === 0x65 || bytes[this.#at] === 0x45) {
      this.#at++;
      if (bytes[this.#at] === 0x2b || bytes[this.#at] === 0x2d) this.#at++;
      if (!this.#digits()) return false;
    }
    return true;
  }

  #digits(): boolean {
    const start = this.#at;
    for (let byte = this.#bytes[start] ?? 0; byte >= 0x30 && byte <= 0x39; byte = this.#bytes[this.#at] ?? 0)
      this.#at++;
    return this.#at > start;
  }
}

/** Bytes of the escape sequence at `at`, or 0 when it is none. */
function escapeLength(bytes: Uint8Array, at: number): number {
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
