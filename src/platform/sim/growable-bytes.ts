// A byte sequence that is written at offsets and grows, as a file does.
//
// Invariant: all bytes of the buffer at and past `length` are zero, so that growing leaves zeros in the hole.

const smallestCapacityBytes = 256;

export class GrowableBytes {
  #buffer: Buffer;
  #length: number;

  constructor(content: Uint8Array = new Uint8Array(0)) {
    this.#buffer = Buffer.from(content);
    this.#length = content.length;
  }

  get length(): number {
    return this.#length;
  }

  /** The bytes in [start, end), cut at the length; a view that the next write may change or leave behind. */
  view(start = 0, end: number = this.#length): Buffer {
    return this.#buffer.subarray(start, Math.min(end, this.#length));
  }

  /** A copy of the bytes in [start, end); those past the length are zero. */
  padded(start: number, end: number): Buffer {
    const copy = Buffer.alloc(end - start);
    if (start < this.#length) this.#buffer.copy(copy, 0, start, Math.min(end, this.#length));
    return copy;
  }

  /** Copies into `target` from `position` on; returns the bytes copied. */
  read(target: Uint8Array, position: number): number {
    const end = Math.min(position + target.length, this.#length);
    if (position >= end) return 0;
    target.set(this.#buffer.subarray(position, end));
    return end - position;
  }

  write(source: Uint8Array, position: number): void {
    if (source.length === 0) return;
    const end = position + source.length;
    this.#reserve(end);
    this.#buffer.set(source, position);
    if (end > this.#length) this.#length = end;
  }

  resize(length: number): void {
    if (length < this.#length) this.#buffer.fill(0, length, this.#length);
    else this.#reserve(length);
    this.#length = length;
  }

  #reserve(capacity: number): void {
    if (capacity <= this.#buffer.length) return;
    const grown = Buffer.alloc(Math.max(capacity, this.#buffer.length * 2, smallestCapacityBytes));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}
