// Reads protobuf messages by hand, for the few that decide how fast the server and its client are.
// https://protobuf.dev/programming-guides/encoding/
//
// Invariants
// 1. Nothing is read behind the end of the message; bytes that are no message throw a RangeError.
// 2. What isn't expected can be skipped or left to a generated decoder: `position` says where it starts.

/** Bytes up to which a text is compared with the one before it, which names of databases and collections repeat. */
const repeatedBytes = 64;

export class ProtobufReader {
  readonly bytes: Buffer;
  position: number;
  readonly end: number;

  /** Reads `bytes` from `start` up to `end`, exclusive. */
  constructor(bytes: Buffer, start = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.position = start;
    this.end = end;
  }

  /** The next varint as a number: exact up to 2^53, which tags, lengths and our versions and times don't exceed. */
  number(): number {
    const { bytes } = this;
    let value = 0;
    let scale = 1;
    for (let at = this.position; at < this.end && at < this.position + 10; scale *= 128) {
      const byte = bytes[at++] as number;
      if (byte < 128) {
        this.position = at;
        return value + byte * scale;
      }
      value += (byte & 127) * scale;
    }
    throw malformed("a varint that doesn't end");
  }

  /** The next varint as a number when it is one exactly, otherwise as a bigint below 2^64. */
  numberOrBigint(): number | bigint {
    const start = this.position;
    const value = this.number();
    return Number.isSafeInteger(value) ? value : this.#bigintAt(start);
  }

  /** The next varint as a bigint below 2^64. */
  bigint(): bigint {
    return BigInt(this.numberOrBigint());
  }

  /** Reads a length, and returns where the content behind it ends; `position` is where it starts. */
  contentEnd(): number {
    const length = this.number();
    const end = this.position + length;
    if (end > this.end) throw malformed("a length beyond the end");
    return end;
  }

  /** The next field's content: a view into the message. */
  content(): Buffer {
    const end = this.contentEnd();
    const content = this.bytes.subarray(this.position, end);
    this.position = end;
    return content;
  }

  /** The next field's content as text. What isn't UTF-8 becomes U+FFFD. */
  text(): string {
    const end = this.contentEnd();
    const text = this.bytes.toString("utf8", this.position, end);
    this.position = end;
    return text;
  }

  /** Like `text`, for short texts that mostly are the same as the last one that `known` has seen. */
  repeatedText(known: RepeatedText): string {
    const end = this.contentEnd();
    const text = known.read(this.bytes, this.position, end);
    this.position = end;
    return text;
  }

  /** Skips the field whose tag has been read. */
  skip(tag: number): void {
    switch (tag & 7) {
      case 0:
        this.number();
        return;
      case 1:
        this.position += 8;
        break;
      case 2:
        this.position = this.contentEnd();
        return;
      case 5:
        this.position += 4;
        break;
      default:
        throw malformed(`a field of wire type ${tag & 7}`);
    }
    if (this.position > this.end) throw malformed("a field beyond the end");
  }

  #bigintAt(start: number): bigint {
    let value = 0n;
    let shift = 0n;
    for (let at = start; at < this.position; at++, shift += 7n) {
      value |= BigInt((this.bytes[at] as number) & 127) << shift;
    }
    return BigInt.asUintN(64, value);
  }
}

/** Remembers the last text, so that a text that is the same isn't made anew. */
export class RepeatedText {
  #text = "";
  #bytes: Uint8Array = new Uint8Array(0);

  read(source: Buffer, start: number, end: number): string {
    const length = end - start;
    const known = this.#bytes;
    if (length === known.length) {
      let at = 0;
      while (at < length && source[start + at] === known[at]) at++;
      if (at === length) return this.#text;
    }
    const text = source.toString("utf8", start, end);
    if (length <= repeatedBytes) {
      this.#text = text;
      this.#bytes = Uint8Array.prototype.slice.call(source, start, end);
    }
    return text;
  }
}

function malformed(what: string): RangeError {
  return new RangeError(`The bytes aren't a protobuf message: ${what}.`);
}
