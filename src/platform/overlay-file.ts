// A file whose end is in memory: reads below `length` come from the file underneath, which is never changed, and
// everything written behind it is kept in memory. This is how a damaged database is served without touching it.

import { assert } from "../base/assert.ts";
import type { File } from "./platform.ts";

export class OverlayFile implements File {
  readonly path: string;
  readonly #base: File;
  readonly #length: number;
  #tail: Buffer = Buffer.alloc(0);
  #tailBytes = 0;

  constructor(base: File, length: number) {
    this.path = base.path;
    this.#base = base;
    this.#length = length;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    if (position < this.#length) {
      const below = target.subarray(0, Math.min(target.length, this.#length - position));
      const count = await this.#base.read(below, position);
      if (count < below.length || count === target.length) return count;
      return count + this.#readTail(target.subarray(count), 0);
    }
    return this.#readTail(target, position - this.#length);
  }

  write(source: Uint8Array, position: number): Promise<number> {
    const start = position - this.#length;
    assert(start >= 0 && start <= this.#tailBytes, "an overlay is only appended to");
    const end = start + source.length;
    if (end > this.#tail.length) {
      const larger = Buffer.alloc(Math.max(end, this.#tail.length * 2));
      this.#tail.copy(larger);
      this.#tail = larger;
    }
    this.#tail.set(source, start);
    this.#tailBytes = Math.max(this.#tailBytes, end);
    return Promise.resolve(source.length);
  }

  datasync(): Promise<void> {
    return Promise.resolve();
  }

  truncate(length: number): Promise<void> {
    assert(length >= this.#length, "an overlay does not change the file below it");
    this.#tailBytes = length - this.#length;
    return Promise.resolve();
  }

  size(): Promise<number> {
    return Promise.resolve(this.#length + this.#tailBytes);
  }

  close(): Promise<void> {
    return this.#base.close();
  }

  #readTail(target: Uint8Array, from: number): number {
    const piece = this.#tail.subarray(Math.min(from, this.#tailBytes), this.#tailBytes).subarray(0, target.length);
    target.set(piece);
    return piece.length;
  }
}
