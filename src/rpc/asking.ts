// What a call tells of its connection: which database it asks, so that reading is fair to all databases
// (server/intake.ts), and whether a queue is long there, so that it isn't read for a while (server/reading-line.ts).

/** What a call says of where it came from. */
export interface Origin {
  /** gRPC's name for the connection. */
  getPeer(): string;
}

/** `peer` is gRPC's name for a connection, `crowded` whether the queue of the database that it asks is long. */
export type OnAsked = (peer: string, database: string, crowded: boolean) => void;

export class Asking {
  readonly #queues: { roomFor(database: string): number };
  readonly #onAsked: OnAsked;

  /** `roomFor` says how many more calls a database's queue can take before it is long. */
  constructor(queues: { roomFor(database: string): number }, onAsked: OnAsked) {
    this.#queues = queues;
    this.#onAsked = onAsked;
  }

  /** A request is about to be carried out. */
  note(request: unknown, origin: Origin): void {
    const { database = "" } = request as { readonly database?: string };
    this.#onAsked(origin.getPeer(), database, this.#queues.roomFor(database) <= 0);
  }
}
