// A server that does what a script says, below gRPC: it answers, refuses, breaks the connection or says nothing, and it
// keeps account of every call that reached it.

import { once } from "node:events";
import { constants, createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { Database, OpenDatabaseResponse } from "../../gen/docdb/v1/database.ts";
import { CreateDocumentResponse, GetDocumentResponse } from "../../gen/docdb/v1/document.ts";
import type { DocDBError } from "../../src/base/errors.ts";
import { connect, type ConnectedDatabase } from "../../src/client/index.ts";
import { grpcStatusOf } from "../../src/rpc/status.ts";
import { temporaryDirectory } from "../server/temporary-server.ts";

/** What to do with one call, once it has been received whole. */
export type Step = (stream: ServerHttp2Stream, method: string) => void;

/** Answers with a success that fits the method. */
export const succeed: Step = (stream, method) => {
  const message = responses[method]?.() ?? new Uint8Array();
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.respond({ ":status": 200, "content-type": "application/grpc+proto" }, { waitForTrailers: true });
  stream.end(Buffer.concat([head, message]));
};

/** Answers with an error as DocDB's server does. */
export function failWith(error: DocDBError): Step {
  const { code, details, metadata } = grpcStatusOf(error);
  const [info] = metadata.get("grpc-status-details-bin");
  return (stream) =>
    endWith(stream, code, details, { "grpc-status-details-bin": Buffer.from(info ?? "").toString("base64") });
}

/** Answers with a bare status, as whatever stands between client and server may. */
export function bareStatus(code: number, message: string): Step {
  return (stream) => endWith(stream, code, message, {});
}

/** Sends these messages, and then does what the next step says, or ends well. */
export function send(messages: readonly Uint8Array[], then?: Step): Step {
  return (stream, method) => {
    const frames = messages.map((message) => {
      const head = Buffer.alloc(5);
      head.writeUInt32BE(message.length, 1);
      return Buffer.concat([head, message]);
    });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.respond({ ":status": 200, "content-type": "application/grpc+proto" }, { waitForTrailers: true });
    if (then === undefined) stream.end(Buffer.concat(frames));
    // What was written must have left before the connection breaks.
    else stream.write(Buffer.concat(frames), () => setTimeout(() => then(stream, method), 50));
  };
}

/** Refuses the stream, which promises that it wasn't processed. */
export const refuse: Step = (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM);

/** Breaks the connection, as a server that is killed does. */
export const hangUp: Step = (stream) => stream.session?.destroy();

/** Says nothing. */
export const silence: Step = () => undefined;

function endWith(stream: ServerHttp2Stream, code: number, message: string, more: Record<string, string>): void {
  const headers = { ":status": 200, "content-type": "application/grpc+proto", "grpc-status": String(code) };
  stream.respond({ ...headers, "grpc-message": encodeURIComponent(message), ...more }, { endStream: true });
}

const responses: Readonly<Record<string, () => Uint8Array>> = {
  OpenDatabase: () => OpenDatabaseResponse.encode({ database: Database.create({ name: "app", state: 1 }) }).finish(),
  CreateDocument: () => CreateDocumentResponse.encode(CreateDocumentResponse.create({ id: 7n, version: 1n })).finish(),
  GetDocument: () =>
    GetDocumentResponse.encode(GetDocumentResponse.create({ document: { id: 7n, json: "1", version: 1n } })).finish(),
};

export class ScriptedServer {
  /** Methods of the calls that were received whole, in order; opening the database isn't among them. */
  readonly received: string[] = [];
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
      // A call counts when its message is here, as it does for a server that then applies it.
      stream.on("end", () => this.#answer(stream, method));
      stream.resume();
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

  #answer(stream: ServerHttp2Stream, method: string): void {
    if (method === "OpenDatabase") return succeed(stream, method);
    this.received.push(method);
    const step = this.#steps.shift() ?? succeed;
    step(stream, method);
  }
}

/** A started scripted server, and a client that has connected to it. */
export async function scripted(
  t: ExecutionContext,
  options: { readonly deadlineMs?: number } = {},
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
