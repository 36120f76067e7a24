// Calls as promises, and what their errors say.

import { type Client, Metadata, type ServiceError } from "@grpc/grpc-js";
import { ErrorInfo, RetryInfo } from "../../gen/google/rpc/error_details.ts";
import { Status } from "../../gen/google/rpc/status.ts";

/** What generated code says of a method, for a client. */
export interface ClientMethod<Request, Response> {
  readonly path: string;
  readonly requestSerialize: (request: Request) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
}

/** Calls a unary method. */
export function call<Request, Response>(
  client: Client,
  method: ClientMethod<Request, Response>,
  request: NoInfer<Request>,
  metadata: Metadata = new Metadata(),
): Promise<Response> {
  const { path, requestSerialize, responseDeserialize } = method;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, (error, response) => {
      if (error === null && response !== undefined) resolve(response);
      else reject(error ?? new Error("no response"));
    });
  });
}

/** The method at a path, whose messages are any bytes. */
export function rawMethod(path: string): ClientMethod<Buffer, Buffer> {
  return { path, requestSerialize: asIs, responseDeserialize: asIs };
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}

/** What a failed call says, decoded from the status details. */
export interface Failure {
  readonly status: number;
  readonly reason: string;
  readonly message: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly retryDelayMs: number | undefined;
}

/** The error of a call that has to fail. */
export async function failureOf(calling: Promise<unknown>): Promise<Failure> {
  try {
    await calling;
  } catch (error) {
    return decodeFailure(error as ServiceError);
  }
  throw new Error("the call succeeded");
}

export function decodeFailure(error: ServiceError): Failure {
  const [bytes] = error.metadata.get("grpc-status-details-bin");
  if (!Buffer.isBuffer(bytes)) throw new Error(`no details: ${error.message}`, { cause: error });
  return { ...failureIn(Status.decode(bytes)), status: error.code, message: error.details };
}

/** What a google.rpc.Status inside a response says. */
export function failureIn(status: Status): Failure {
  let info = ErrorInfo.create();
  let retryDelayMs: number | undefined;
  for (const { typeUrl, value } of status.details) {
    if (typeUrl === "type.googleapis.com/google.rpc.ErrorInfo") info = ErrorInfo.decode(value);
    if (typeUrl !== "type.googleapis.com/google.rpc.RetryInfo") continue;
    const delay = RetryInfo.decode(value).retryDelay;
    if (delay !== undefined) retryDelayMs = Number(delay.seconds) * 1000 + delay.nanos / 1e6;
  }
  if (info.domain !== "docdb") throw new Error(`the details have domain ${JSON.stringify(info.domain)}`);
  return { status: status.code, reason: info.reason, message: status.message, metadata: info.metadata, retryDelayMs };
}
