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

function traceId({ random }: CallEnvironment): string {
  return [random.u32(), random.u32()].map((part) => part.toString(16).padStart(8, "0")).join("");
}
