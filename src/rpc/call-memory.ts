// The memory of calls in flight: requests that are arriving or wait, and replies that wait for their readers. They have
// a part of the server's memory, and at least what the largest message takes.
//
// A big request (server/connection.ts), and a big reply, that doesn't fit is turned away. Small ones always get in:
// what there may be of them is bounded by connections, streams and queues. Pipelines wait instead: see held-calls.ts.

import { limits } from "../base/limits.ts";
import type { MemoryAccount } from "../base/memory-account.ts";

/** The part of the server's memory that calls may take, */
const callsShare = 1 / 4;
/** and what they may take when that has no limit. */
const unlimitedBytes = 256 * 1024 * 1024;
/** Messages up to this size are let in whatever others hold. */
export const smallMessageBytes: number = 64 * 1024;

export class CallMemory {
  /** What all calls hold. */
  readonly account: MemoryAccount;

  /** `server` is the account of everything. */
  constructor(server: MemoryAccount) {
    const share = server.limitBytes === 0 ? unlimitedBytes : server.limitBytes * callsShare;
    const limitBytes = Math.max(limits.messageBytes, share);
    this.account = server.child({ kind: "calls", name: "calls in flight", limitBytes });
  }

  /** Makes sure that there is room for a reply of so many bytes, unless it is small. MEMORY_LIMIT. */
  admitReply(bytes: number): void {
    if (bytes > smallMessageBytes) this.account.admitHere(bytes);
  }

  /** Holds a reply of so many bytes; the function that it returns gives them back. */
  holdReply(bytes: number): () => void {
    this.account.charge(bytes);
    return () => this.account.charge(-bytes);
  }
}
