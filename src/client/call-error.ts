// What a failed call means, from the gRPC status it ended with. The server says it in google.rpc.ErrorInfo; a status
// without one was made on the way, by grpc-js or by a connection that broke, and then the question is whether the
// server can have seen the call at all.

import { type Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { ErrorInfo, RetryInfo } from "../../gen/google/rpc/error_details.ts";
import { Status } from "../../gen/google/rpc/status.ts";
import { DocDBError, type ErrorCode, errorKinds } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import type { CallSpan } from "./call-span.ts";

/** Whether a call only reads, so that it may be sent again, or changes something. */
export type CallKind = "read" | "write";

/** What is known of a call, for its messages and for what goes with it. */
export interface CallFacts {
  readonly kind: CallKind;
  /** As in the protocol: `CreateDocument`. */
  readonly method: string;
  /** Absolute path of the server's socket. */
  readonly socket: string;
  /** Which trace it is part of, as its span says it. */
  readonly headers: CallSpan["headers"];
}

/** The codes that say by themselves that a mutation was not applied and may be sent again after a while. */
const refusedUndone: readonly ErrorCode[] = [
  "QUEUE_FULL",
  "MEMORY_LIMIT",
  "SERVER_STARTING",
  "SHUTTING_DOWN",
  "UNREACHABLE",
];

/** Statuses whose meaning doesn't depend on a reason, for servers that give one this client doesn't know, or none. */
const codeOfStatus: Readonly<Record<number, ErrorCode>> = {
  [status.INVALID_ARGUMENT]: "INVALID_REQUEST",
  [status.OUT_OF_RANGE]: "INVALID_REQUEST",
  [status.NOT_FOUND]: "DOCUMENT_NOT_FOUND",
  [status.ALREADY_EXISTS]: "DOCUMENT_EXISTS",
  [status.FAILED_PRECONDITION]: "VERSION_MISMATCH",
  [status.ABORTED]: "TRANSACTION_CONFLICT",
  [status.RESOURCE_EXHAUSTED]: "RESPONSE_TOO_LARGE",
  [status.UNIMPLEMENTED]: "NOT_IMPLEMENTED",
  [status.DATA_LOSS]: "DOCUMENT_CORRUPT",
  [status.DEADLINE_EXCEEDED]: "DEADLINE_EXCEEDED",
  [status.CANCELLED]: "CANCELLED",
};

// grpc-js tells these only by their text. They are what it says before anything left this process, or when the server's
// HTTP/2 layer refused the stream (RFC 9113, 8.7: not processed in any way). Should a text change, the call counts as
// possibly sent, which is safe; a test notices.
const neverConnected = /^No connection established|^Channel closed before call started/;
const neverProcessed = /^Stream refused by server|^Failed to start HTTP\/2 stream/;
const notEncodable = /^Request message serialization failure/;
/** A connection that ended in the middle of an answer. */
const brokenOff = /Call ended without gRPC status/;
const messageTooLarge = /^(Received|Attempted to send) message (with a size )?larger than/i;

/** The error that a failed call is reported as. */
export function callError(error: ServiceError, facts: CallFacts): DocDBError {
  const told = detailsOf(error.metadata);
  if (told !== undefined) return errorOfStatus(told, error);
  const { kind, method, socket } = facts;
  const details = error.details || error.message;
  const failure = (code: ErrorCode, message: string, metadata: Record<string, string> = {}): DocDBError =>
    new DocDBError(code, message, { cause: error, metadata });

  if (neverConnected.test(details)) return failure("UNREACHABLE", unreachable(details, socket), { socket });
  if (neverProcessed.test(details)) {
    return failure("UNREACHABLE", `The server on ${socket} did not take ${method} (${details}).`, { socket });
  }
  if (notEncodable.test(details)) return failure("INVALID_REQUEST", `${method} was not sent: ${details}.`);
  if (messageTooLarge.test(details)) {
    const limit = `${limits.messageBytes} bytes`;
    return failure("DOCUMENT_TOO_LARGE", `${method} is over the limit of ${limit} for a message. Send less at a time.`);
  }
  if (error.code === status.DEADLINE_EXCEEDED) {
    const message = `${method} had no answer from ${socket} before its deadline.`;
    return failure("DEADLINE_EXCEEDED", message + outcome(kind), outcomeMetadata(kind));
  }
  const refusal = refusalOf(error.code);
  if (refusal !== undefined) return failure(refusal, `${method}: ${details}`);
  if (kind === "write") return connectionLost(details, facts, error);
  if ((error.code === status.INTERNAL || error.code === status.UNKNOWN) && !brokenOff.test(details)) {
    return failure("INTERNAL", `${method} failed: ${details}`);
  }
  return connectionLost(details, facts, error);
}

/**
 * The error of a call that a pipeline had sent and that has no reply when its stream ends with this error. `answered`:
 * the stream had brought a reply before, so whatever is said about it now, the server had taken it.
 */
export function lostCall(error: ServiceError, facts: CallFacts, answered: boolean): DocDBError {
  const told = detailsOf(error.metadata);
  if (told === undefined && answered) return connectionLost(error.details, facts, error);
  if (told === undefined) return callError(error, facts);
  const known = errorOfStatus(told, error);
  // A server that refuses the stream, or shuts down in good order, has not begun what it doesn't answer.
  if (refusedUndone.includes(known.code) && !mayHaveBeenApplied(known)) return known;
  return connectionLost(known.message, facts, known);
}

function connectionLost(why: string, { kind, method, socket }: CallFacts, cause: unknown): DocDBError {
  const message = `The connection to ${socket} failed after ${method} was sent (${why}).${outcome(kind)}`;
  const code = kind === "write" ? "OUTCOME_UNKNOWN" : "UNREACHABLE";
  return new DocDBError(code, message, { cause, metadata: { socket, ...outcomeMetadata(kind) } });
}

/** A status that came inside a response, as of one operation of a batch. */
export function errorOfStatus(told: Status, cause?: unknown): DocDBError {
  const details = unpack(told);
  const reason = details.info?.reason ?? "";
  const known = Object.hasOwn(errorKinds, reason);
  const code = known ? (reason as ErrorCode) : (codeOfStatus[told.code] ?? "INTERNAL");
  const delay = details.retry?.retryDelay;
  const metadata = {
    ...details.info?.metadata,
    // A reason that this client is too old to know still reaches the program.
    ...(known || reason === "" ? {} : { reason }),
  };
  return new DocDBError(code, told.message, {
    ...(cause === undefined ? {} : { cause }),
    metadata,
    ...(delay === undefined ? {} : { retryAfterMs: Number(delay.seconds) * 1000 + Math.ceil(delay.nanos / 1_000_000) }),
  });
}

/** The error of a call whose deadline had passed before it was sent. */
export function tooLate(facts: CallFacts): DocDBError {
  return new DocDBError("DEADLINE_EXCEEDED", `${facts.method} was not sent: its deadline had passed.`);
}

/**
 * The error of a pipelined call that has no answer at its deadline. `sent` tells whether the server can have seen it.
 */
export function late(facts: CallFacts, sent: boolean): DocDBError {
  if (!sent) return tooLate(facts);
  const message = `${facts.method} had no answer from ${facts.socket} before its deadline.${outcome(facts.kind)}`;
  return new DocDBError("DEADLINE_EXCEEDED", message, { metadata: outcomeMetadata(facts.kind) });
}

/** The error of a call that the caller's signal ended. `sent` tells whether the server can have seen it. */
export function cancelled(reason: unknown, facts: CallFacts, sent: boolean): DocDBError {
  const unknown = sent && facts.kind === "write";
  const message = `${facts.method} was cancelled.${unknown ? outcome("write") : ""}`;
  return new DocDBError("CANCELLED", message, { cause: reason, metadata: unknown ? outcomeMetadata("write") : {} });
}

/** Whether a failed call may be sent again: for a read after what passes, for a write only when nothing was applied. */
export function mayRepeat(error: DocDBError, kind: CallKind): boolean {
  if (kind === "write") return refusedUndone.includes(error.code) && !mayHaveBeenApplied(error);
  return error.status === "UNAVAILABLE" || (error.status === "RESOURCE_EXHAUSTED" && error.retryAfterMs !== undefined);
}

/** Like `mayRepeat`, for a mutation with a request id: the server sees to it that it isn't applied twice. */
export function mayRepeatWithId(error: DocDBError): boolean {
  return mayRepeat(error, "write") || (mayHaveBeenApplied(error) && !lasting.includes(error.code));
}

/** What another try wouldn't change: a broken disk, a defect, a deadline that has passed, a lost record. */
const lasting: readonly ErrorCode[] = [
  "IO_ERROR",
  "INTERNAL",
  "DEADLINE_EXCEEDED",
  "DOCUMENT_CORRUPT",
  "TRANSACTION_NOT_FOUND",
];

/** Answers to a repetition that tell nothing of what became of the first try. */
const evasive: readonly ErrorCode[] = [
  ...refusedUndone,
  "DATABASE_READ_ONLY",
  "DATABASE_CORRUPT",
  "DEADLINE_EXCEEDED",
  "CANCELLED",
];

/** Whether a repetition that failed with this error tells that no try was applied: it would be on record. */
export function tellsOutcome(error: DocDBError): boolean {
  return !evasive.includes(error.code) && !mayHaveBeenApplied(error);
}

/**
 * Whether a mutation that failed with this error may have been applied all the same: read the document before repeating
 * it. False for errors that prove that nothing was changed, and for errors that aren't DocDB's.
 */
export function mayHaveBeenApplied(error: unknown): boolean {
  if (!(error instanceof DocDBError)) return false;
  if (["OUTCOME_UNKNOWN", "IO_ERROR", "INTERNAL"].includes(error.code)) return true;
  return error.metadata["outcome"] === "unknown";
}

function refusalOf(code: status): ErrorCode | undefined {
  const sure = [status.UNIMPLEMENTED, status.INVALID_ARGUMENT, status.NOT_FOUND, status.FAILED_PRECONDITION];
  return sure.includes(code) ? codeOfStatus[code] : undefined;
}

function outcome(kind: CallKind): string {
  return kind === "write" ? " It may have been applied or not: read before you repeat it." : "";
}

function outcomeMetadata(kind: CallKind): Record<string, string> {
  return kind === "write" ? { outcome: "unknown" } : {};
}

function unreachable(details: string, socket: string): string {
  const refused = /connect (\w+)/.exec(details)?.[1];
  if (refused === "EACCES" || refused === "EPERM") {
    return `This user may not connect to ${socket} (${refused}): the server's user owns it.`;
  }
  const cause = refused === "ENOENT" ? "there is no such socket" : (refused ?? details);
  return `No DocDB server answers on ${socket} (${cause}). Start one with \`docdb serve --socket ${socket}\`.`;
}

function detailsOf(metadata: Metadata | undefined): Status | undefined {
  const [bytes] = metadata?.get("grpc-status-details-bin") ?? [];
  if (!(bytes instanceof Uint8Array)) return undefined;
  try {
    return Status.decode(bytes);
  } catch {
    // Details that can't be read are no details; the status itself still tells what it can.
    return undefined;
  }
}

function unpack(told: Status): { readonly info: ErrorInfo | undefined; readonly retry: RetryInfo | undefined } {
  const find = (type: string): Uint8Array | undefined =>
    told.details.find((detail) => detail.typeUrl.endsWith(`/google.rpc.${type}`))?.value;
  const info = find("ErrorInfo");
  const retry = find("RetryInfo");
  return {
    info: info === undefined ? undefined : ErrorInfo.decode(info),
    retry: retry === undefined ? undefined : RetryInfo.decode(retry),
  };
}
