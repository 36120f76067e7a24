// How calls of a pipeline go wrong before they begin, and how an error is a reply.

import { DocDBError } from "../base/errors.ts";
import type { DecodedCall } from "./pipeline-decoding.ts";
import type { Response } from "./pipeline-encoding.ts";
import { rpcStatusOf } from "./status.ts";

/** INVALID_REQUEST when the bytes aren't what they should be. */
export function decoding<T extends DecodedCall | Int32Array>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    return undecodable(error);
  }
}

export function undecodable(cause: unknown): never {
  const message = "A message of the pipeline can't be decoded: is the client made from the same .proto files?";
  throw new DocDBError("INVALID_REQUEST", message, { cause });
}

/** The reply of a call that fails alone. */
export function errorResponse(error: DocDBError): Response {
  return { $case: "error", value: rpcStatusOf(error) };
}

/** The error of a call without a request. */
export function emptyCall(): DocDBError {
  return new DocDBError("INVALID_REQUEST", "The call says nothing: one of the requests must be set.");
}

/** The error of a first call that leaves its database out. */
export function unnamedDatabase(): DocDBError {
  return new DocDBError("INVALID_REQUEST", "The first call of a pipeline must name its database.");
}

/** The error of a call that isn't about the stream's database. */
export function otherDatabase(bound: string, database: string): DocDBError {
  const message = `This pipeline is bound to database ${bound}: a call on ${database} needs another stream.`;
  return new DocDBError("INVALID_REQUEST", message, { metadata: { bound, database } });
}
