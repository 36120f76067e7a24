// Loads WAL segments one after another into the same memory. A segment has 64 MiB by default, and opening a database
// reads each of them twice.

import { isErrno } from "../platform/file-io.ts";
import type { FileSystem } from "../platform/platform.ts";
import { damaged } from "./disk-errors.ts";
import { WorkingMemory } from "./working-memory.ts";

export class SegmentLoader {
  readonly #fs: FileSystem;
  readonly #memory = new WorkingMemory();

  constructor(fs: FileSystem) {
    this.#fs = fs;
  }

  /** All bytes of a segment. Valid until the next call of anything here. DATABASE_CORRUPT without the file. */
  async load(path: string): Promise<Buffer> {
    const bytes = await this.#readFile(path);
    if (bytes === undefined) throw damaged(path, "the WAL segment is missing or changed while it was read");
    return bytes;
  }

  /** Gives the memory back: what was loaded is gone. */
  free(): void {
    this.#memory.free();
  }

  async #readFile(path: string): Promise<Buffer | undefined> {
    const file = await this.#fs.open(path, "read").catch((error: unknown) => {
      if (isErrno(error, "ENOENT")) return undefined;
      throw error;
    });
    if (file === undefined) return undefined;
    try {
      const length = await file.size();
      const bytes = this.#memory.lend(length);
      return (await file.read(bytes, 0)) === length ? bytes : undefined;
    } finally {
      await file.close();
    }
  }
}
