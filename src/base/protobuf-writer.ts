// Protobuf messages written by hand, for the few that decide how fast the server and its client are. Whoever writes a
// nested message says how long it is before writing it, so that every byte is put in its place once.
// https://protobuf.dev/programming-guides/encoding/
//
// Invariants
// 1. What is written is what a generated encoder would have written: varints in their shortest form, fields in order.
// 2. Writing never fails for lack of room: the buffer grows, and what was taken from it is never touched again.

const two7 = 0x80;
const two28 = 0x1000_0000;
const maxSafe = BigInt(Number.MAX_SAFE_INTEGER);

/** A field number with the wire type of varints (0) or of everything with a length (2). */
export function varintTag(field: number): number {
  return field * 8;
}
export function bytesTag(field: number): number {
  return field * 8 + 2;
}

/** Bytes that an unsigned integer takes as a varint. A number must be a safe integer, a bigint below 2^64. */
export function varintBytes(value: number | bigint): number {
  if (typeof value === "bigint") {
    if (value <= maxSafe) return varintBytes(Number(value));
    return value < 2n ** 56n ? 8 : value < 2n ** 63n ? 9 : 10;
  }
  let bytes = 1;
  let rest = value;
  for (; rest >= two28; rest = Math.floor(rest / two28)) bytes += 4;
  for (; rest >= two7; rest >>>= 7) bytes++;
  return bytes;
}

/** Bytes of a field with a tag of one byte and a varint; fields that are 0 aren't written. */
export function varintFieldBytes(value: number | bigint): number {
  return Number(value) === 0 ? 0 : 1 + varintBytes(value);
}

/** Bytes of a field with a tag of one byte, a length and so many bytes of content. */
export function lengthFieldBytes(length: number): number {
  return 1 + varintBytes(length) + length;
}

export class ProtobufWriter {
  #bytes: Buffer;
  #length = 0;
  readonly #initialBytes: number;

  /** `initialBytes`: what a message takes as a rule. */
  constructor(initialBytes: number) {
    this.#initialBytes = initialBytes;
    this.#bytes = Buffer.allocUnsafeSlow(initialBytes);
  }

  /** Bytes written since the last `take`. */
  get length(): number {
    return this.#length;
  }

  /** What was written. The bytes are the caller's; the writer starts anew. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#length);
    const left = this.#bytes.length - this.#length;
    this.#bytes =
      left >= this.#initialBytes / 4 ? this.#bytes.subarray(this.#length) : Buffer.allocUnsafeSlow(this.#initialBytes);
    this.#length = 0;
    return taken;
  }

  /** Forgets what was written behind `length`. */
  truncate(length: number): void {
    this.#length = Math.min(this.#length, length);
  }

  /** An unsigned integer as a varint. A number must be a safe integer, a bigint below 2^64. */
  varint(value: number | bigint): void {
    this.#reserve(10);
    if (typeof value === "number") this.#number(value);
    else if (value <= maxSafe) this.#number(Number(value));
    else this.#bigint(value);
  }

  /** A field with a varint; nothing when it is 0, as proto3 has it. */
  varintField(field: number, value: number | bigint): void {
    if (Number(value) === 0) return;
    this.varint(varintTag(field));
    this.varint(value);
  }

  /** The tag and the length of a field whose content, of exactly that length, is written next. */
  lengthField(field: number, length: number): void {
    this.varint(bytesTag(field));
    this.varint(length);
  }

  /** A field with bytes; nothing when there are none. */
  bytesField(field: number, value: Uint8Array): void {
    if (value.length === 0) return;
    this.lengthField(field, value.length);
    this.raw(value);
  }

  /** A field with text; nothing when it is empty. `utf8Bytes` is its length in UTF-8. */
  stringField(field: number, value: string, utf8Bytes: number): void {
    if (utf8Bytes === 0) return;
    this.lengthField(field, utf8Bytes);
    this.#reserve(utf8Bytes);
    this.#length += this.#bytes.write(value, this.#length, "utf8");
  }

  /** Bytes as they are. */
  raw(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  #number(value: number): void {
    const bytes = this.#bytes;
    let at = this.#length;
    let rest = value;
    // Bitwise operators see 32 bits only.
    for (; rest >= two28; rest = Math.floor(rest / two7)) bytes[at++] = (rest % two7) | two7;
    for (; rest >= two7; rest >>>= 7) bytes[at++] = (rest & 0x7f) | two7;
    bytes[at++] = rest;
    this.#length = at;
  }

  #bigint(value: bigint): void {
    let rest = value;
    for (; rest >= 128n; rest >>= 7n) this.#bytes[this.#length++] = Number(rest & 127n) | two7;
    this.#bytes[this.#length++] = Number(rest);
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2, this.#initialBytes));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}
