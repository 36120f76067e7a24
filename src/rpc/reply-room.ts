// How much of answers may wait for a client that doesn't read: per connection, because HTTP/2 lets a client open a
// thousand calls and read none of their answers.
//
// Invariants
// 1. A call starts only while what waits to be read, and what running calls may add to it, has room; one may always
//    run. What a call may add is guessed from the largest answer lately, as a maximum that fades. It starts high.
// 2. Calls that wait start in the order in which they came. One that is interrupted waits no longer.

/** Bytes of answers that may wait to be read on one connection, but for a single one that is larger. */
const roomBytes = 8 * 1024 * 1024;
/** What the first calls of a connection are taken to be answered with. */
const firstGuessBytes = roomBytes / 32;
/** The unary RPCs that bring documents. Others answer little, and never wait for room. */
const largeAnswers: ReadonlySet<string> = new Set(["GetDocument", "BatchGetDocuments", "ListDocuments"]);

/** Whether calls of the method at this path have to have room. */
export function needsRoom(path: string): boolean {
  return largeAnswers.has(path.slice(path.lastIndexOf("/") + 1));
}

/** The room of one connection. */
class ReplyRoom {
  #unreadBytes = 0;
  #running = 0;
  #guessBytes = firstGuessBytes;
  readonly #waiting = new Set<() => void>();
  readonly #onIdle: () => void;

  /** `onIdle` is called when nothing runs, waits or is unread. */
  constructor(onIdle: () => void) {
    this.#onIdle = onIdle;
  }

  /** Lets a call start: at once (undefined), or when there is room. Rejects with the signal's reason when it aborts. */
  enter(signal: AbortSignal): Promise<void> | undefined {
    if (this.#waiting.size === 0 && this.#hasRoom) {
      this.#running++;
      return undefined;
    }
    return new Promise((resolve, reject) => {
      const start = (): void => {
        this.#waiting.delete(start);
        signal.removeEventListener("abort", give);
        this.#running++;
        resolve();
      };
      const give = (): void => {
        this.#waiting.delete(start);
        this.#settle();
        reject(signal.reason as Error);
      };
      this.#waiting.add(start);
      signal.addEventListener("abort", give);
      if (signal.aborted) give();
    });
  }

  /** A call that was let in has ended, with an answer of so many bytes that is now to be read. */
  answered(bytes: number): void {
    this.#running--;
    this.#unreadBytes += bytes;
    this.#guessBytes = Math.max(bytes, this.#guessBytes * (7 / 8));
    this.#settle();
  }

  /** So many bytes have been read, or will never be. */
  read(bytes: number): void {
    this.#unreadBytes -= bytes;
    this.#settle();
  }

  get #hasRoom(): boolean {
    const expected = this.#unreadBytes + (this.#running + 1) * this.#guessBytes;
    return expected <= roomBytes || (this.#running === 0 && this.#unreadBytes === 0);
  }

  #settle(): void {
    for (const start of this.#waiting) {
      if (!this.#hasRoom) return;
      start();
    }
    if (this.#running === 0 && this.#unreadBytes === 0 && this.#waiting.size === 0) this.#onIdle();
  }
}

/** One call's part of the room of its connection: it enters, has an answer, and that is read. */
export class ReplyPlace {
  readonly #find: () => ReplyRoom;
  #room: ReplyRoom | undefined;
  #unreadBytes = 0;

  constructor(find: () => ReplyRoom) {
    this.#find = find;
  }

  /** Lets the call start: at once (undefined), or when there is room. Rejects when the signal aborts. */
  enter(signal: AbortSignal): Promise<void> | undefined {
    const room = this.#find();
    const waiting = room.enter(signal);
    if (waiting === undefined) this.#room = room;
    return waiting?.then(() => {
      this.#room = room;
    });
  }

  /** The call has an answer of so many bytes; 0 when it will never have one. */
  answered(bytes: number): void {
    if (this.#unreadBytes > 0) return;
    this.#unreadBytes = bytes;
    this.#room?.answered(bytes);
    if (bytes === 0) this.#room = undefined;
  }

  /** The answer has been read, or will never be. */
  read(): void {
    if (this.#unreadBytes === 0) return;
    this.#room?.read(this.#unreadBytes);
    this.#unreadBytes = 0;
    this.#room = undefined;
  }
}

/** The rooms of all connections that have calls. */
export class ReplyRooms {
  readonly #rooms = new Map<string, ReplyRoom>();

  /** A place for a call of the connection that gRPC calls by this name. */
  placeFor(peer: string): ReplyPlace {
    return new ReplyPlace(() => this.#of(peer));
  }

  #of(peer: string): ReplyRoom {
    let room = this.#rooms.get(peer);
    if (room === undefined) {
      room = new ReplyRoom(() => this.#rooms.delete(peer));
      this.#rooms.set(peer, room);
    }
    return room;
  }
}
