// The one wrapper for unary handlers: decodes, runs the handler, encodes, and answers exactly once, whatever happens.

import type { handleUnaryCall } from "@grpc/grpc-js";
import type { DocDBError } from "../base/errors.ts";
import { Turn } from "../platform/turn.ts";
import { type CallContext, type CallEnvironment, RunningCall } from "./call-context.ts";
import type { CallKind } from "./call-gate.ts";
import { noteFailure, presentable } from "./defects.ts";
import { isLongRequest, isLongResponse } from "./long-messages.ts";
import { decodeLongRequest, decodeRequest, encodeResponse, encodeResponseInTurns, type Method } from "./method.ts";
import { carrierOf, operationOf } from "./operation.ts";
import { needsRoom } from "./reply-room.ts";
import { grpcStatusOf } from "./status.ts";

/** Answers one call. Whatever it throws is mapped; what isn't a DocDBError becomes INTERNAL and says nothing. */
export type UnaryHandler<Request, Response> = (request: Request, context: CallContext) => Promise<Response>;

/** The handler as grpc-js wants it. Messages arrive and leave as bytes. */
export function unaryCall<Request, Response>(
  environment: CallEnvironment,
  method: Method<Request, Response>,
  handler: UnaryHandler<Request, Response>,
  kind: CallKind,
): handleUnaryCall<Buffer, Buffer> {
  const operation = operationOf(environment, method);
  const large = needsRoom(method.path);
  const turn = new Turn(environment.clock);
  return (call, callback) => {
    const fail = (error: DocDBError): void => {
      noteFailure(environment, method.path, error, context.trace);
      callback(grpcStatusOf(error));
    };
    const context = new RunningCall(environment, call, operation, carrierOf(environment, call.metadata), fail);
    const place = large ? environment.replyRooms.placeFor(call.getPeer()) : undefined;
    // gRPC's word for the end of the call, whatever it was.
    call.on("cancelled", () => {
      context.cancel();
      place?.read();
    });
    const answer = async (): Promise<void> => {
      try {
        context.begin(call.getDeadline(), kind);
        const waiting = place?.enter(context.signal);
        if (waiting !== undefined) await waiting;
        const request = isLongRequest(call.request.length)
          ? await decodeLongRequest(method, call.request, turn)
          : decodeRequest(method, call.request);
        context.noteRequest(request);
        const response = await handler(request, context);
        const bytes = isLongResponse(response)
          ? await encodeResponseInTurns(method, response, turn)
          : encodeResponse(method, response);
        // What has changed something must be answered.
        if (large) environment.memory.admitReply(bytes.length);
        const answering = context.end();
        place?.answered(answering ? bytes.length : 0);
        if (!answering) return;
        call.once("cancelled", environment.memory.holdReply(bytes.length));
        callback(null, bytes);
      } catch (error) {
        place?.answered(0);
        const known = context.explain(presentable(environment, method.path, error, context.trace));
        if (context.end(known)) fail(known);
      }
    };
    void answer();
  };
}
