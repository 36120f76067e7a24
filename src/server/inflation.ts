// Takes the compression off a request before gRPC sees it. grpc-js would do it itself, but count nothing:
// forty kilobytes of a message may stand for forty megabytes of zeros, and a thousand streams may bring one each.
//
//     stream  := message*
//     message := flag (1 byte, 1: compressed) | length (4 bytes, big-endian) | content
//
// Invariants
// 1. Messages leave in the order in which they came, not compressed, and the end of the stream behind them.
// 2. Whatever waits here is held: bytes as they came, and those that have been made of them.
// 3. What gRPC must answer it is given to answer: a message that is too large as one that says so in its head, one
//    that can't be read as one that it can't read either.

import type { IncomingHttpHeaders } from "node:http2";
import { createGunzip, createInflate, type Gunzip, type Inflate } from "node:zlib";
import { limits } from "../base/limits.ts";

const headBytes = 5;
/** The head of a message of 4 GiB. */
const tooLarge = Buffer.from("00ffffffff", "hex");
/** A message that says it is compressed, and is nothing. */
const unreadable = Buffer.from("0100000001ff", "hex");

export type Encoding = "gzip" | "deflate";
const inflaters: Readonly<Record<Encoding, () => Gunzip | Inflate>> = { gzip: createGunzip, deflate: createInflate };

const header = "grpc-encoding";

/** How the messages of a call are compressed, when that is one of the ways that are known. */
export function encodingOf(headers: IncomingHttpHeaders): Encoding | undefined {
  const name = headers[header];
  return name === "gzip" || name === "deflate" ? name : undefined;
}

/**
 * Lets gRPC refuse the compressed messages of this call: those of a stream of requests would wait for their reader
 * uncounted.
 */
export function refuseEncoding(headers: IncomingHttpHeaders): void {
  const encoding = encodingOf(headers);
  if (encoding !== undefined) headers[header] = `${encoding} in a stream of requests`;
}

/** Where messages go. */
export interface Inflated {
  /** Notes that so many bytes more wait here, or less. */
  readonly hold: (bytes: number) => void;
  /** Takes what gRPC is to see, unless the stream is closed; null is the end. */
  readonly push: (chunk: Buffer | null) => void;
  /** Whether the stream is closed: then nobody wants what is left. */
  readonly isClosed: () => boolean;
}

export class Inflation {
  readonly #encoding: Encoding;
  readonly #to: Inflated;
  /** What has arrived and isn't worked on, in the order in which it came. */
  #arrived: Buffer[] = [];
  #arrivedBytes = 0;
  #working = false;
  /** What arrives isn't wanted any more. */
  #refused = false;
  #ended = false;

  constructor(encoding: Encoding, to: Inflated) {
    this.#encoding = encoding;
    this.#to = to;
  }

  /** Takes what has arrived; null is the end. */
  take(chunk: Buffer | null): void {
    if (chunk === null) {
      this.#ended = true;
    } else if (!this.#refused) {
      this.#arrived.push(chunk);
      this.#arrivedBytes += chunk.length;
      this.#to.hold(chunk.length);
    }
    if (!this.#working || this.#to.isClosed()) void this.#work();
  }

  async #work(): Promise<void> {
    this.#working = true;
    while (!this.#refused && !this.#to.isClosed()) {
      const message = this.#nextMessage();
      if (message === undefined) break;
      if (message.readUInt32BE(1) > limits.messageBytes) this.#refuse(tooLarge);
      // One that isn't compressed may stand among the others.
      else if (message[0] === 0) this.#to.push(message);
      else await this.#inflate(message.subarray(headBytes));
      this.#to.hold(-message.length);
    }
    this.#working = false;
    if (!this.#ended) return;
    // Half a message is gRPC's to judge.
    const rest = this.#refused ? [] : this.#arrived;
    this.#drop();
    for (const chunk of [...rest, null]) this.#to.push(chunk);
  }

  #drop(): void {
    this.#to.hold(-this.#arrivedBytes);
    this.#arrived = [];
    this.#arrivedBytes = 0;
  }

  #refuse(message: Buffer): void {
    this.#refused = true;
    this.#drop();
    this.#to.push(message);
  }

  /** Takes out the next message with its head; of one that is too large, what there is of it. */
  #nextMessage(): Buffer | undefined {
    if (this.#arrivedBytes < headBytes) return undefined;
    if ((this.#arrived[0]?.length ?? 0) < headBytes) this.#arrived = [Buffer.concat(this.#arrived)];
    const length = this.#arrived[0]?.readUInt32BE(1) ?? 0;
    const whole = length > limits.messageBytes ? this.#arrivedBytes : headBytes + length;
    if (this.#arrivedBytes < whole) return undefined;
    const bytes = Buffer.concat(this.#arrived);
    this.#arrived = bytes.length === whole ? [] : [bytes.subarray(whole)];
    this.#arrivedBytes -= whole;
    return bytes.subarray(0, whole);
  }

  async #inflate(content: Buffer): Promise<void> {
    const inflater = inflaters[this.#encoding]();
    const pieces: Buffer[] = [];
    let length = 0;
    inflater.end(content);
    try {
      for await (const piece of inflater as AsyncIterable<Buffer>) {
        pieces.push(piece);
        length += piece.length;
        this.#to.hold(piece.length);
        if (length > limits.messageBytes || this.#to.isClosed()) break;
      }
    } catch {
      return this.#refuse(unreadable);
    } finally {
      this.#to.hold(-length);
    }
    if (length > limits.messageBytes) return this.#refuse(tooLarge);
    const head = Buffer.alloc(headBytes);
    head.writeUInt32BE(length, 1);
    for (const piece of [head, ...pieces]) this.#to.push(piece);
  }
}
