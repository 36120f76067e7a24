// Reading from a socket that an HTTP/2 session has taken over. Node's public ways to pause a socket don't reach it
// there: the session listens to the libuv handle itself. The handle's own `readStop` and `readStart` do; they are no
// public API, so a test sees to it that they work on the version of Node that we run on, and without them nothing is
// stopped.
//
// The session stops and starts reading too, around writes that the client doesn't take at once. So a stopped socket may
// be read again before its time, and whoever wants it stopped stops it again.

import type { Socket } from "node:net";

interface ReadingHandle {
  readStop(): number;
  readStart(): number;
}

/** Leaves what comes in the kernel, and with the client when that is full. */
export function stopReading(socket: Socket): void {
  handleOf(socket)?.readStop();
}

/** Reads again. */
export function startReading(socket: Socket): void {
  handleOf(socket)?.readStart();
}

function handleOf(socket: Socket): ReadingHandle | undefined {
  const { _handle: handle } = socket as unknown as { readonly _handle?: Partial<ReadingHandle> | null };
  if (typeof handle?.readStop !== "function" || typeof handle.readStart !== "function") return undefined;
  return handle as ReadingHandle;
}
