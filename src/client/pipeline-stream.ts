// One gRPC stream of a pipeline, and the calls that it has carried to the server.
//
// Invariants
// 1. Each call that was added is given back exactly once: with its reply, or as lost when the stream ends.
// 2. A lost call's error says whether it can have been applied: not when nothing reached the server, nor when the
//    server shut down in good order, which answers everything that it has begun.

import { type ClientDuplexStream, type ServiceError, type StatusObject, status } from "@grpc/grpc-js";
import type { DocDBError } from "../base/errors.ts";
import { type CallFacts, lostCall } from "./call-error.ts";
import { decodeReplies, type EncodableRequest, type PipelinedRpc, type Reply } from "./pipeline-encoding.ts";

/** A call on its way. */
export interface PipelinedCall {
  readonly pipelined: PipelinedRpc;
  readonly request: EncodableRequest;
  readonly facts: CallFacts;
  /** When it is given up, as `Date.now()` tells. */
  readonly deadline: number;
  /** Whether it was sent, and so may have been applied. */
  sent: boolean;
  readonly succeed: (response: unknown) => void;
  readonly fail: (error: DocDBError) => void;
  /** Whether its caller was answered. */
  settled: boolean;
}

/** Opens the stream. */
export type OpenStream = () => ClientDuplexStream<Buffer, Buffer>;

/** Who is told what becomes of the calls. */
export interface StreamListener {
  onReply(call: PipelinedCall, reply: Reply): void;
  onLost(call: PipelinedCall, error: DocDBError): void;
  /** There may be room for more calls. */
  onRoom(): void;
  /** The stream is over; every call was given back. */
  onEnd(): void;
}

export class PipelineStream {
  readonly #stream: ClientDuplexStream<Buffer, Buffer>;
  readonly #listener: StreamListener;
  /** Calls without a reply, by their number. */
  readonly #sent = new Map<number, PipelinedCall>();
  #lastCallId = 0;
  #bytes = 0;
  #blocked = false;
  #answered = false;
  #ended = false;

  constructor(open: OpenStream, listener: StreamListener) {
    this.#listener = listener;
    this.#stream = open();
    this.#stream.on("data", (message: Buffer) => this.#receive(message));
    this.#stream.on("drain", () => {
      this.#blocked = false;
      listener.onRoom();
    });
    this.#stream.on("error", (error: ServiceError) => this.#end(error));
    this.#stream.on("status", (end: StatusObject) => {
      if (end.code === status.OK) this.#end(endedEarly(end));
    });
  }

  /** Calls that the server has and hasn't answered. */
  get calls(): number {
    return this.#sent.size;
  }

  /** Bytes of their requests. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether the connection doesn't take more for now. */
  get blocked(): boolean {
    return this.#blocked;
  }

  /** Takes a call that is written next; returns its number on this stream. */
  add(call: PipelinedCall): number {
    this.#sent.set(++this.#lastCallId, call);
    this.#bytes += call.request.bytes;
    return this.#lastCallId;
  }

  write(message: Buffer): void {
    if (!this.#stream.write(message)) this.#blocked = true;
  }

  /** Says that nothing more will be sent. */
  end(): void {
    this.#stream.end();
  }

  #receive(message: Buffer): void {
    try {
      decodeReplies(message, this.#rpcOf, this.#visit);
    } catch {
      // What can't be understood can't be trusted either: the calls without a reply are lost.
      this.#stream.cancel();
      return;
    }
    this.#listener.onRoom();
  }

  readonly #rpcOf = (callId: number): PipelinedRpc | undefined => this.#sent.get(callId)?.pipelined;

  readonly #visit = (callId: number, reply: Reply): void => {
    const call = this.#sent.get(callId);
    if (call === undefined) return;
    this.#answered = true;
    this.#sent.delete(callId);
    this.#bytes -= call.request.bytes;
    this.#listener.onReply(call, reply);
  };

  #end(error: ServiceError): void {
    if (this.#ended) return;
    this.#ended = true;
    const lost = [...this.#sent.values()];
    this.#sent.clear();
    this.#bytes = 0;
    for (const call of lost) this.#listener.onLost(call, lostCall(error, call.facts, this.#answered));
    this.#listener.onEnd();
  }
}

/** A stream that the server ended in good order, though it owes replies: what became of them nobody knows. */
function endedEarly(end: StatusObject): ServiceError {
  return Object.assign(new Error("the stream ended"), {
    ...end,
    code: status.UNAVAILABLE,
    details: "the stream ended",
  });
}
