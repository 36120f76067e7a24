// The messages that a client streams to us, one at a time. Node's own iteration over a stream destroys the stream when
// it fails or is left early, and a destroyed call never sends its status.

import type { ServerDuplexStream } from "@grpc/grpc-js";

/** The messages of a call in order. Throws the signal's reason when it aborts. */
export async function* incoming(call: ServerDuplexStream<Buffer, Buffer>, signal: AbortSignal): AsyncGenerator<Buffer> {
  const waiting: Buffer[] = [];
  let finished = false;
  let wake: (() => void) | undefined;
  const onMessage = (bytes: Buffer): void => {
    waiting.push(bytes);
    call.pause();
    wake?.();
  };
  const onEnd = (): void => {
    finished = true;
    wake?.();
  };
  call.on("data", onMessage);
  call.on("end", onEnd);
  call.on("close", onEnd);
  signal.addEventListener("abort", onEnd);
  try {
    for (;;) {
      signal.throwIfAborted();
      const bytes = waiting.shift();
      if (bytes !== undefined) {
        yield bytes;
      } else if (finished) {
        return;
      } else {
        call.resume();
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    call.off("data", onMessage);
    call.off("end", onEnd);
    call.off("close", onEnd);
    signal.removeEventListener("abort", onEnd);
  }
}
