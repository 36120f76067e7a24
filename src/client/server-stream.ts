// A call whose answer is a stream. What the program doesn't take stays on the server: nothing is read ahead but a few
// messages.

import { type Client, Metadata, type ServiceError } from "@grpc/grpc-js";
import { type CallFacts, callError, cancelled } from "./call-error.ts";

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
  facts: CallFacts,
  { deadline, signals }: StreamBounds,
): AsyncGenerator<Response, void, void> {
  const signal = AbortSignal.any([...signals]);
  if (signal.aborted) throw cancelled(signal.reason, facts, false);
  const { path, requestSerialize, responseDeserialize } = rpc;
  const options = { deadline };
  const call = client.makeServerStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    request,
    new Metadata(),
    options,
  );
  // A call that is cancelled below fails when nobody listens any more.
  call.on("error", () => undefined);
  const abort = (): void => call.cancel();
  signal.addEventListener("abort", abort, { once: true });
  try {
    for await (const message of call) yield message as Response;
  } catch (error) {
    throw signal.aborted ? cancelled(signal.reason, facts, true) : callError(error as ServiceError, facts);
  } finally {
    signal.removeEventListener("abort", abort);
    call.cancel();
  }
}
