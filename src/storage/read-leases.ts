// Who may still read a data file that is to be closed. A reader takes a lease before it looks anything up and gives it
// back when it has read everything; a file that was given up is closed when the readers of before have gone.

export class ReadLeases {
  #era: Era = { readers: 0, onEmpty: undefined };
  /** Settles when the readers of all earlier eras have gone. */
  #gone: Promise<void> = Promise.resolve();

  /** Runs `read` under a lease. */
  async hold<T>(read: () => Promise<T>): Promise<T> {
    const giveBack = this.take();
    try {
      return await read();
    } finally {
      giveBack();
    }
  }

  /** Takes a lease; the function returned gives it back and must be called once. */
  take(): () => void {
    const era = this.#era;
    era.readers++;
    return () => {
      era.readers--;
      if (era.readers === 0) era.onEmpty?.();
    };
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

interface Era {
  readers: number;
  onEmpty: (() => void) | undefined;
}
