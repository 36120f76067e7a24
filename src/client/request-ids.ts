// Ids of requests: what makes a mutation safe to repeat. The server keeps what each came to as part of its commit, for
// ten minutes at least, and answers a repetition with that.

import { randomBytes } from "node:crypto";

export interface RequestIdOption {
  /**
   * Names this mutation, at most 64 bytes; a UUID does. A second call with the same id and content isn't applied again:
   * it resolves to what the first one did, also after a restart of the server, for ten minutes at least.
   * REQUEST_ID_REUSED when the content is another. Default: none, or with the connection's `requestIds` one of its own.
   */
  readonly requestId?: string | undefined;
}

/** Makes ids that nobody else makes: 96 random bits, and a number that counts up. */
export class RequestIds {
  readonly #prefix = randomBytes(12).toString("base64url");
  #count = 0;

  next(): string {
    return `${this.#prefix}.${(++this.#count).toString(36)}`;
  }
}

/** The id of a request; empty when it has none. */
export function requestIdIn(request: unknown): string {
  return (request as { readonly requestId?: string }).requestId ?? "";
}

/**
 * The request with an id from `ids`, if it can have one and has none. Writes of a transaction need none: it has one.
 */
export function withRequestId<Request>(request: Request, ids: RequestIds): Request {
  const { requestId, transactionId } = request as { readonly requestId?: string; readonly transactionId?: string };
  return requestId === "" && transactionId === "" ? { ...request, requestId: ids.next() } : request;
}
