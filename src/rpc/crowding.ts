// Back-pressure on unary calls begins here: who is about to queue a call for a database whose queue is long is told of,
// so that its connection isn't read for a while (server/reading-line.ts). Pipelines have their own: see held-calls.ts.

/** What a call says of where it came from. */
interface Origin {
  /** gRPC's name for the connection. */
  getPeer(): string;
}

export class Crowding {
  readonly #queues: { roomFor(database: string): number };
  readonly #onCrowded: (peer: string, database: string) => void;

  /** `roomFor` says how many more calls a database's queue can take before it is long. */
  constructor(queues: { roomFor(database: string): number }, onCrowded: (peer: string, database: string) => void) {
    this.#queues = queues;
    this.#onCrowded = onCrowded;
  }

  /** A request is about to be carried out. */
  note(request: unknown, origin: Origin): void {
    const { database = "" } = request as { readonly database?: string };
    if (this.#queues.roomFor(database) <= 0) this.#onCrowded(origin.getPeer(), database);
  }
}
