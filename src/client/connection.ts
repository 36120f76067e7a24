// One connection to a server, and the way every call takes: deadline, cancellation, errors, and the repetition of what
// may be repeated. grpc-js's own repetitions are switched off, so that what is sent twice is decided here alone: a read
// after any transient failure, a mutation only when the failure proves that it wasn't applied, or when it has a request
// id, under which the server applies it once however often it is sent.

import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  Client,
  type ClientDuplexStream,
  type ClientUnaryCall,
  credentials,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import { DocumentServiceService as Rpcs } from "../../gen/docdb/v1/document.ts";
import { DocDBError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import {
  type CallFacts,
  type CallKind,
  callError,
  cancelled,
  mayHaveBeenApplied,
  mayRepeat,
  mayRepeatWithId,
  tellsOutcome,
  tooLate,
} from "./call-error.ts";
import { metadataOf, startCallSpan } from "./call-span.ts";
import { Pipeline } from "./pipeline.ts";
import { encodable, type EncodableRequest, type PipelinedRpc, pipelinedRpcs, type Rpc } from "./pipeline-encoding.ts";
import { requestIdIn, RequestIds, withRequestId } from "./request-ids.ts";
import { pauseMs, retryPolicy } from "./retry-policy.ts";
import { serverStream } from "./server-stream.ts";

/** What every call takes. */
export interface CallOptions {
  /**
   * Milliseconds until the call is given up with DEADLINE_EXCEEDED, repetitions included; `Infinity` for never.
   * Default: that of the connection.
   */
  readonly deadlineMs?: number | undefined;
  /** Cancels the call: it rejects with CANCELLED. A mutation that was already sent may still be applied. */
  readonly signal?: AbortSignal | undefined;
}

/** Bytes of a request that travels in a pipeline, at most: the largest document, with room for what surrounds it. */
const maxPipelinedBytes = limits.documentBytes + 64 * 1024;

const channelOptions = {
  // Repetitions are decided here, so not by grpc-js, and not by a service configuration from a name server.
  "grpc.enable_retries": 0,
  "grpc.service_config_disable_resolution": 1,
  // A connection of its own: closing it closes it, whatever else in this process talks to the same server.
  "grpc.use_local_subchannel_pool": 1,
  // A local server that was restarted is back soon, and asking for it costs next to nothing.
  "grpc.initial_reconnect_backoff_ms": 10,
  "grpc.max_reconnect_backoff_ms": 250,
  // The server bounds what it sends.
  "grpc.max_receive_message_length": -1,
  "grpc.max_send_message_length": -1,
  "grpc.enable_channelz": 0,
  // 64 replies of a kilobyte are more than the 64 KiB that HTTP/2 lets a server send by default before it must wait.
  "grpc-node.flow_control_window": 1024 * 1024,
} as const;

/** A way of calling the server: a connection, or a transaction on one. */
export interface Calls {
  /** Calls an RPC that changes nothing. */
  read<Request, Response>(rpc: Rpc<Request, Response>, request: Request, options: CallOptions): Promise<Response>;
  /** Calls an RPC that changes something: it is applied at most once, and repeated only with a request id. */
  write<Request, Response>(rpc: Rpc<Request, Response>, request: Request, options: CallOptions): Promise<Response>;
  /**
   * Calls an RPC that answers with a stream, and repeats nothing. Without `deadlineMs` it may take as long as it does.
   */
  stream<Request, Response>(
    rpc: Rpc<Request, Response>,
    request: Request,
    options: CallOptions,
  ): AsyncIterable<Response>;
}

/** What holds for all calls of a connection: see `ConnectOptions`. */
export interface ConnectionSettings {
  readonly deadlineMs: number;
  readonly pipeline: boolean;
  readonly requestIds: boolean;
}

/** A connection to the server on one socket. It is made by the first call, and made again when it broke. */
export class Connection implements Calls {
  /** Absolute path of the server's socket. */
  readonly socket: string;
  readonly #defaultDeadlineMs: number;
  readonly #client: Client;
  readonly #running = new Set<Promise<unknown>>();
  /** One for each database; undefined when calls are to travel alone. */
  readonly #pipelines: Map<string, Pipeline> | undefined;
  /** Undefined when mutations get no ids of their own. */
  readonly #requestIds: RequestIds | undefined;
  /** Drawn anew in each turn of the event loop: calls that failed in the same one come back in the same order. */
  #jitter: number | undefined;
  #closed = false;
  readonly #closing = new AbortController();

  /** INVALID_SETTING when no socket can have that path. */
  constructor(socket: string, { deadlineMs, pipeline, requestIds }: ConnectionSettings) {
    this.socket = resolve(socket);
    if (Buffer.byteLength(this.socket) > limits.socketPathBytes) {
      const message = `A socket's path has at most ${limits.socketPathBytes} bytes, and ${this.socket} has more.`;
      throw new DocDBError("INVALID_SETTING", message);
    }
    this.#defaultDeadlineMs = deadlineMs;
    this.#pipelines = pipeline ? new Map() : undefined;
    this.#requestIds = requestIds ? new RequestIds() : undefined;
    this.#client = new Client(`unix:${this.socket}`, credentials.createInsecure(), channelOptions);
  }

  read<Request, Response>(rpc: Rpc<Request, Response>, request: Request, options: CallOptions): Promise<Response> {
    return this.#call("read", rpc, request, options);
  }

  write<Request, Response>(rpc: Rpc<Request, Response>, request: Request, options: CallOptions): Promise<Response> {
    const named = this.#requestIds === undefined ? request : withRequestId(request, this.#requestIds);
    return this.#call("write", rpc, named, options);
  }

  stream<Request, Response>(
    rpc: Rpc<Request, Response>,
    request: Request,
    { deadlineMs = Number.POSITIVE_INFINITY, signal }: CallOptions,
  ): AsyncIterable<Response> {
    const facts = { kind: "read", method: methodOf(rpc), socket: this.socket } as const;
    const signals = [this.#closing.signal, ...(signal === undefined ? [] : [signal])];
    return serverStream(this.#client, rpc, request, facts, { deadline: Date.now() + deadlineMs, signals });
  }

  /** Waits for the calls that run, but cancels streams, and closes the connection. Later calls are CANCELLED. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#closing.abort(new DocDBError("CANCELLED", "The connection was closed."));
    await Promise.allSettled(this.#running);
    for (const pipeline of this.#pipelines?.values() ?? []) pipeline.close();
    this.#client.close();
  }

  async #call<Request, Response>(
    kind: CallKind,
    rpc: Rpc<Request, Response>,
    request: Request,
    options: CallOptions,
  ): Promise<Response> {
    const method = methodOf(rpc);
    const span = startCallSpan(method, request, this.socket);
    const facts = { kind, method, socket: this.socket, headers: span.headers };
    const call = this.#repeat(facts, rpc, request, options);
    this.#running.add(call);
    try {
      const response = await call;
      span.end();
      return response;
    } catch (error) {
      span.end(error);
      throw error;
    } finally {
      this.#running.delete(call);
    }
  }

  async #repeat<Request, Response>(
    facts: CallFacts,
    rpc: Rpc<Request, Response>,
    request: Request,
    { deadlineMs = this.#defaultDeadlineMs, signal }: CallOptions,
  ): Promise<Response> {
    if (Number.isNaN(deadlineMs)) throw new DocDBError("INVALID_REQUEST", "`deadlineMs` is not a number.");
    if (this.#closed) throw new DocDBError("CANCELLED", `${facts.method} was called on a connection that is closed.`);
    const deadline = Date.now() + deadlineMs;
    const encoded = this.#pipelines === undefined ? undefined : this.#forPipeline(this.#pipelines, rpc, request);
    const hasId = facts.kind === "write" && requestIdIn(request) !== "";
    /** Why it may have been applied by an earlier try: until one tells, nobody knows. */
    let unknown: DocDBError | undefined;
    for (let failures = 1; ; failures++) {
      if (signal?.aborted === true) throw cancelled(signal.reason, facts, unknown !== undefined);
      if (Date.now() >= deadline) throw unknown ?? tooLate(facts);
      try {
        if (encoded === undefined) return await this.#send(rpc, request, facts, deadline, signal);
        return (await encoded.pipeline.call(encoded.pipelined, encoded.request, facts, deadline, signal)) as Response;
      } catch (error) {
        if (!(error instanceof DocDBError)) throw error;
        if (hasId && mayHaveBeenApplied(error)) unknown = error;
        const known = unknown === undefined || tellsOutcome(error) ? error : unknown;
        const tries = unknown === undefined ? retryPolicy.tries : retryPolicy.triesWhenUnknown;
        if (failures >= tries || !(hasId ? mayRepeatWithId(error) : mayRepeat(error, facts.kind))) throw known;
        const pause = pauseMs(failures, error.retryAfterMs, this.#drawJitter());
        // A pause that outlasts the deadline can end in nothing better than what is known now.
        if (Date.now() + pause >= deadline) throw known;
        await sleep(pause, undefined, signal === undefined ? {} : { signal }).catch((reason: unknown) => {
          throw cancelled(signal?.reason ?? reason, facts, unknown !== undefined);
        });
      }
    }
  }

  #drawJitter(): number {
    if (this.#jitter === undefined) {
      this.#jitter = Math.random();
      setImmediate(() => (this.#jitter = undefined));
    }
    return this.#jitter;
  }

  /** The request as a pipeline takes it; undefined for what travels alone: other RPCs, and messages of great size. */
  #forPipeline<Request, Response>(
    pipelines: Map<string, Pipeline>,
    rpc: Rpc<Request, Response>,
    request: Request,
  ): { pipeline: Pipeline; pipelined: PipelinedRpc; request: EncodableRequest } | undefined {
    const pipelined = pipelinedRpcs.get(rpc);
    if (pipelined === undefined) return undefined;
    const encoded = encodable(pipelined, request);
    if (encoded.bytes > maxPipelinedBytes) return undefined;
    const { database } = request as { database: string };
    let pipeline = pipelines.get(database);
    if (pipeline === undefined) pipelines.set(database, (pipeline = new Pipeline(() => this.#openStream())));
    return { pipeline, pipelined, request: encoded };
  }

  #openStream(): ClientDuplexStream<Buffer, Buffer> {
    return this.#client.makeBidiStreamRequest(Rpcs.pipeline.path, asIs, asIs, new Metadata());
  }

  #send<Request, Response>(
    rpc: Rpc<Request, Response>,
    request: Request,
    facts: CallFacts,
    deadline: number,
    signal: AbortSignal | undefined,
  ): Promise<Response> {
    return new Promise((fulfil, reject) => {
      const answer = (error: ServiceError | null, response: Response | undefined): void => {
        signal?.removeEventListener("abort", abort);
        if (error === null) fulfil(response as Response);
        else if (signal?.aborted === true) reject(cancelled(signal.reason, facts, true));
        else reject(callError(error, facts));
      };
      const abort = (): void => call.cancel();
      const call: ClientUnaryCall = this.#client.makeUnaryRequest(
        rpc.path,
        rpc.requestSerialize,
        rpc.responseDeserialize,
        request,
        metadataOf(facts.headers),
        { deadline },
        answer,
      );
      signal?.addEventListener("abort", abort, { once: true });
    });
  }
}

/** An RPC's name, as in the protocol: `CreateDocument`. */
function methodOf({ path }: { readonly path: string }): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}
