// The one wrapper for streaming handlers. A handler is an async generator: what it yields is sent, what it throws
// becomes the status, and it isn't resumed before the connection has taken what was sent (back-pressure: a slow reader
// costs no memory).

import type { ServerDuplexStream, ServerWritableStream } from "@grpc/grpc-js";
import type { DocDBError } from "../base/errors.ts";
import type { OperationMeter } from "../telemetry/call-meters.ts";
import { type CallContext, type CallEnvironment, RunningCall } from "./call-context.ts";
import type { CallKind } from "./call-gate.ts";
import { noteFailure, presentable } from "./defects.ts";
import { decodeRequest, encodeResponse, type Method } from "./method.ts";
import { incoming } from "./incoming.ts";
import { carrierOf, operationOf } from "./operation.ts";
import { grpcStatusOf } from "./status.ts";

/** Answers one request with a stream. It must end soon after `context.signal` aborts. */
export type ServerStreamHandler<Request, Response> = (
  request: Request,
  context: CallContext,
) => AsyncIterable<Response>;

/** Answers a stream with a stream. It must end soon after `context.signal` aborts. */
export type BidiStreamHandler<Request, Response> = (
  requests: AsyncIterable<Request>,
  context: RunningCall,
) => AsyncIterable<Response>;

type OutgoingCall = ServerDuplexStream<Buffer, Buffer> | ServerWritableStream<Buffer, Buffer>;

/** A handler of one request as grpc-js wants it. */
export function serverStreamCall<Request, Response>(
  environment: CallEnvironment,
  method: Method<Request, Response>,
  handler: ServerStreamHandler<Request, Response>,
  kind: CallKind,
): (call: ServerWritableStream<Buffer, Buffer>) => void {
  const operation = operationOf(environment, method);
  return (call) => {
    void answer(environment, method, operation, call, kind, (context) => {
      const request = decodeRequest(method, call.request);
      context.noteRequest(request);
      return handler(request, context);
    });
  };
}

/** A handler of many requests as grpc-js wants it. */
export function bidiStreamCall<Request, Response>(
  environment: CallEnvironment,
  method: Method<Request, Response>,
  handler: BidiStreamHandler<Request, Response>,
  kind: CallKind,
): (call: ServerDuplexStream<Buffer, Buffer>) => void {
  return (call) => {
    // What it carries counts, call by call; the stream itself lasts as long as its client.
    void answer(environment, method, undefined, call, kind, (context) =>
      handler(decoded(method, call, context), context),
    );
  };
}

async function* decoded<Request, Response>(
  method: Method<Request, Response>,
  call: ServerDuplexStream<Buffer, Buffer>,
  context: CallContext,
): AsyncGenerator<Request> {
  for await (const bytes of incoming(call, context.signal)) yield decodeRequest(method, bytes);
}

async function answer<Request, Response>(
  environment: CallEnvironment,
  method: Method<Request, Response>,
  operation: OperationMeter | undefined,
  call: OutgoingCall,
  kind: CallKind,
  start: (context: RunningCall) => AsyncIterable<Response>,
): Promise<void> {
  // grpc-js takes the status of a stream from its `error` event, and sends it after what was written before.
  const fail = (error: DocDBError): void => {
    noteFailure(environment, method.path, error, context.trace);
    call.emit("error", grpcStatusOf(error));
  };
  const context = new RunningCall(environment, call, operation, carrierOf(environment, call.metadata), fail);
  call.on("cancelled", () => context.cancel());
  try {
    context.begin(call.getDeadline(), kind);
    for await (const response of start(context)) {
      if (context.ended) return;
      // An interrupted call may say one thing more, but not behind what is still on its way.
      if (call.writableLength > 0) context.signal.throwIfAborted();
      await written(call, encodeResponse(method, response), context.signal);
    }
    // A handler may take an interruption for the end of its work; the caller must not.
    context.signal.throwIfAborted();
    if (context.end()) call.end();
  } catch (error) {
    const known = context.explain(presentable(environment, method.path, error, context.trace));
    if (context.end(known)) fail(known);
  }
}

/**
 * Hands a message over; resolves when the connection has taken it, or never will. One at a time: what waits inside
 * grpc-js when a deadline ends the stream is written behind its end, and then the status is never sent.
 */
function written(call: OutgoingCall, message: Buffer, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      call.off("close", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    call.on("close", done);
    signal.addEventListener("abort", done);
    call.write(message, done);
  });
}
