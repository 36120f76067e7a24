// A server that does what a script says, below gRPC: it answers, refuses, breaks the connection or says nothing, and it
// keeps account of every call that reached it.

import { once } from "node:events";
import { constants, createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import { join } from "node:path";
import type { ExecutionContext, TestFn } from "ava";
import { Database, OpenDatabaseResponse } from "../../gen/docdb/v1/database.ts";
import {
  CreateDocumentResponse,
  DocumentServiceService,
  GetDocumentResponse,
  type PipelineCall,
  type PipelineReply,
  PipelineRequest,
  PipelineResponse,
} from "../../gen/docdb/v1/document.ts";
import {
  BeginTransactionResponse,
  CommitTransactionResponse,
  TransactionServiceService,
} from "../../gen/docdb/v1/transaction.ts";
import type { DocDBError } from "../../src/base/errors.ts";
import { connect, type ConnectedDatabase } from "../../src/client/index.ts";
import { requestIdIn } from "../../src/client/request-ids.ts";
import { grpcStatusOf, rpcStatusOf } from "../../src/rpc/status.ts";
import { temporaryDirectory } from "../server/temporary-server.ts";

/** A call that has been received whole, alone or in a pipeline. */
export interface ScriptedCall {
  readonly method: string;
  /** Id of the request; empty when it has none. */
  readonly requestId: string;
  /** Answers with the encoded response. */
  readonly succeed: (response: Uint8Array) => void;
  /** Answers with an error as DocDB's server does. */
  readonly fail: (error: DocDBError) => void;
  /** The HTTP/2 stream that the call came on. A pipeline's carries others too. */
  readonly stream: ServerHttp2Stream;
}

/** What to do with one call. */
export type Step = (call: ScriptedCall) => void;

/** Answers with a success that fits the method. */
export const succeed: Step = (call) => call.succeed(responses[call.method]?.() ?? new Uint8Array());

/** Answers with an error as DocDB's server does. */
export function failWith(error: DocDBError): Step {
  return (call) => call.fail(error);
}

/** Answers with a bare status, as whatever stands between client and server may. It ends a pipeline as a whole. */
export function bareStatus(code: number, message: string): Step {
  return ({ stream }) => endWith(stream, code, message, {});
}

/** Sends these messages, and then does what the next step says, or ends well. */
export function send(messages: readonly Uint8Array[], then?: Step): Step {
  return (call) => {
    const { stream } = call;
    const frames = messages.map(framed);
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    begin(stream);
    if (then === undefined) stream.end(Buffer.concat(frames));
    // What was written must have left before the connection breaks.
    else stream.write(Buffer.concat(frames), () => setTimeout(() => then(call), 50));
  };
}

/** Refuses the stream, which promises that it wasn't processed. */
export const refuse: Step = ({ stream }) => stream.close(constants.NGHTTP2_REFUSED_STREAM);

/** Breaks the connection, as a server that is killed does. */
export const hangUp: Step = ({ stream }) => stream.session?.destroy();

/** Says nothing. */
export const silence: Step = () => undefined;

/** Ends a pipeline with an error as DocDB's server does; a call alone too. */
export function endWithError(error: DocDBError): Step {
  return ({ stream }) => endAs(stream, error);
}

function endAs(stream: ServerHttp2Stream, error: DocDBError): void {
  const { code, details, metadata } = grpcStatusOf(error);
  const [info] = metadata.get("grpc-status-details-bin");
  endWith(stream, code, details, { "grpc-status-details-bin": Buffer.from(info ?? "").toString("base64") });
}

function endWith(stream: ServerHttp2Stream, code: number, message: string, more: Record<string, string>): void {
  const trailers = { "grpc-status": String(code), "grpc-message": encodeURIComponent(message), ...more };
  if (!stream.headersSent) {
    stream.respond({ ":status": 200, "content-type": "application/grpc+proto", ...trailers }, { endStream: true });
    return;
  }
  stream.on("wantTrailers", () => stream.sendTrailers(trailers));
  stream.end();
}

function begin(stream: ServerHttp2Stream): void {
  if (stream.headersSent) return;
  stream.respond({ ":status": 200, "content-type": "application/grpc+proto" }, { waitForTrailers: true });
}

function framed(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Every RPC that a scripted server may be asked for, by its name. */
const rpcs = new Map(
  Object.values({ ...DocumentServiceService, ...TransactionServiceService }).map((rpc) => [
    rpc.path.slice(rpc.path.lastIndexOf("/") + 1),
    rpc.requestDeserialize as (bytes: Buffer) => object,
  ]),
);

function aloneCall(stream: ServerHttp2Stream, method: string, message: Buffer): ScriptedCall {
  return {
    method,
    requestId: requestIdIn(rpcs.get(method)?.(message) ?? {}),
    stream,
    succeed: (response) => {
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      begin(stream);
      stream.end(framed(response));
    },
    fail: (error) => endAs(stream, error),
  };
}

function pipelinedCall(stream: ServerHttp2Stream, { callId, request }: PipelineCall): ScriptedCall {
  const name = request?.$case ?? "";
  const reply = (response: NonNullable<PipelineReply["response"]>): void => {
    begin(stream);
    stream.write(framed(PipelineResponse.encode({ replies: [{ callId, response }] }).finish()));
  };
  return {
    method: name.slice(0, 1).toUpperCase() + name.slice(1),
    requestId: requestIdIn(request?.value ?? {}),
    stream,
    succeed: (response) => {
      const { responseDeserialize } = DocumentServiceService[name as "getDocument"];
      reply({ $case: name, value: responseDeserialize(Buffer.from(response)) } as NonNullable<
        PipelineReply["response"]
      >);
    },
    fail: (error) => reply({ $case: "error", value: rpcStatusOf(error) }),
  };
}

const responses: Readonly<Record<string, () => Uint8Array>> = {
  BeginTransaction: () => BeginTransactionResponse.encode({ transactionId: "t", version: 1n }).finish(),
  CommitTransaction: () => CommitTransactionResponse.encode({ version: 2n, commitTime: undefined }).finish(),
  OpenDatabase: () => OpenDatabaseResponse.encode({ database: Database.create({ name: "app", state: 1 }) }).finish(),
  CreateDocument: () => CreateDocumentResponse.encode(CreateDocumentResponse.create({ id: 7n, version: 1n })).finish(),
  GetDocument: () =>
    GetDocumentResponse.encode(GetDocumentResponse.create({ document: { id: 7n, json: "1", version: 1n } })).finish(),
};

export class ScriptedServer {
  /** Methods of the calls that were received whole, in order; opening the database isn't among them. */
  readonly received: string[] = [];
  /** Their request ids. */
  readonly requestIds: string[] = [];
  /** Messages of pipelines, and pipelines that were opened and that their client has ended. */
  readonly pipelines = { messages: 0, opened: 0, ended: 0 };
  readonly socket: string;
  #steps: Step[] = [];
  #server: Http2Server | undefined;
  readonly #sessions = new Set<ServerHttp2Session>();

  constructor(socket: string) {
    this.socket = socket;
  }

  /** What to do with the next calls; those after them succeed. */
  script(...steps: Step[]): void {
    this.#steps = steps;
  }

  async start(): Promise<void> {
    const server = createServer();
    server.on("session", (session) => {
      this.#sessions.add(session);
      session.on("close", () => this.#sessions.delete(session));
      session.on("error", () => undefined);
    });
    server.on("stream", (stream: ServerHttp2Stream, headers) => {
      stream.on("error", () => undefined);
      const method = String(headers[":path"]).split("/").at(-1) ?? "";
      if (method === "Pipeline") {
        this.#receivePipeline(stream);
        return;
      }
      // A call counts when its message is here, as it does for a server that then applies it.
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => this.#answer(aloneCall(stream, method, Buffer.concat(chunks).subarray(5))));
    });
    server.listen(this.socket);
    await once(server, "listening");
    this.#server = server;
  }

  /** Breaks all connections and listens no more. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.close();
    for (const session of this.#sessions) session.destroy();
    await once(server, "close");
  }

  #receivePipeline(stream: ServerHttp2Stream): void {
    let received = Buffer.alloc(0);
    this.pipelines.opened++;
    stream.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 5 && received.length >= 5 + received.readUInt32BE(1)) {
        const end = 5 + received.readUInt32BE(1);
        const { calls } = PipelineRequest.decode(received.subarray(5, end));
        received = received.subarray(end);
        this.pipelines.messages++;
        for (const call of calls) if (!stream.destroyed) this.#answer(pipelinedCall(stream, call));
      }
    });
    stream.on("end", () => {
      this.pipelines.ended++;
      if (!stream.destroyed) endWith(stream, 0, "", {});
    });
  }

  #answer(call: ScriptedCall): void {
    if (call.method === "OpenDatabase") return succeed(call);
    this.received.push(call.method);
    this.requestIds.push(call.requestId);
    const step = this.#steps.shift() ?? succeed;
    step(call);
  }
}

interface Options {
  readonly deadlineMs?: number;
  readonly requestIds?: boolean;
}

/** A started scripted server, and a client that has connected to it. */
export async function scripted(
  t: ExecutionContext,
  options: Options & { readonly pipeline?: boolean } = {},
): Promise<{ readonly server: ScriptedServer; readonly db: ConnectedDatabase }> {
  const server = new ScriptedServer(join(await temporaryDirectory(t), "s.sock"));
  await server.start();
  const db = await connect({ socket: server.socket, database: "app", ...options });
  t.teardown(async () => {
    await server.stop();
    await db.close();
  });
  return { server, db };
}

type Scripted = Awaited<ReturnType<typeof scripted>>;
type Body = (t: ExecutionContext, start: (options?: Options) => Promise<Scripted>) => Promise<void>;

/** Declares tests that hold for calls in a pipeline and for unary ones. `start` starts a server and its client. */
export function bothWays(declare: TestFn): (title: string, body: Body) => void {
  return (title, body) => {
    for (const pipeline of [true, false]) {
      declare(`${title} (${pipeline ? "pipelined" : "unary"})`, async (t) => {
        await body(t, (options = {}) => scripted(t, { ...options, pipeline }));
      });
    }
  };
}
