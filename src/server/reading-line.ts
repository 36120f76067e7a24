// Back-pressure on unary calls. A connection that brings several calls to a database whose queue is long isn't read any
// further; what its client goes on sending waits in the socket and in the client, where it costs the server nothing.
// When the queue has room, those that wait are read again, one after the other, in the order in which they were
// stopped.
//
// To refuse a call costs about as much as to serve a small one: a server that refused all that is too much would have
// little time left for work. Refusing is for what still comes when a queue is full.
//
// Invariants
// 1. A connection with few calls in flight is always read: it waits for nobody's flood but in the queue.
// 2. Nobody waits for longer than `mostMs`, so that a client's pings are answered before it takes us for dead.
// 3. A connection with calls that last isn't stopped: streams have a back-pressure of their own, which needs its
//    reading.

/** Milliseconds for which a connection isn't read, at most. */
const mostMs = 10_000;

/** A connection as this file sees it. */
export interface Stoppable {
  /** Calls in flight. */
  readonly streams: number;
  /** Whether it has to be read whatever waits. */
  readonly mustBeRead: boolean;
  stopReading(by: "queue"): void;
  /** It was kept from sending until now. */
  readOn(): void;
}

/** Where calls wait. */
export interface LongQueues {
  /** Calls that may come for a database before its queue is long; 0 or less when it is. */
  roomFor(database: string): number;
}

interface Waiting {
  readonly sinceMs: number;
  /** Calls that it had in flight when it was stopped: so many it may bring again. */
  readonly calls: number;
}

/** Calls in flight of a connection that is always read. */
const fewCalls = 2;

export class ReadingLine {
  readonly #queues: LongQueues;
  /** Those that wait, by the database that they wait for, in their order. */
  readonly #lines = new Map<string, Map<Stoppable, Waiting>>();

  constructor(queues: LongQueues) {
    this.#queues = queues;
  }

  get isEmpty(): boolean {
    return this.#lines.size === 0;
  }

  /** Connections that wait. */
  get size(): number {
    let size = 0;
    for (const line of this.#lines.values()) size += line.size;
    return size;
  }

  /** Whether a connection waits. */
  has(connection: Stoppable): boolean {
    for (const line of this.#lines.values()) if (line.has(connection)) return true;
    return false;
  }

  /** A call has come for a database whose queue is long. */
  crowded(connection: Stoppable, database: string, nowMs: number): void {
    if (connection.streams <= fewCalls || connection.mustBeRead) return;
    connection.stopReading("queue");
    let line = this.#lines.get(database);
    if (line === undefined) this.#lines.set(database, (line = new Map()));
    if (!line.has(connection)) line.set(connection, { sinceMs: nowMs, calls: connection.streams });
  }

  /** Calls have ended: those at the heads of the lines may go on, as far as there is room. */
  look(): void {
    for (const [database, line] of this.#lines) {
      let room = this.#queues.roomFor(database);
      for (const [connection, { calls }] of line) {
        if (room <= 0) break;
        room -= calls;
        release(line, connection);
      }
      if (line.size === 0) this.#lines.delete(database);
    }
  }

  /** Some time has passed: looks for those as well that may wait no longer. */
  lookAtAll(nowMs: number): void {
    for (const line of this.#lines.values()) {
      for (const [connection, { sinceMs }] of line) {
        if (nowMs - sinceMs >= mostMs || connection.mustBeRead) release(line, connection);
      }
    }
    this.look();
  }

  /** The connection is closed. */
  forget(connection: Stoppable): void {
    for (const line of this.#lines.values()) line.delete(connection);
  }
}

function release(line: Map<Stoppable, Waiting>, connection: Stoppable): void {
  line.delete(connection);
  connection.readOn();
}
