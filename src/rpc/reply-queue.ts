// The replies of one pipeline on their way to its client. Those that become ready in one turn share a message.

import { ProtobufWriter } from "../base/protobuf-writer.ts";
import { encodeReply, type Reply } from "./pipeline-encoding.ts";

/** Bytes of replies that may wait for the reader before no further call starts. */
const maxWaitingBytes = 1024 * 1024;
/** Bytes of replies after which a message is sent without waiting for the end of the turn. */
const messageBytes = 32 * 1024;

/** Who is told of what. */
export interface ReplyWatcher {
  /** There are replies to be flushed at the end of the turn. */
  onGathered(): void;
  /** There is a message to be sent. */
  onMessage(): void;
}

export class ReplyQueue {
  readonly #gathered = new ProtobufWriter(2 * messageBytes);
  readonly #messages: Buffer[] = [];
  readonly #watcher: ReplyWatcher;
  #waitingBytes = 0;

  constructor(watcher: ReplyWatcher) {
    this.#watcher = watcher;
  }

  /** Whether nothing is gathered; messages may wait. */
  get isFlushed(): boolean {
    return this.#gathered.length === 0;
  }

  /** Whether so much waits for the reader that no further call should start. */
  get isFull(): boolean {
    return this.#waitingBytes > maxWaitingBytes;
  }

  /** Takes a reply; returns its bytes. Throws when it can't be one, with nothing taken. RESPONSE_TOO_LARGE. */
  add(callId: number | bigint, reply: Reply): number {
    const before = this.#gathered.length;
    try {
      encodeReply(this.#gathered, callId, reply);
    } catch (error) {
      this.#gathered.truncate(before);
      throw error;
    }
    const bytes = this.#gathered.length - before;
    this.#waitingBytes += bytes;
    if (this.#gathered.length >= messageBytes) this.flush();
    else this.#watcher.onGathered();
    return bytes;
  }

  /** Makes a message of what is gathered. */
  flush(): void {
    if (this.isFlushed) return;
    this.#messages.push(this.#gathered.take());
    this.#watcher.onMessage();
  }

  /** The next message. */
  shift(): Buffer | undefined {
    const message = this.#messages.shift();
    this.#waitingBytes -= message?.length ?? 0;
    return message;
  }
}
