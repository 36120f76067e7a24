// Errors that nobody foresaw. The client gets an id and nothing else: a stack, a path or a neighbour's document must
// not leak. The log has the whole error under that id.

import { DocDBError } from "../base/errors.ts";
import type { CallEnvironment } from "./call-context.ts";

/**
 * The error itself when it is one that clients may see; otherwise logs it, and returns INTERNAL with the id of the log
 * entry.
 */
export function presentable(environment: CallEnvironment, where: string, error: unknown): DocDBError {
  if (error instanceof DocDBError && error.code !== "INTERNAL") return error;
  const id = traceId(environment);
  const message = `An internal error occurred (id ${id}). The server's log has the details.`;
  environment.observer.failure(`${where} (id ${id})`, DocDBError.from(error));
  return new DocDBError("INTERNAL", message, { metadata: { id } });
}

/** The same for an error that is one result among others, which is counted here: no call ends in it. */
export function presentableResult(environment: CallEnvironment, where: string, error: unknown): DocDBError {
  const known = presentable(environment, where, error);
  noteFailure(environment, where, known);
  return known;
}

/** Tells the observer of an error that is about to leave. A defect was told of with its cause. */
export function noteFailure({ observer }: CallEnvironment, where: string, error: DocDBError): void {
  if (error.code !== "INTERNAL") observer.failure(where, error);
}

function traceId({ random }: CallEnvironment): string {
  return [random.u32(), random.u32()].map((part) => part.toString(16).padStart(8, "0")).join("");
}
