// The order of writes of one document. A write is planned in the turn of the event loop in which it arrives, unless it
// is a patch of something that must be read from the disk first. Writes of that document that arrive meanwhile wait in
// line behind it: they apply in the order in which they came, and a patch reads once, however busy its document is.
//
// A write takes its places in all lines in one turn, so of two writes one is ahead of the other everywhere: they can't
// wait for each other.

/** Names a document across all collections: see `documentKey`. */
export type DocumentKey = string;

/** The name of a document in a line. Collections' names are unique without regard to case; "" is `_default`. */
export function documentKey(collection: string, id: bigint): DocumentKey {
  return `${collection === "" ? "_default" : collection.toLowerCase()}/${id}`;
}

export class DocumentLine {
  /** Settles when the last one in a document's line has left it. */
  readonly #last = new Map<DocumentKey, Promise<void>>();

  /** Nobody waits. */
  get isEmpty(): boolean {
    return this.#last.size === 0;
  }

  /** Whether somebody is in line for a document. */
  has(key: DocumentKey): boolean {
    return this.#last.has(key);
  }

  /** Settles when everybody who is in line for a document now has left; undefined when nobody is. */
  lastOf(key: DocumentKey): Promise<void> | undefined {
    return this.#last.get(key);
  }

  /**
   * Runs `work` when everybody who is in line for one of these documents has left; those who come later wait for it.
   */
  async inTurn<T>(keys: readonly DocumentKey[], work: () => Promise<T>): Promise<T> {
    const { promise: left, resolve: leave } = Promise.withResolvers<void>();
    const ahead = new Set<Promise<void>>();
    for (const key of keys) {
      const last = this.#last.get(key);
      if (last !== undefined && last !== left) ahead.add(last);
      this.#last.set(key, left);
    }
    try {
      await Promise.all(ahead);
      return await work();
    } finally {
      for (const key of keys) if (this.#last.get(key) === left) this.#last.delete(key);
      leave();
    }
  }
}
