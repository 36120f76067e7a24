// Splits a stream of bytes into the JSON texts that it holds, either one per line (NDJSON) or the elements of one
// array, without parsing them: each comes out byte for byte, however large its numbers are, and however long the stream
// is. Whether an element is JSON is for the server to say; only what keeps an array from being split ends the stream.

import { limits } from "../base/limits.ts";
import { DocDBError } from "../client/index.ts";

/** One JSON text of a stream. */
export interface Element {
  /** Where it stands, for people: `line 12` or `element 3 on line 17`, counted from 1. */
  readonly place: string;
  /** Its bytes without the white space around; undefined when it is longer than any document may be. */
  readonly bytes: Buffer | undefined;
}

export type ElementFormat = "auto" | "array" | "ndjson";

/** The longest element that is kept: a document of the largest size and the envelope around it. */
const maxElementBytes = limits.documentBytes + 1024;

const newline = 0x0a;

/**
 * Yields the elements of a stream, one array of them for each chunk. "auto" takes what starts with `[` for an array.
 */
export async function* elementsOf(
  chunks: AsyncIterable<Buffer>,
  format: ElementFormat,
): AsyncGenerator<Iterable<Element>, void, void> {
  let splitter: LineSplitter | ArraySplitter | undefined;
  let waiting: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    if (splitter !== undefined) {
      yield splitter.push(chunk);
      continue;
    }
    waiting = Buffer.concat([waiting, chunk]);
    // A byte order mark has three bytes.
    if (waiting.length < 3) continue;
    splitter = splitterFor(withoutMark(waiting), format);
    if (splitter !== undefined) yield splitter.push(withoutMark(waiting));
  }
  if (splitter === undefined) {
    splitter = splitterFor(withoutMark(waiting), format) ?? new LineSplitter();
    yield splitter.push(withoutMark(waiting));
  }
  yield splitter.end();
}

/** Editors on Windows leave a byte order mark at the start of a file. It is no part of any JSON. */
function withoutMark(bytes: Buffer): Buffer {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;
}

function splitterFor(start: Buffer, format: ElementFormat): LineSplitter | ArraySplitter | undefined {
  if (format !== "auto") return format === "array" ? new ArraySplitter() : new LineSplitter();
  const first = start.find((byte) => !isSpace(byte));
  if (first === undefined) return undefined;
  return first === 0x5b ? new ArraySplitter() : new LineSplitter();
}

/** The bytes of the element under way, over chunks. */
class PendingBytes {
  #parts: Buffer[] = [];
  #length = 0;

  add(part: Buffer): void {
    this.#length += part.length;
    if (this.#length <= maxElementBytes) this.#parts.push(part);
    // What is too long is counted, and not kept.
    else this.#parts = [];
  }

  /** The whole, trimmed; undefined when it was too long. Starts anew. */
  take(): Buffer | undefined {
    const whole = this.#length > maxElementBytes ? undefined : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#length = 0;
    return whole === undefined ? undefined : trimmed(whole);
  }
}

class LineSplitter {
  #line = 1;
  readonly #pending = new PendingBytes();

  *push(chunk: Buffer): Generator<Element, void, void> {
    let from = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, from)) {
      this.#pending.add(chunk.subarray(from, end));
      from = end + 1;
      yield* this.end();
      this.#line++;
    }
    this.#pending.add(chunk.subarray(from));
  }

  /** The last line, when nothing ended it. Empty lines are no elements. */
  *end(): Generator<Element, void, void> {
    const bytes = this.#pending.take();
    if (bytes === undefined || bytes.length > 0) yield { place: `line ${this.#line}`, bytes };
  }
}

/** Follows strings and brackets, and nothing else. */
class ArraySplitter {
  #state: "before" | "inside" | "after" = "before";
  #line = 1;
  #element = 1;
  /** The line on which the element under way starts; 0 before its first byte. */
  #startLine = 0;
  readonly #pending = new PendingBytes();
  /** The brackets open in the element, the closing form of each; kinds beyond what documents may nest aren't kept. */
  readonly #closing = new Uint8Array(limits.jsonDepth + 1);
  #depth = 0;
  #inString = false;
  #escaped = false;

  *push(chunk: Buffer): Generator<Element, void, void> {
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0;
      if (byte === newline) this.#line++;
      if (this.#state !== "inside") {
        if (this.#state === "before" && byte === 0x5b) {
          this.#state = "inside";
          from = at + 1;
        } else if (!isSpace(byte)) {
          throw this.#state === "before" ? noArray(this.#line) : moreBehind(this.#line);
        }
        continue;
      }
      if (this.#startLine === 0 && !isSpace(byte)) this.#startLine = this.#line;
      if (this.#inString) {
        this.#followString(byte);
        continue;
      }
      const ended = byte === 0x2c || byte === 0x5d || byte === 0x7d ? this.#endsElement(byte) : this.#opens(byte);
      if (!ended) continue;
      this.#pending.add(chunk.subarray(from, at));
      from = at + 1;
      yield* this.#take(byte === 0x5d);
    }
    if (this.#state === "inside") this.#pending.add(chunk.subarray(from));
  }

  /** Throws unless the array was closed. */
  end(): readonly Element[] {
    if (this.#state === "after") return [];
    if (this.#state === "before") throw noArray(this.#line);
    throw this.#broken("the text ends before the array is closed");
  }

  #followString(byte: number): void {
    if (this.#escaped) this.#escaped = false;
    else if (byte === 0x5c) this.#escaped = true;
    else if (byte === 0x22) this.#inString = false;
    // Strings can't hold line breaks. Going on would take all that follows, up to the next quote, for a string.
    else if (byte === newline) throw this.#broken("a string isn't closed before the end of its line");
  }

  /** Takes a byte that can't end an element. */
  #opens(byte: number): false {
    if (byte === 0x22) this.#inString = true;
    else if (byte === 0x5b || byte === 0x7b) this.#closing[this.#depth++] = byte + 2;
    return false;
  }

  /** Takes a comma or a closing bracket; tells whether it ends the element. */
  #endsElement(byte: number): boolean {
    if (byte === 0x2c) return this.#depth === 0;
    if (this.#depth === 0 && byte === 0x5d) return true;
    const wanted = this.#depth === 0 ? 0 : (this.#closing[this.#depth - 1] ?? byte);
    if (wanted !== byte) throw this.#broken(`a ${String.fromCharCode(byte)} closes nothing`);
    this.#depth--;
    return false;
  }

  *#take(last: boolean): Generator<Element, void, void> {
    const bytes = this.#pending.take();
    const place = this.#place();
    if (last) this.#state = "after";
    // `[]` has no element; `[1,]` has one that is empty, which the server won't take for JSON.
    if (last && this.#element === 1 && bytes?.length === 0) return;
    this.#element++;
    this.#startLine = 0;
    yield { place, bytes };
  }

  #place(): string {
    return `element ${this.#element} on line ${this.#startLine === 0 ? this.#line : this.#startLine}`;
  }

  #broken(what: string): DocDBError {
    const message = `${this.#place()}: ${what}. Nothing can be told apart from line ${this.#line} on.`;
    return new DocDBError("INVALID_JSON", message, { metadata: { line: String(this.#line) } });
  }
}

function noArray(line: number): DocDBError {
  return new DocDBError("INVALID_JSON", `There is no JSON array on line ${line}.`, {
    metadata: { line: String(line) },
  });
}

function moreBehind(line: number): DocDBError {
  const message = `line ${line}: there is more behind the array. For one array per line say --format ndjson.`;
  return new DocDBError("INVALID_JSON", message, { metadata: { line: String(line) } });
}

function trimmed(bytes: Buffer): Buffer {
  let start = 0;
  let end = bytes.length;
  while (start < end && isSpace(bytes[start] ?? 0)) start++;
  while (end > start && isSpace(bytes[end - 1] ?? 0)) end--;
  return bytes.subarray(start, end);
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === newline || byte === 0x0d || byte === 0x09;
}
