// How many reads of one pipeline run at the same time: fewer when their replies are big, so that what they bring
// together stays bounded.

/** Reads that run at the same time, at most. */
const mostReads = 64;
/** Bytes of replies that reads running at the same time may bring, going by the latest ones. */
const replyBytesAtOnce = 4 * 1024 * 1024;

export class ReadThrottle {
  #running = 0;
  /** Bytes of a reply, as a maximum that fades. It starts high, so that the first reads are few. */
  #replyBytes = replyBytesAtOnce / 4;

  /** Whether one more may begin. */
  get mayBegin(): boolean {
    return this.#running < Math.max(1, Math.min(mostReads, replyBytesAtOnce / this.#replyBytes));
  }

  begin(): void {
    this.#running++;
  }

  /** A read has ended, with a reply of so many bytes. */
  end(replyBytes: number): void {
    this.#running--;
    this.#replyBytes = Math.max(replyBytes, this.#replyBytes * (7 / 8));
  }
}
