// Sequential access to big files in chunks, so that a scan or a dump costs few system calls and bounded memory.

import { writeFully } from "../platform/file-io.ts";
import type { File } from "../platform/platform.ts";

/** What is read at a time: few system calls, and little that stays behind for the garbage collector. */
const readBytes = 512 * 1024;
const writeBytes = 4 * 1024 * 1024;

/** Reads a range of a file from front to back, through one buffer that is as large as the longest piece asked for. */
export class ChunkedReader {
  readonly #file: File;
  readonly #end: number;
  /** Offset in the file behind what was read. */
  #position: number;
  #buffer: Buffer = Buffer.alloc(0);
  /** What was read and not taken: these bytes of the buffer. */
  #from = 0;
  #to = 0;

  /** Reads [start, end). */
  constructor(file: File, start: number, end: number) {
    this.#file = file;
    this.#position = start;
    this.#end = end;
  }

  /** Offset of the next byte in the file. */
  get offset(): number {
    return this.#position - this.#have;
  }

  get atEnd(): boolean {
    return this.offset >= this.#end;
  }

  /** The next `length` bytes without moving on, or undefined when the range ends before. Valid until the next call. */
  async peek(length: number): Promise<Buffer | undefined> {
    if (this.#have < length && !(await this.#fill(length))) return undefined;
    return this.#buffer.subarray(this.#from, this.#from + length);
  }

  /** The next `length` bytes, moving on. Valid until the next call. */
  async take(length: number): Promise<Buffer | undefined> {
    const bytes = await this.peek(length);
    if (bytes !== undefined) this.#from += length;
    return bytes;
  }

  /** Moves on by `length` bytes without reading what it doesn't have. */
  skip(length: number): void {
    const known = Math.min(length, this.#have);
    this.#from += known;
    this.#position += length - known;
  }

  get #have(): number {
    return this.#to - this.#from;
  }

  /** Reads on until there are `length` bytes; false when the range or the file ends before. */
  async #fill(length: number): Promise<boolean> {
    const have = this.#have;
    const available = have + this.#end - this.#position;
    if (available < length) return false;
    const wanted = Math.min(available, Math.max(length, readBytes));
    const rest = this.#buffer.subarray(this.#from, this.#to);
    if (this.#buffer.length < wanted) this.#buffer = Buffer.allocUnsafeSlow(wanted);
    this.#buffer.set(rest);
    this.#from = 0;
    this.#to = have;
    const read = await this.#file.read(this.#buffer.subarray(have, wanted), this.#position);
    if (read < wanted - have) return false;
    this.#position += read;
    this.#to = wanted;
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
    if (this.#pending >= writeBytes) await this.flush();
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
