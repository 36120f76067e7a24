// Encoding and decoding of a method's messages, inside the wrappers, where a failure can be answered properly: grpc-js
// itself would answer INTERNAL to a request that can't be decoded, and give a response of any size to the network.

import { DocDBError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import type { Turn } from "../platform/turn.ts";
import { decodedInPieces, encodedInPieces } from "./long-messages.ts";

/** What generated code knows of a method. */
export interface Method<Request, Response> {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestDeserialize: (bytes: Buffer) => Request;
  readonly responseSerialize: (message: Response) => Buffer;
}

/** Decodes a request; INVALID_REQUEST when the bytes aren't that message. */
export function decodeRequest<Request>(method: Method<Request, never>, bytes: Buffer): Request {
  try {
    return method.requestDeserialize(bytes);
  } catch (error) {
    throw undecodable(method.path, error);
  }
}

/** The same for a long request, over several turns of the event loop. */
export async function decodeLongRequest<Request>(
  method: Method<Request, never>,
  bytes: Buffer,
  turn: Turn,
): Promise<Request> {
  try {
    return await turn.run(decodedInPieces(method.requestDeserialize, bytes));
  } catch (error) {
    throw undecodable(method.path, error);
  }
}

function undecodable(path: string, cause: unknown): DocDBError {
  const message = `The request of ${path} can't be decoded: is the client made from the same .proto files?`;
  return new DocDBError("INVALID_REQUEST", message, { cause });
}

/** Encodes a response; RESPONSE_TOO_LARGE when no client could be expected to take it. */
export function encodeResponse<Response>(method: Method<unknown, Response>, response: Response): Buffer {
  return checkedSize(method.responseSerialize(response));
}

/** The same, over several turns of the event loop if the response has a long list and nothing else. */
export async function encodeResponseInTurns<Response>(
  method: Method<unknown, Response>,
  response: Response,
  turn: Turn,
): Promise<Buffer> {
  return checkedSize(await turn.run(encodedInPieces(method.responseSerialize, response)));
}

function checkedSize(bytes: Buffer): Buffer {
  if (bytes.length <= limits.messageBytes) return bytes;
  const message = `The response has ${bytes.length} bytes, over the limit of ${limits.messageBytes}: ask for less.`;
  throw new DocDBError("RESPONSE_TOO_LARGE", message);
}
