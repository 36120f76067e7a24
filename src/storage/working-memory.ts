// Memory that is used again and again for one thing after another, and given back at once when all are done.
//
// The garbage collector knows little of what buffers take: it feels no need when a server has just started, and what
// replaying a log left behind would be more than the index, for as long as nothing is done. The allocator, in turn, can
// use again what it gets back at once.

export class WorkingMemory {
  #bytes: Buffer<ArrayBuffer> = Buffer.alloc(0);

  /** `length` bytes of any content, in place of those that were lent before. */
  lend(length: number): Buffer {
    if (length > this.#bytes.length) {
      const larger = Math.max(length, Math.min(2 * this.#bytes.length, doublingBytes));
      this.free();
      this.#bytes = Buffer.allocUnsafeSlow(larger);
    }
    return this.#bytes.subarray(0, length);
  }

  /** Gives everything back: what was lent is gone. */
  free(): void {
    freeBytes(this.#bytes.buffer);
    this.#bytes = Buffer.alloc(0);
  }
}

/** Up to here a bit more is taken than is needed, so that what grows slowly isn't taken anew each time. */
const doublingBytes = 4 * 1024 * 1024;

/** Gives memory back now, and not when the garbage collector finds out. Whatever was a view of it is empty then. */
export function freeBytes(buffer: ArrayBuffer): void {
  buffer.transfer(0);
}
