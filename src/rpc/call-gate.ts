// Whether calls are let in, and which are in flight: what a graceful shutdown waits for.
//
// Invariants
// 1. Work is let in only while the gate is open; health and reflection always are ("watching" calls).
// 2. `drained` resolves when the last call that works has ended; a closed gate opens no more.

import { DocDBError } from "../base/errors.ts";

/** What the gate needs of a call. */
export interface GatedCall {
  /** Ends the call with this error, if it hasn't ended. */
  interrupt(error: DocDBError): void;
  /** Tells a stream that carries calls to finish those that have begun, and to end by itself. */
  readonly onDrain?: (() => void) | undefined;
}

/** Calls that work are waited for, and so are streams that carry calls; others that only watch are told to go. */
export type CallKind = "work" | "stream" | "watch";

export class CallGate {
  #state: "starting" | "open" | "draining" = "starting";
  readonly #calls = new Map<GatedCall, CallKind>();
  #onDrained: (() => void) | undefined;

  /** Lets work in. */
  open(): void {
    if (this.#state === "starting") this.#state = "open";
  }

  /** Registers a call, or throws SERVER_STARTING or SHUTTING_DOWN. */
  enter(call: GatedCall, kind: CallKind): void {
    if (kind !== "watch" && this.#state !== "open") throw this.#refusal();
    this.#calls.set(call, kind);
  }

  leave(call: GatedCall): void {
    this.#calls.delete(call);
    if (this.#state === "draining") this.#checkDrained();
  }

  /** Calls in flight. */
  get inFlight(): number {
    return this.#calls.size;
  }

  /** Of those, streams that carry calls. */
  get pipelines(): number {
    let count = 0;
    for (const call of this.#calls.keys()) if (call.onDrain !== undefined) count++;
    return count;
  }

  /** Refuses new work, ends streams with SHUTTING_DOWN, and resolves when the calls in flight have ended. */
  drain(): Promise<void> {
    this.#state = "draining";
    for (const [call, kind] of [...this.#calls]) {
      if (call.onDrain !== undefined) call.onDrain();
      else if (kind !== "work") call.interrupt(shuttingDown());
    }
    return new Promise((resolve) => {
      this.#onDrained = resolve;
      this.#checkDrained();
    });
  }

  /** Ends whatever is still in flight with SHUTTING_DOWN; what it had begun to commit goes on. */
  interruptAll(): void {
    for (const call of [...this.#calls.keys()]) call.interrupt(shuttingDown());
  }

  #checkDrained(): void {
    for (const [call, kind] of this.#calls) if (kind === "work" || call.onDrain !== undefined) return;
    this.#onDrained?.();
  }

  #refusal(): DocDBError {
    if (this.#state === "draining")
      return new DocDBError("SHUTTING_DOWN", "The server is shutting down: nothing happened.");
    const message = "The server is starting: nothing happened. Try again in a moment.";
    return new DocDBError("SERVER_STARTING", message, { retryAfterMs: 100 });
  }
}

function shuttingDown(): DocDBError {
  return new DocDBError("SHUTTING_DOWN", "The server is shutting down.");
}
