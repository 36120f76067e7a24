// What the protocol has and this version doesn't. Such a call or field is refused before anything is done; ignoring it
// would be a broken promise.

import { DocDBError } from "../base/errors.ts";
import type { ServerStreamHandler } from "./stream-call.ts";
import type { UnaryHandler } from "./unary-call.ts";

/** The error for `what`, an RPC or a field. `instead` says what does the job meanwhile, as a sentence. */
export function notImplemented(what: string, instead = ""): DocDBError {
  const message = `This version of DocDB doesn't have ${what} yet.${instead === "" ? "" : ` ${instead}`}`;
  return new DocDBError("NOT_IMPLEMENTED", message, { metadata: { what } });
}

/** The handler of a unary RPC that this version doesn't have. */
export function missingRpc(name: string, instead?: string): UnaryHandler<unknown, never> {
  return () => Promise.reject(notImplemented(name, instead));
}

/** The handler of a streaming RPC that this version doesn't have. */
export function missingStream(name: string, instead?: string): ServerStreamHandler<unknown, never> {
  // oxlint-disable-next-line require-yield -- it has nothing to say
  return async function* refuse(): AsyncGenerator<never> {
    throw notImplemented(name, instead);
  };
}
