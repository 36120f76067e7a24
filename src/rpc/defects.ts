// Errors that nobody foresaw. The client gets an id and nothing else: a stack, a path or a neighbour's document must
// not leak. The log has the whole error under that id, which is the trace's when the call has a trace.

import { DocDBError } from "../base/errors.ts";
import type { Facts } from "../telemetry/observer.ts";
import type { CommandTrace } from "../telemetry/operation-times.ts";
import type { CallEnvironment } from "./call-context.ts";

/**
 * The error itself when it is one that clients may see; otherwise logs it, and returns INTERNAL with the id of the log
 * entry.
 */
export function presentable(
  environment: CallEnvironment,
  where: string,
  error: unknown,
  trace?: CommandTrace,
): DocDBError {
  if (error instanceof DocDBError && error.code !== "INTERNAL") return error;
  const id = trace?.traceId ?? randomId(environment);
  const message = `An internal error occurred (id ${id}). The server's log has the details.`;
  environment.observer.failure(`${where} (id ${id})`, DocDBError.from(error), factsOf(trace));
  return new DocDBError("INTERNAL", message, { metadata: { id } });
}

/** The same for an error that is one result among others, which is counted here: no call ends in it. */
export function presentableResult(
  environment: CallEnvironment,
  where: string,
  error: unknown,
  trace?: CommandTrace,
): DocDBError {
  const known = presentable(environment, where, error, trace);
  noteFailure(environment, where, known, trace);
  return known;
}

/** Tells the observer of an error that is about to leave. A defect was told of with its cause. */
export function noteFailure(
  { observer }: CallEnvironment,
  where: string,
  error: DocDBError,
  trace?: CommandTrace,
): void {
  if (error.code !== "INTERNAL") observer.failure(where, error, factsOf(trace));
}

function factsOf(trace: CommandTrace | undefined): Facts | undefined {
  return trace === undefined ? undefined : { traceId: trace.traceId };
}

function randomId({ random }: CallEnvironment): string {
  return [random.u32(), random.u32()].map((part) => part.toString(16).padStart(8, "0")).join("");
}
