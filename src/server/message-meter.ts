// Counts the bytes that a stream of gRPC messages holds in memory: those of the message that is arriving, and of those
// that have arrived and belong to a request that isn't answered yet.
//
//     stream  := message*
//     message := flag (1 byte) | length (4 bytes, big-endian) | content

const headBytes = 5;

export class MessageMeter {
  readonly #keepsMessages: boolean;
  /** Bytes of the head that have arrived, and the length in it. */
  #head = 0;
  #length = 0;
  /** Bytes of content that are still to come. */
  #missing = 0;
  #held = 0;

  /** `keepsMessages`: a message counts until the stream ends; otherwise until it is whole and goes to its reader. */
  constructor(keepsMessages: boolean) {
    this.#keepsMessages = keepsMessages;
  }

  /** Bytes held. */
  get held(): number {
    return this.#held;
  }

  /** Takes what has arrived; returns how many messages are whole with it. */
  take(chunk: Uint8Array): number {
    this.#held += chunk.length;
    let ended = 0;
    for (let at = 0; at < chunk.length; ) {
      if (this.#head < headBytes) {
        // The flag goes out on the left again.
        this.#length = ((this.#length << 8) | (chunk[at++] as number)) >>> 0;
        if (++this.#head < headBytes) continue;
        this.#missing = this.#length;
      } else {
        const taken = Math.min(this.#missing, chunk.length - at);
        this.#missing -= taken;
        at += taken;
      }
      if (this.#missing > 0) continue;
      this.#endMessage(chunk.length - at);
      ended++;
    }
    return ended;
  }

  #endMessage(behind: number): void {
    this.#head = 0;
    this.#length = 0;
    if (!this.#keepsMessages) this.#held = behind;
  }
}
