// A client that speaks HTTP/2 to the server with nothing in between, so that it can say what no gRPC library would:
// broken frames of messages, two messages where one is due, odd headers, streams that are opened and left alone.

import { once } from "node:events";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from "node:http2";
import { createConnection } from "node:net";
import { ErrorInfo } from "../../gen/google/rpc/error_details.ts";
import { Status } from "../../gen/google/rpc/status.ts";

/** How a call ended, as far as the server has said so. */
export interface RawAnswer {
  /** `:status`; undefined when no headers came. */
  readonly httpStatus: number | undefined;
  /** `grpc-status`; undefined when the stream ended without it. */
  readonly status: number | undefined;
  /** `grpc-message`, decoded. */
  readonly details: string;
  /** The reason in the ErrorInfo of `grpc-status-details-bin`; undefined when there are no details. */
  readonly reason: string | undefined;
  /** The messages of the response, whole ones only. */
  readonly messages: readonly Buffer[];
  /** The code of the RST_STREAM that ended the stream; 0 for none. */
  readonly resetCode: number;
}

/** Headers that a gRPC client sends; `more` replaces and adds. */
export function grpcHeaders(path: string, more: Readonly<Record<string, string | string[]>> = {}) {
  return {
    [constants.HTTP2_HEADER_METHOD]: "POST",
    [constants.HTTP2_HEADER_SCHEME]: "http",
    [constants.HTTP2_HEADER_PATH]: path,
    [constants.HTTP2_HEADER_CONTENT_TYPE]: "application/grpc",
    te: "trailers",
    ...more,
  };
}

/** A message as gRPC frames it: a flag, its length, itself. */
export function framed(message: Uint8Array, flag = 0): Buffer {
  const frame = Buffer.alloc(5 + message.length);
  frame[0] = flag;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  return frame;
}

/** Opens an HTTP/2 connection. Errors of the connection end its streams, and nothing else. */
export async function rawSession(socket: string): Promise<ClientHttp2Session> {
  const options = { createConnection: () => createConnection(socket), maxSessionMemory: 1_000 };
  const session = connect("http://localhost", options);
  session.on("error", () => undefined);
  await once(session, "connect");
  return session;
}

/** Opens a stream; what is written to it is the caller's affair. */
export function rawStream(
  session: ClientHttp2Session,
  path: string,
  headers: Readonly<Record<string, string | string[]>> = {},
): ClientHttp2Stream {
  const stream = session.request(grpcHeaders(path, headers));
  stream.on("error", () => undefined);
  return stream;
}

/**
 * Reads a stream to its end, whatever that is. It never rejects. It resolves in a turn of its own: a stream's `close`
 * and the ticks behind it run while Node reads, and Node 26.10 frees memory twice when another stream that has output
 * is reset there (nodejs/node#64166 covers only those that have none).
 */
export function answerOf(stream: ClientHttp2Stream): Promise<RawAnswer> {
  let headers: IncomingHttpHeaders = {};
  const chunks: Buffer[] = [];
  const merge = (more: IncomingHttpHeaders): void => {
    headers = { ...headers, ...more };
  };
  stream.on("response", merge);
  stream.on("trailers", merge);
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  // The server has said its last word: nobody reads what else the client would send.
  stream.on("end", () => stream.end());
  return new Promise((resolve) => {
    const done = (): void => resolve(answerIn(headers, Buffer.concat(chunks), stream.rstCode ?? 0));
    if (stream.destroyed) setImmediate(done);
    else stream.once("close", () => setImmediate(done));
  });
}

/** A unary call with these bytes as its request. */
export async function rawCall(
  session: ClientHttp2Session,
  path: string,
  request: Uint8Array,
  headers: Readonly<Record<string, string | string[]>> = {},
): Promise<RawAnswer> {
  const stream = rawStream(session, path, headers);
  const answer = answerOf(stream);
  stream.end(framed(request));
  return await answer;
}

function answerIn(headers: IncomingHttpHeaders, body: Buffer, resetCode: number): RawAnswer {
  const { ":status": httpStatus, "grpc-status": status } = headers;
  return {
    httpStatus: httpStatus === undefined ? undefined : Number(httpStatus),
    status: status === undefined ? undefined : Number(status),
    details: decodeURIComponent(String(headers["grpc-message"] ?? "")),
    reason: reasonIn(headers["grpc-status-details-bin"]),
    messages: messagesIn(body),
    resetCode,
  };
}

function reasonIn(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  const { details } = Status.decode(Buffer.from(String(header), "base64"));
  const info = details.find(({ typeUrl }) => typeUrl.endsWith("google.rpc.ErrorInfo"));
  return info === undefined ? undefined : ErrorInfo.decode(info.value).reason;
}

function messagesIn(body: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at + 5 <= body.length; ) {
    const end = at + 5 + body.readUInt32BE(at + 1);
    if (end > body.length) break;
    messages.push(body.subarray(at + 5, end));
    at = end;
  }
  return messages;
}
