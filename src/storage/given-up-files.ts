// Data files that a compaction gave up and that somebody may still read: each is closed when the last reader has gone,
// in the background, because a snapshot may read on for minutes.

import type { DataFile } from "./data-file.ts";
import type { ReadLeases } from "./read-leases.ts";

export class GivenUpFiles {
  readonly #leases: ReadLeases;
  readonly #onError: (error: unknown) => void;
  readonly #files = new Map<number, DataFile>();
  readonly #closing = new Set<Promise<void>>();

  /** `onError` is told when a file can't be closed. */
  constructor(leases: ReadLeases, onError: (error: unknown) => void) {
    this.#leases = leases;
    this.#onError = onError;
  }

  /** Closes a file as soon as everybody who may read it has gone. */
  add(file: DataFile): void {
    const { generation } = file.header;
    this.#files.set(generation, file);
    const close = async (): Promise<void> => {
      await this.#leases.readersGone();
      this.#files.delete(generation);
      await file.close().catch(this.#onError);
    };
    const closing = close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  /** The file of this generation, while it is open. */
  withGeneration(generation: number): DataFile | undefined {
    return this.#files.get(generation);
  }

  /** Resolves when all of them are closed. */
  async closed(): Promise<void> {
    await Promise.all(this.#closing);
  }
}
