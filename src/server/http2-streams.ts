// What gRPC leaves undone on HTTP/2 streams. grpc-js doesn't give its streams away, but Node tells of each one as it is
// made, before gRPC hears of it (`http2.server.stream.created`). There is one such channel in the process: who listens
// looks at the streams of its own connections only.
//
// - A stream whose answer is complete is reset (NO_ERROR) when the client goes on sending, or never ends its side: RFC
//   9113, 8.1. Otherwise it would count as in flight for as long as the client likes, and take memory.
// - A `grpc-timeout` of more than 24 days is none. grpc-js counts milliseconds in 32 bits, so that a client that gives
//   us 30 days would be told at once that they are over.

import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";

const channel = "http2.server.stream.created";
const timeoutHeader = "grpc-timeout";
/** How long a client may take to end its side of a stream that has been answered. */
const lingerMs = 1_000;
/** What 31 bits of milliseconds can say. */
const maxTimeoutMs = 2 ** 31 - 1;
const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 0.001, n: 0.000_001 };

/** Calls `tend` with every new stream of the process, until the function that it returns is called. */
export function onNewStream(tend: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void): () => void {
  const onCreated = (message: unknown): void => {
    const { stream, headers } = message as { stream: ServerHttp2Stream; headers: IncomingHttpHeaders };
    tend(stream, headers);
  };
  subscribe(channel, onCreated);
  return () => unsubscribe(channel, onCreated);
}

/** Sees to it that a stream ends some time after its answer, whatever its client does. */
export function resetWhenAnswered(stream: ServerHttp2Stream): void {
  stream.once("finish", () => {
    if (!stream.readableEnded) setTimeout(endUnread, lingerMs, stream).unref();
  });
}

/** Resets a stream that has been answered, when its client hasn't ended. */
function endUnread(stream: ServerHttp2Stream): void {
  if (stream.readableEnded || stream.closed || stream.destroyed) return;
  // A reset overtakes what waits to be sent, and with it the status.
  if (stream.session?.state.outboundQueueSize === 0) stream.close(constants.NGHTTP2_NO_ERROR);
  else setTimeout(endUnread, lingerMs, stream).unref();
}

/** Takes away a deadline that is too far to count. */
export function dropEndlessTimeout(headers: IncomingHttpHeaders): void {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(String(headers[timeoutHeader] ?? "")) ?? [];
  if (digits === undefined || unit === undefined) return;
  if (Number(digits) * (unitMs[unit] ?? 0) > maxTimeoutMs) delete headers[timeoutHeader];
}
