// Keeps what a connection's streams have given to Node to write, for as long as it is being written.
//
// Node 26 below 26.13.1 lets go of the buffer of a stream that is closed while the socket still writes a part of it
// (CVE-2026-123866). The collector frees it, and the client is sent what its memory holds by then: answers to others.
// A client brings that about by ending calls, or its connection, while it doesn't read.
//
// Invariant: what a stream was given to write is referred to from here until it has been written or, when the stream
// has closed before, until its socket has nothing left to write.

import type { ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import type { MemoryAccount } from "../base/memory-account.ts";

type Done = (error?: Error | null) => void;

/** How a stream is given what it is to write; the next time when the last one has called back. */
interface Writing {
  readonly _write: (chunk: Buffer, encoding: string, done: Done) => void;
  readonly _writev: (chunks: readonly { readonly chunk: Buffer }[], done: Done) => void;
}

export class InFlight {
  readonly #socket: Socket;
  readonly #memory: MemoryAccount;
  /** What streams that have closed had given. */
  #left: Buffer[] = [];

  /** What is kept behind the end of its stream is charged to `memory`. */
  constructor(socket: Socket, memory: MemoryAccount) {
    this.#socket = socket;
    this.#memory = memory;
    socket.once("close", () => this.release());
  }

  /** Keeps what this stream writes from now on. `onWritten` is called when a write is done. */
  watch(stream: ServerHttp2Stream, onWritten: () => void): void {
    const { _write: write, _writev: writev } = stream as unknown as Writing;
    let given: readonly Buffer[] = [];
    const until = (done: Done): Done => {
      return (error) => {
        // A stream that is destroyed calls back as well, with its writing under way.
        if (!stream.destroyed) given = [];
        onWritten();
        done(error);
      };
    };
    const keeping: Writing = {
      _write: (chunk, encoding, done) => {
        given = [chunk];
        write.call(stream, chunk, encoding, until(done));
      },
      _writev: (chunks, done) => {
        given = chunks.map(({ chunk }) => chunk);
        writev.call(stream, chunks, until(done));
      },
    };
    Object.assign(stream, keeping);
    stream.once("close", () => this.#leave(given));
  }

  /** Lets go of what has been written meanwhile. */
  release(): void {
    if (this.#left.length === 0 || unwrittenBytes(this.#socket) > 0) return;
    this.#memory.charge(-total(this.#left));
    this.#left = [];
  }

  #leave(given: readonly Buffer[]): void {
    this.release();
    if (given.length === 0 || unwrittenBytes(this.#socket) === 0) return;
    this.#left.push(...given);
    this.#memory.charge(total(given));
  }
}

function total(buffers: readonly Buffer[]): number {
  return buffers.reduce((sum, { length }) => sum + length, 0);
}

/** Bytes that the socket has been given and the kernel hasn't. No public API tells, so a test sees that this does. */
export function unwrittenBytes(socket: Socket): number {
  const { _handle: handle } = socket as unknown as { readonly _handle?: { readonly writeQueueSize?: number } | null };
  return handle?.writeQueueSize ?? 0;
}
