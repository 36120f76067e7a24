// Who may still read a data file that is to be closed. A reader takes a lease before it looks anything up and gives it
// back when it has read everything; a file that was given up is closed when the readers of before have gone.

/** The right to read whatever data file could be read when it was taken. */
export interface Lease {
  giveBack(): void;
}

export class ReadLeases {
  #era: Era = { readers: 0, onEmpty: undefined };
  /** Settles when the readers of all earlier eras have gone. */
  #gone: Promise<void> = Promise.resolve();

  /** Runs `read` under a lease: one of now, or one like `lease`, which must not have been given back yet. */
  async hold<T>(read: () => Promise<T>, lease?: Lease): Promise<T> {
    const own = this.#takeIn(lease === undefined ? this.#era : (lease as LeaseInEra).era);
    try {
      return await read();
    } finally {
      own.giveBack();
    }
  }

  /** Takes a lease, which must be given back once. */
  take(): Lease {
    return this.#takeIn(this.#era);
  }

  #takeIn(era: Era): LeaseInEra {
    era.readers++;
    const giveBack = (): void => {
      era.readers--;
      if (era.readers === 0) era.onEmpty?.();
    };
    return { era, giveBack };
  }

  /** Resolves when everybody who holds a lease now has given it back. */
  readersGone(): Promise<void> {
    const era = this.#era;
    this.#era = { readers: 0, onEmpty: undefined };
    this.#gone = this.#emptied(this.#gone, era);
    return this.#gone;
  }

  /** Whoever took a lease before an earlier file was given up may read this one too. */
  async #emptied(before: Promise<void>, era: Era): Promise<void> {
    await before;
    if (era.readers === 0) return;
    await new Promise<void>((resolve) => {
      era.onEmpty = resolve;
    });
  }
}

interface LeaseInEra extends Lease {
  readonly era: Era;
}

interface Era {
  readers: number;
  onEmpty: (() => void) | undefined;
}
