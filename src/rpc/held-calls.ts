// What a pipeline holds unanswered: calls, and the bytes of their requests. Calls that it may not hold stay in their
// message, and messages in the connection, where the client notices that it is faster than the server.
//
// Invariants
// 1. A stream holds at most `maxCalls` calls, and reads no message while it has `maxBytes` bytes.
// 2. All streams together hold at most `totalCalls` calls and `totalBytes` bytes, but for a few that each may hold, so
//    that none is kept waiting by others that hold much: memory under overload doesn't grow with what each may have.

import { MemoryAccount } from "../base/memory-account.ts";

/** Calls that a stream may hold; those behind them stay in their message. */
const maxCalls = 1_024;
/** Bytes of requests that a stream may hold before no further message is read. */
const maxBytes = 4 * 1024 * 1024;
/** Calls that all streams may hold together, and their bytes; half of what calls may hold when that is less. */
const totalCalls = 16_384;
const totalBytes = 64 * 1024 * 1024;
/** Calls that a stream may hold whatever others do; one when their bytes are the trouble. */
const leastCalls = 4;
/**
 * Milliseconds that a message may wait while all streams together hold what they may: then its calls are refused. What
 * comes behind it has waited in the connection, so it may wait half as long, and so on, until there is room again.
 */
const [mostPatienceMs, leastPatienceMs] = [2_000, 50];

/** What all streams of a server hold. */
export class HeldTotal {
  readonly #memory: MemoryAccount;
  readonly totalBytes: number;
  calls = 0;
  bytes = 0;
  /** Calls that were held and aren't any more, since the start. */
  ended = 0;

  /** `memory` is that of all calls. */
  constructor(memory: MemoryAccount = new MemoryAccount()) {
    this.#memory = memory;
    this.totalBytes = Math.min(totalBytes, memory.limitBytes === 0 ? totalBytes : memory.limitBytes / 2);
  }

  /** `calls` and their bytes come, or go. */
  add(calls: number, bytes: number): void {
    this.calls += calls;
    this.bytes += bytes;
    this.#memory.charge(bytes);
  }

  /** Whether they hold all that they may. */
  get isFull(): boolean {
    return this.calls >= totalCalls || this.bytes >= this.totalBytes;
  }
}

export class HeldCalls {
  readonly #total: HeldTotal;
  #calls = 0;
  #bytes = 0;
  #ended = false;
  #patienceMs: number = mostPatienceMs;

  constructor(total: HeldTotal) {
    this.#total = total;
  }

  get calls(): number {
    return this.#calls;
  }

  /** Whether one more call may be taken out of its message. */
  get mayTake(): boolean {
    if (this.#calls === 0) return true;
    const { calls, bytes, totalBytes: most } = this.#total;
    if (this.#calls >= leastCalls && calls >= totalCalls) return false;
    return this.#calls < maxCalls && bytes < most;
  }

  /** Whether it is what all streams hold that keeps this one from taking a call. */
  get othersHoldAll(): boolean {
    return this.#total.isFull;
  }

  /**
   * Whether the calls of a message that has waited for so long, and may still not be taken, are refused: not because
   * of what its own stream does, which is let wait, but when so many ask that waiting would only get longer.
   */
  refusesAfter(waitedMs: number): boolean {
    if (!this.#total.isFull) this.#patienceMs = mostPatienceMs;
    return waitedMs > this.#patienceMs && this.#total.isFull;
  }

  /** A message was refused in part or whole. */
  noteRefusal(): void {
    this.#patienceMs = Math.max(leastPatienceMs, this.#patienceMs / 2);
  }

  /** Whether another message may be read. */
  get mayRead(): boolean {
    return this.#bytes < maxBytes;
  }

  /** `calls` (1 or -1 or 0) and their bytes come or go. */
  add(calls: number, bytes: number): void {
    this.#calls += calls;
    this.#bytes += bytes;
    if (this.#ended) return;
    this.#total.add(calls, bytes);
    if (calls < 0) this.#total.ended -= calls;
  }

  /** The stream is over: what it still holds is on its way out, and others may have its share. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#total.add(-this.#calls, -this.#bytes);
  }
}
