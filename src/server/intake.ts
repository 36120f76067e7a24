// What one turn of the event loop takes in. libuv hands over what all sockets have received before anything else gets
// its turn: when a thousand clients have sent calls, reading and queueing them takes seconds, in which nothing is
// served and nobody is answered. Which database a call is about is known only after it has been read, so what a
// database may bring is bounded by reading its connections in turns. A connection belongs to the database that it asked
// last.
//
// Invariants
// 1. In a turn a database brings `callsATurn` calls, and what has been read together with the last of them. Then its
//    other connections aren't read: however many clients flood a database, a call to another one waits for no more
//    than that. All databases together bring calls for `mostMs`.
// 2. In the next turn as many connections are read again as may bring calls: of each database those that have had no
//    chance for longest. Who has used it waits for the others of its database, if any wait.
// 3. While connections wait, turns follow each other without a pause, so each has its chance soon.

/** Calls that a database may bring in a turn, and connections of it that are read again in a turn, */
const callsATurn = 16;
/** and those of all databases: what fits into a turn. */
const chancesATurn = 64;
/** Milliseconds for which a turn takes in calls. */
const mostMs = 10;

/** A connection as this file sees it. */
export interface Source {
  /** It may have been stopped before. */
  stopReading(by: "turn"): void;
  startReading(by: "turn"): void;
}

/** The connections that asked a database last. */
interface Crowd<S> {
  readonly database: string;
  /** Those that are read, and those that wait for a chance; the one that had one longest ago first. */
  readonly read: Set<S>;
  readonly waiting: Set<S>;
  /** The turn in which it brought calls last, and how many. */
  turn: number;
  calls: number;
}

export class Intake<S extends Source> {
  readonly #onFlood: () => void;
  readonly #crowdOf = new Map<S, Crowd<S>>();
  /** By database; the one that brought calls longest ago first. */
  readonly #crowds = new Map<string, Crowd<S>>();
  /** Those of which connections wait, or did when this turn began; in the order in which they get their chances. */
  readonly #waiting = new Set<Crowd<S>>();
  #turn = 0;
  /** When this turn took in its first call; undefined before. */
  #sinceMs: number | undefined;
  #nextIsAwaited = false;
  /** Whether nothing is read any more in this turn. */
  #isFull = false;

  /** `onFlood` is called when no more is read in a turn. */
  constructor(onFlood: () => void) {
    this.#onFlood = onFlood;
  }

  add(source: S): void {
    const crowd = this.#join(source, "");
    if (this.#isFull) this.#wait(crowd, source);
  }

  remove(source: S): void {
    const crowd = this.#crowdOf.get(source);
    if (crowd === undefined) return;
    this.#crowdOf.delete(source);
    crowd.read.delete(source);
    crowd.waiting.delete(source);
    if (crowd.read.size + crowd.waiting.size === 0) this.#crowds.delete(crowd.database);
  }

  /** A connection has brought a call. */
  took(source: S, nowMs: number): void {
    const crowd = this.#crowdOf.get(source);
    if (crowd === undefined) return;
    this.#sinceMs ??= nowMs;
    this.#awaitNextTurn();
    this.#count(crowd);
    if (crowd.read.delete(source)) crowd.read.add(source);
    if (!this.#isFull && nowMs - this.#sinceMs > mostMs) this.#end();
    else if (!this.#mayBring(crowd)) this.#waitAll(crowd);
    if (crowd.waiting.size > 0) this.#wait(crowd, source);
  }

  /** The call that a connection has brought is about this database. */
  asked(source: S, database: string): void {
    const before = this.#crowdOf.get(source);
    if (before === undefined || before.database === database) return;
    const name = database.toLowerCase();
    if (before.database === name) return;
    const waits = before.waiting.has(source);
    this.remove(source);
    const crowd = this.#join(source, name);
    if (!waits) return;
    // It has waited for another database's sake.
    if (this.#isFull || crowd.waiting.size > 0 || !this.#mayBring(crowd)) this.#wait(crowd, source);
    else source.startReading("turn");
  }

  /** Nobody is read any more in this turn. */
  #end(): void {
    this.#isFull = true;
    this.#waiting.clear();
    for (const crowd of this.#crowds.values()) this.#waitAll(crowd);
    this.#onFlood();
  }

  #mayBring({ turn, calls }: Crowd<S>): boolean {
    return turn !== this.#turn || calls < callsATurn;
  }

  #count(crowd: Crowd<S>): void {
    crowd.calls++;
    if (crowd.turn === this.#turn) return;
    [crowd.turn, crowd.calls] = [this.#turn, 1];
    this.#crowds.delete(crowd.database);
    this.#crowds.set(crowd.database, crowd);
  }

  #join(source: S, database: string): Crowd<S> {
    let crowd = this.#crowds.get(database);
    if (crowd === undefined) {
      crowd = { database, read: new Set(), waiting: new Set(), turn: -1, calls: 0 };
      this.#crowds.set(database, crowd);
    }
    this.#crowdOf.set(source, crowd);
    crowd.read.add(source);
    return crowd;
  }

  #waitAll(crowd: Crowd<S>): void {
    this.#waiting.add(crowd);
    for (const source of crowd.read) this.#wait(crowd, source);
  }

  #wait(crowd: Crowd<S>, source: S): void {
    crowd.read.delete(source);
    crowd.waiting.add(source);
    this.#waiting.add(crowd);
    source.stopReading("turn");
  }

  #awaitNextTurn(): void {
    if (this.#nextIsAwaited) return;
    this.#nextIsAwaited = true;
    setImmediate(() => this.#nextTurn());
  }

  #nextTurn(): void {
    this.#nextIsAwaited = false;
    this.#sinceMs = undefined;
    this.#isFull = false;
    this.#turn++;
    const most = Math.max(1, Math.min(callsATurn, Math.floor(chancesATurn / this.#waiting.size)));
    for (const crowd of this.#waiting) {
      let chances = 0;
      for (const source of crowd.waiting) {
        if (++chances > most) break;
        crowd.waiting.delete(source);
        crowd.read.add(source);
        source.startReading("turn");
      }
      if (crowd.waiting.size === 0) this.#waiting.delete(crowd);
    }
    if (this.#waiting.size > 0) this.#awaitNextTurn();
  }
}
