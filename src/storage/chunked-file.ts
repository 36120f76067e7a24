// Sequential access to big files in chunks, so that a scan or a dump costs few system calls and bounded memory.

import { writeFully } from "../platform/file-io.ts";
import type { File } from "../platform/platform.ts";

const chunkBytes = 4 * 1024 * 1024;

/** Reads a range of a file from front to back. */
export class ChunkedReader {
  readonly #file: File;
  readonly #end: number;
  #position: number;
  #chunk: Buffer = Buffer.alloc(0);
  #used = 0;

  /** Reads [start, end). */
  constructor(file: File, start: number, end: number) {
    this.#file = file;
    this.#position = start;
    this.#end = end;
  }

  /** Offset of the next byte in the file. */
  get offset(): number {
    return this.#position - (this.#chunk.length - this.#used);
  }

  get atEnd(): boolean {
    return this.offset >= this.#end;
  }

  /** The next `length` bytes without moving on, or undefined when the range ends before. Valid until the next call. */
  async peek(length: number): Promise<Buffer | undefined> {
    const have = this.#chunk.length - this.#used;
    if (have < length && !(await this.#fill(length - have))) return undefined;
    return this.#chunk.subarray(this.#used, this.#used + length);
  }

  /** The next `length` bytes, moving on. */
  async take(length: number): Promise<Buffer | undefined> {
    const bytes = await this.peek(length);
    if (bytes !== undefined) this.#used += length;
    return bytes;
  }

  /** Moves on by `length` bytes without reading what it doesn't have. */
  skip(length: number): void {
    const have = this.#chunk.length - this.#used;
    if (length <= have) {
      this.#used += length;
      return;
    }
    this.#position += length - have;
    this.#chunk = Buffer.alloc(0);
    this.#used = 0;
  }

  async #fill(missing: number): Promise<boolean> {
    const available = this.#end - this.#position;
    if (available < missing) return false;
    const length = Math.min(available, Math.max(missing, chunkBytes));
    const rest = this.#chunk.subarray(this.#used);
    // Read into its place behind the rest: copying megabytes would make a long turn of the event loop.
    const chunk = Buffer.allocUnsafe(rest.length + length);
    chunk.set(rest);
    if ((await this.#file.read(chunk.subarray(rest.length), this.#position)) < length) return false;
    this.#position += length;
    this.#chunk = chunk;
    this.#used = 0;
    return true;
  }
}

/** Writes a file from front to back. */
export class ChunkedWriter {
  readonly #file: File;
  #position: number;
  #pieces: Uint8Array[] = [];
  #pending = 0;

  constructor(file: File, position: number) {
    this.#file = file;
    this.#position = position;
  }

  /** Takes over `bytes`; they reach the file at the latest with `flush`. */
  async write(bytes: Uint8Array): Promise<void> {
    this.#pieces.push(bytes);
    this.#pending += bytes.length;
    if (this.#pending >= chunkBytes) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#pending === 0) return;
    const bytes = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#pending = 0;
    await writeFully(this.#file, bytes, this.#position);
    this.#position += bytes.length;
  }
}
