// One connection: the streams on it, what they hold of our memory, and how long they make us wait.
//
// Invariants
// 1. A request must be whole, and what is written of an answer at a time must be taken, within the time that a client
//    has for it; then its stream is reset. A stream that is always busy is never due for long: each message that is
//    whole, and each write that is done, begins the time anew.
// 2. What counts against the bounds of requests is counted from its arrival to the end of its stream, and for streams
//    of requests to the end of the message.
// 3. What is being written stays where it is, also when its stream ends before: see in-flight.ts.

import { constants, type ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import type { MemoryAccount } from "../base/memory-account.ts";
import { smallMessageBytes } from "../rpc/call-memory.ts";
import { InFlight } from "./in-flight.ts";
import { type Encoding, Inflation } from "./inflation.ts";
import { MessageMeter } from "./message-meter.ts";
import type { Stoppable } from "./reading-line.ts";
import { startReading, stopReading } from "./socket-reading.ts";

/** Bytes of requests that one connection may hold: twice the largest message. */
const connectionBytes = 64 * 1024 * 1024;

interface TendedStream {
  readonly meter: MessageMeter;
  /** Bytes that wait to be decompressed, and what has been made of them. */
  inflating: number;
  /** Whether the request is one message: then it isn't complete before the client ends its side. */
  readonly oneRequest: boolean;
  /** Since when the client has been due to send the rest of a message; undefined when it isn't. */
  sendingSinceMs: number | undefined;
  /** Since when it has been due to take what is being written; undefined when it isn't. */
  takingSinceMs: number | undefined;
}

/** Who is told of what happens on a connection. */
export interface ConnectionWatcher {
  /** Messages of a stream of requests are whole. */
  onMessages(count: number): void;
  /** A call has ended. */
  onEnd(): void;
}

/** A connection isn't read because a queue is long, or because this turn of the event loop has taken in enough. */
export type Stopper = "queue" | "turn";

export class Connection implements Stoppable {
  /** What gRPC calls the peer. */
  readonly name: string;
  readonly socket: Socket;
  readonly #memory: MemoryAccount;
  readonly #streams = new Map<ServerHttp2Stream, TendedStream>();
  readonly #watcher: ConnectionWatcher;
  readonly #inFlight: InFlight;
  /** For whose sake it isn't read. */
  readonly #stoppedBy = new Set<Stopper>();
  #heldBytes = 0;

  /** `memory` is that of all calls. */
  constructor(name: string, socket: Socket, memory: MemoryAccount, watcher: ConnectionWatcher) {
    this.name = name;
    this.socket = socket;
    this.#memory = memory;
    this.#watcher = watcher;
    this.#inFlight = new InFlight(socket, memory);
  }

  /** Streams that are open. */
  get streams(): number {
    return this.#streams.size;
  }

  /** Looks after a new stream until it closes. `encoding` is how its request is compressed, if it is. */
  tend(stream: ServerHttp2Stream, oneRequest: boolean, encoding?: Encoding): void {
    const meter = new MessageMeter(oneRequest);
    const due = { sendingSinceMs: undefined, takingSinceMs: undefined };
    const tended: TendedStream = { meter, inflating: 0, oneRequest, ...due };
    this.#streams.set(stream, tended);
    this.#inFlight.watch(stream, () => {
      tended.takingSinceMs = undefined;
    });
    const pushOn = stream.push.bind(stream);
    const push = (chunk: Buffer | null): boolean => {
      if (chunk !== null) this.#arrived(stream, tended, chunk);
      return pushOn(chunk);
    };
    const inflation = encoding === undefined ? undefined : this.#inflation(stream, tended, encoding, push);
    // Where Node hands over what has arrived. A listener for `data` would set the stream flowing.
    stream.push = (chunk: Buffer | null): boolean => {
      if (inflation === undefined) return push(chunk);
      inflation.take(chunk);
      return true;
    };
    stream.once("close", () => {
      this.#streams.delete(stream);
      this.#hold(-meter.held);
      this.#watcher.onEnd();
    });
  }

  #inflation(
    stream: ServerHttp2Stream,
    tended: TendedStream,
    encoding: Encoding,
    push: (chunk: Buffer | null) => boolean,
  ): Inflation {
    const isClosed = (): boolean => stream.closed || stream.destroyed;
    return new Inflation(encoding, {
      isClosed,
      // What a closed stream would hold nobody would give back.
      push: (chunk) => {
        if (chunk === null || !isClosed()) push(chunk);
      },
      hold: (bytes) => {
        tended.inflating += bytes;
        this.#hold(bytes);
        this.#boundStream(stream, tended);
      },
    });
  }

  /** Whether a stream of requests is open, or an answer waits that the client has to make room for. */
  get mustBeRead(): boolean {
    for (const [stream, { oneRequest }] of this.#streams) if (!oneRequest || stream.writableLength > 0) return true;
    return false;
  }

  /** What comes from now on stays in the socket, or with the client. */
  stopReading(by: Stopper): void {
    this.#stoppedBy.add(by);
    stopReading(this.socket);
  }

  startReading(by: Stopper): void {
    this.#stoppedBy.delete(by);
    if (this.#stoppedBy.size === 0) startReading(this.socket);
  }

  /** Reads again after a long time in which the client couldn't do what is due. */
  readOn(): void {
    for (const tended of this.#streams.values()) {
      tended.sendingSinceMs = undefined;
      tended.takingSinceMs = undefined;
    }
    this.startReading("queue");
  }

  /** Resets the streams whose client has been due for `limitMs`; returns how many. */
  endOverdue(nowMs: number, limitMs: number): number {
    this.#inFlight.release();
    let ended = 0;
    for (const [stream, tended] of this.#streams) {
      const sending = tended.oneRequest ? !stream.readableEnded : tended.meter.held > 0;
      tended.sendingSinceMs = sending ? (tended.sendingSinceMs ?? nowMs) : undefined;
      tended.takingSinceMs = stream.writableLength > 0 ? (tended.takingSinceMs ?? nowMs) : undefined;
      const sinceMs = Math.min(tended.sendingSinceMs ?? nowMs, tended.takingSinceMs ?? nowMs);
      if (nowMs - sinceMs < limitMs) continue;
      reset(stream);
      ended++;
    }
    return ended;
  }

  #arrived(stream: ServerHttp2Stream, tended: TendedStream, chunk: Buffer): void {
    const { meter } = tended;
    const before = meter.held;
    const messages = meter.take(chunk);
    if (!tended.oneRequest && messages > 0) {
      tended.sendingSinceMs = undefined;
      this.#watcher.onMessages(messages);
    }
    this.#hold(meter.held - before);
    this.#boundStream(stream, tended);
  }

  /**
   * Resets a stream that takes more than a little when all together take too much. Not before the turn's reading is
   * done: ticks and microtasks run while HTTP/2's library still reads, where a reset would send, which it forbids.
   */
  #boundStream(stream: ServerHttp2Stream, { meter, inflating }: TendedStream): void {
    if (meter.held + inflating <= smallMessageBytes) return;
    if (this.#heldBytes > connectionBytes || this.#memory.freeBytes < 0) setImmediate(reset, stream);
  }

  #hold(bytes: number): void {
    this.#heldBytes += bytes;
    this.#memory.charge(bytes);
  }
}

/** Ends a stream in the way that gRPC's clients know as RESOURCE_EXHAUSTED. */
function reset(stream: ServerHttp2Stream): void {
  if (!stream.closed && !stream.destroyed) stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
}
