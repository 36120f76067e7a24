// The data files of a database: one, or two while a compaction moves what is live from the older generation to the
// newer. Appends go to the newer one. Generations are consecutive, so the low bit of a generation tells the two apart.

import { assert } from "../base/assert.ts";
import type { DataExtent } from "./data-extent.ts";
import type { DataFile } from "./data-file.ts";
import type { Parity } from "./index-shard.ts";

export class DataFiles {
  #current: DataFile;
  #previous: DataFile | undefined;
  /** Whether the newer file still has the name that it got from its compaction. */
  needsAdoption: boolean;

  constructor(current: DataFile, previous: DataFile | undefined, needsAdoption: boolean) {
    this.#current = current;
    this.#previous = previous;
    this.needsAdoption = needsAdoption;
  }

  /** The file that is appended to. */
  get current(): DataFile {
    return this.#current;
  }

  /** The older generation, while something of it may be live. */
  get previous(): DataFile | undefined {
    return this.#previous;
  }

  /** What counts of each file, the older one first. */
  get extents(): DataExtent[] {
    const files = this.#previous === undefined ? [this.#current] : [this.#previous, this.#current];
    return files.map((file) => ({ generation: file.header.generation, bytes: file.tail }));
  }

  /** Bytes of all files. */
  get bytes(): number {
    return this.#current.tail + (this.#previous?.tail ?? 0);
  }

  /** The file that holds the entries with this parity. */
  withParity(parity: Parity): DataFile {
    const file = this.#current.parity === parity ? this.#current : this.#previous;
    assert(file !== undefined, "an index entry points into a data file that is gone");
    return file;
  }

  /** From now on appends go to `file`, the next generation. */
  startGeneration(file: DataFile): void {
    assert(this.#previous === undefined, "a compaction is under way already");
    assert(file.header.generation === this.#current.header.generation + 1, "generations are consecutive");
    assert(!this.needsAdoption, "an older compaction has not ended");
    this.#previous = this.#current;
    this.#current = file;
    this.needsAdoption = true;
  }

  /** Gives the older generation up: nothing points into it any more. The caller closes it when nobody reads it. */
  dropPrevious(): DataFile {
    const previous = this.#previous;
    assert(previous !== undefined, "there is no older generation");
    this.#previous = undefined;
    return previous;
  }

  async datasync(): Promise<void> {
    await this.#previous?.datasync();
    await this.#current.datasync();
  }

  async close(): Promise<void> {
    const closed = await Promise.allSettled([this.#previous?.close(), this.#current.close()]);
    for (const result of closed) if (result.status === "rejected") throw result.reason;
  }
}
