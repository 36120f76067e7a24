// The connections of a server.
//
// Invariants
// 1. There are at most `maxConnections`. One more is told so, in a way that gRPC's clients understand, and closed.
// 2. A connection that doesn't say in time that it speaks HTTP/2 is closed. (Later, gRPC's keepalive finds out whether
//    its client is still there.)
// 3. What its streams may hold and how long they may take is bounded: see connection.ts.
// 4. It is read as fast as its calls can be queued: see reading-line.ts; and no faster than its database, and all
//    together, have room in a turn of the event loop: see intake.ts.

import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { MemoryAccount } from "../base/memory-account.ts";
import type { Observer } from "../telemetry/observer.ts";
import { Connection } from "./connection.ts";
import { encodingOf, refuseEncoding } from "./inflation.ts";
import { dropEndlessTimeout, onNewStream, resetWhenAnswered } from "./http2-streams.ts";
import { Intake } from "./intake.ts";
import { type LongQueues, ReadingLine } from "./reading-line.ts";

export interface ConnectionLimits {
  /** Connections at the same time; more are refused. */
  readonly maxConnections: number;
  /** Milliseconds that a client has to greet. */
  readonly greetingMs: number;
  /** Milliseconds that a client has to send a request, or to take a message of an answer. */
  readonly slowClientMs: number;
}

/** Where calls wait, as far as it decides about reading. */
export interface Queues extends LongQueues {
  /** More calls have come in than one turn of the event loop should take. */
  flooded(): void;
}

/** The client's preface and its first SETTINGS frame: 24 and 9 bytes. RFC 9113, 3.4. */
const greetingBytes = 33;
/** Streams are looked at so many times in the time that they have. */
const looksInTime = 20;
/** Connections that are looked at in one turn of the event loop. */
const looksATurn = 50;
/** Milliseconds between two looks at all connections that aren't read. */
const lineLookMs = 500;
/** How long a connection that was refused gets to read why. */
const refusalMs = 1_000;

/** Connections of this process are numbered. */
let lastConnection = 0;

export class Connections {
  readonly #limits: ConnectionLimits;
  readonly #observer: Observer;
  /** Paths of the methods that take a stream of requests. */
  readonly #streamingPaths: ReadonlySet<string>;
  readonly #open = new Map<string, Connection>();
  readonly #memory: MemoryAccount;
  readonly #stopListening: () => void;
  readonly #timers: readonly NodeJS.Timeout[];
  readonly #line: ReadingLine;
  readonly #intake: Intake<Connection>;
  #looking = false;
  #lookingAtLine = false;

  /** `memory` is that of all calls; `queues` is where calls wait. */
  constructor(
    limits: ConnectionLimits,
    streamingPaths: ReadonlySet<string>,
    observer: Observer,
    memory: MemoryAccount,
    queues: Queues,
  ) {
    this.#limits = limits;
    this.#observer = observer;
    this.#memory = memory;
    this.#streamingPaths = streamingPaths;
    this.#stopListening = onNewStream((stream, headers) => this.#onStream(stream, headers));
    this.#line = new ReadingLine(queues);
    this.#intake = new Intake(() => queues.flooded());
    this.#timers = [
      setInterval(() => void this.#look(), limits.slowClientMs / looksInTime).unref(),
      setInterval(() => this.#line.lookAtAll(performance.now()), lineLookMs).unref(),
    ];
  }

  /** Connections that are open. */
  get size(): number {
    return this.#open.size;
  }

  /** Of those, connections that wait to be read because queues are long. */
  get heldBack(): number {
    return this.#line.size;
  }

  /** Takes a connection in, if there is room for it; otherwise refuses it, and returns false. */
  accept(socket: Socket): boolean {
    const { maxConnections, greetingMs } = this.#limits;
    if (this.#open.size >= maxConnections) {
      this.#observer.event("warn", "connection refused: too many are open", { limit: maxConnections });
      refuse(socket, `Too many connections: the server has ${maxConnections}, and that is its limit.`);
      return false;
    }
    // A Unix socket's peer has no address, by which to know its calls and streams.
    const name = `unix:${++lastConnection}`;
    Object.defineProperty(socket, "remoteAddress", { value: name });
    const connection = new Connection(name, socket, this.#memory, {
      onMessages: (count) => this.#took(connection, count),
      onEnd: () => this.#callEnded(),
    });
    this.#open.set(name, connection);
    this.#intake.add(connection);
    const greeted = setTimeout(() => {
      if (socket.bytesRead < greetingBytes) socket.destroy();
    }, greetingMs);
    socket.once("close", () => {
      clearTimeout(greeted);
      this.#open.delete(name);
      this.#line.forget(connection);
      this.#intake.remove(connection);
    });
    return true;
  }

  /** A call on the connection that gRPC calls by this name asks this database, whose queue is long if `crowded`. */
  asked(peer: string, database: string, crowded: boolean): void {
    const connection = this.#open.get(peer);
    if (connection === undefined) return;
    this.#intake.asked(connection, database);
    if (crowded) this.#line.crowded(connection, database, performance.now());
  }

  /** Reads on from whoever waits. */
  readAll(): void {
    this.#line.lookAtAll(Number.POSITIVE_INFINITY);
  }

  /** Stops looking after what is left. */
  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#stopListening();
  }

  #onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const connection = this.#open.get(stream.session?.socket.remoteAddress ?? "");
    if (connection === undefined) return;
    this.#intake.took(connection, performance.now());
    dropEndlessTimeout(headers);
    resetWhenAnswered(stream);
    const oneRequest = !this.#streamingPaths.has(String(headers[constants.HTTP2_HEADER_PATH]));
    if (!oneRequest) refuseEncoding(headers);
    connection.tend(stream, oneRequest, encodingOf(headers));
  }

  /** A connection has brought calls in streams that it has. */
  #took(connection: Connection, calls: number): void {
    for (let i = 0; i < calls; i++) this.#intake.took(connection, performance.now());
  }

  /** Looks, once in a turn, whether those may go on that aren't read. */
  #callEnded(): void {
    if (this.#lookingAtLine || this.#line.isEmpty) return;
    this.#lookingAtLine = true;
    setImmediate(() => {
      this.#lookingAtLine = false;
      this.#line.look();
    });
  }

  /** Ends what takes too long, on a few connections at a time. */
  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    let [looked, ended] = [0, 0];
    for (const connection of this.#open.values()) {
      if (++looked % looksATurn === 0) await nextTurn();
      if (this.#line.has(connection)) continue;
      ended += connection.endOverdue(performance.now(), this.#limits.slowClientMs);
    }
    this.#looking = false;
    if (ended > 0) this.#observer.event("warn", "calls ended: their clients neither sent nor read", { calls: ended });
  }
}

/** Says why in a GOAWAY, which clients show, and closes. The SETTINGS before it are what a server has to say first. */
function refuse(socket: Socket, why: string): void {
  const reason = Buffer.from(why, "utf8");
  const content = Buffer.alloc(8 + reason.length);
  content.writeUInt32BE(constants.NGHTTP2_ENHANCE_YOUR_CALM, 4);
  content.set(reason, 8);
  socket.on("error", () => undefined);
  socket.end(Buffer.concat([frame(4, Buffer.alloc(0)), frame(7, content)]));
  socket.resume();
  setTimeout(() => socket.destroy(), refusalMs).unref();
}

/** An HTTP/2 frame about the connection as a whole. RFC 9113, 4.1. */
function frame(type: number, content: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(content.length, 0, 3);
  head[3] = type;
  return Buffer.concat([head, content]);
}
