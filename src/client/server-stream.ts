// A call whose answer is a stream. What the program doesn't take stays on the server: nothing is read ahead but a few
// messages.

import type { Client, ServiceError } from "@grpc/grpc-js";
import { DocDBError } from "../base/errors.ts";
import { type CallFacts, callError, cancelled } from "./call-error.ts";
import { metadataOf, startCallSpan } from "./call-span.ts";

/** An RPC that answers with a stream, as the generated service definitions describe it. */
interface StreamingRpc<Request, Response> {
  readonly path: string;
  readonly requestSerialize: (request: Request) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
}

/** When a stream is given up. */
export interface StreamBounds {
  /** Milliseconds since the epoch; `Infinity` for never. */
  readonly deadline: number;
  readonly signals: readonly AbortSignal[];
}

/** The messages of an answer. Whoever takes no more of them cancels the call by leaving the loop. */
export async function* serverStream<Request, Response>(
  client: Client,
  rpc: StreamingRpc<Request, Response>,
  request: Request,
  { kind, method, socket }: Omit<CallFacts, "headers">,
  { deadline, signals }: StreamBounds,
): AsyncGenerator<Response, void, void> {
  const span = startCallSpan(method, request, socket);
  const facts = { kind, method, socket, headers: span.headers };
  const signal = AbortSignal.any([...signals]);
  const { path, requestSerialize, responseDeserialize } = rpc;
  const options = { deadline };
  let end: (() => void) | undefined;
  let failure: unknown;
  try {
    if (signal.aborted) throw cancelled(signal.reason, facts, false);
    const call = client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadataOf(facts.headers),
      options,
    );
    // A call that is cancelled below fails when nobody listens any more.
    call.on("error", () => undefined);
    const abort = (): void => call.cancel();
    end = () => {
      signal.removeEventListener("abort", abort);
      call.cancel();
    };
    signal.addEventListener("abort", abort, { once: true });
    for await (const message of call) yield message as Response;
  } catch (error) {
    const known = error instanceof DocDBError ? error : undefined;
    failure =
      known ?? (signal.aborted ? cancelled(signal.reason, facts, true) : callError(error as ServiceError, facts));
    throw failure;
  } finally {
    end?.();
    span.end(failure);
  }
}
