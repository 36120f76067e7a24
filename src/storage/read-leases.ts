// Who may still read a data file that is to be closed. A reader takes a lease before it looks anything up and gives it
// back when it has read everything; a file that was given up is closed when the readers of before have gone.

export class ReadLeases {
  #era: Era = { readers: 0, onEmpty: undefined };

  /** Runs `read` under a lease. */
  async hold<T>(read: () => Promise<T>): Promise<T> {
    const era = this.#era;
    era.readers++;
    try {
      return await read();
    } finally {
      era.readers--;
      if (era.readers === 0) era.onEmpty?.();
    }
  }

  /** Resolves when everybody who holds a lease now has given it back. */
  async readersGone(): Promise<void> {
    const era = this.#era;
    this.#era = { readers: 0, onEmpty: undefined };
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
