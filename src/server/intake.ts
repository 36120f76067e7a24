// How much one turn of the event loop takes in. libuv hands over what all sockets have received before anything else
// gets its turn: when a thousand clients send twenty calls each at the same moment, reading and queueing (or refusing)
// them takes seconds, in which nothing is served and nobody is answered. So when a turn has taken in calls for some
// time, no further connection is read in it, and work goes on before the next ones are.
//
// Those that were read longest ago are read first in the next turn, so a client that asks little waits for one turn.

/** Milliseconds for which a turn takes in calls. */
const mostMs = 10;

/** A connection as this file sees it. */
export interface Source {
  stopReading(): void;
  startReading(): void;
}

export class Intake<S extends Source> {
  /** Whether a connection may be read in this turn as far as others are concerned that decide about it. */
  readonly #mayBeRead: (source: S) => boolean;
  readonly #onFlood: () => void;
  /** All connections; the one that was read longest ago first. */
  readonly #sources = new Set<S>();
  /** When this turn took in its first call; undefined before. */
  #sinceMs: number | undefined;
  #stopped = false;

  /** `onFlood` is called when no more is read in a turn. */
  constructor(mayBeRead: (source: S) => boolean, onFlood: () => void) {
    this.#mayBeRead = mayBeRead;
    this.#onFlood = onFlood;
  }

  add(source: S): void {
    this.#sources.add(source);
    if (this.#stopped) source.stopReading();
  }

  remove(source: S): void {
    this.#sources.delete(source);
  }

  /** A connection has brought a call. */
  took(source: S, nowMs: number): void {
    this.#sources.delete(source);
    this.#sources.add(source);
    if (this.#sinceMs === undefined) {
      this.#sinceMs = nowMs;
      setImmediate(() => this.#nextTurn());
    } else if (!this.#stopped && nowMs - this.#sinceMs > mostMs) {
      this.#stopped = true;
      for (const each of this.#sources) each.stopReading();
      this.#onFlood();
    }
  }

  #nextTurn(): void {
    this.#sinceMs = undefined;
    if (!this.#stopped) return;
    this.#stopped = false;
    for (const each of this.#sources) if (this.#mayBeRead(each)) each.startReading();
  }
}
