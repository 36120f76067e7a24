// Whether an answer of the server is one that it may give. What a hostile client did is the caller's to know; here is
// what holds for all of them.

import { constants } from "node:http2";
import type { RawAnswer } from "../rpc/raw-client.ts";
import { errorKinds } from "../../src/base/errors.ts";

/** Statuses by their numbers, as google.rpc.Code has them. */
const names = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
];

/** What a request of any kind may be answered with, while disk and process are sound. */
const usual: ReadonlySet<string> = new Set([
  "OK",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
]);

/** Reasons that say that something is broken, whatever their status. */
const broken: ReadonlySet<string> = new Set(["DATABASE_READ_ONLY", "DISK_FULL", "DATABASE_CORRUPT", "INTERNAL"]);

/** What the client did beside sending a message. */
export interface Circumstances {
  /** Statuses that are due as well. */
  readonly also?: readonly string[] | undefined;
  /** The client ended the call or the connection itself: no answer is due. */
  readonly abandoned?: boolean | undefined;
  /** Milliseconds that the call took. */
  readonly tookMs: number;
  /** Milliseconds that it was given. */
  readonly timeoutMs: number;
}

/** How long an answer may take beyond its deadline: the machine may be busy. */
const lateMs = 10_000;

/** The name of an answer's status; a call that was reset has the one that gRPC's clients make of it, or none. */
export function nameOf({ status, resetCode }: RawAnswer): string {
  if (status !== undefined) return names[status] ?? String(status);
  return resetCode === constants.NGHTTP2_ENHANCE_YOUR_CALM ? "RESOURCE_EXHAUSTED" : "none";
}

/** What is wrong with an answer; undefined when nothing is. */
export function problemWith(answer: RawAnswer, { also = [], abandoned = false, tookMs, timeoutMs }: Circumstances) {
  const { details, reason } = answer;
  const name = nameOf(answer);
  const said = `${name} ${reason ?? "without details"}: ${details}`;
  if (tookMs > timeoutMs + lateMs) return `answered ${Math.round(tookMs - timeoutMs)} ms after its deadline: ${said}`;
  if (name === "none") {
    if (abandoned || also.includes("none")) return undefined;
    return `no status: HTTP ${answer.httpStatus}, reset code ${answer.resetCode}`;
  }
  if (also.includes(name)) return undefined;
  if (!usual.has(name)) return said;
  if (reason !== undefined && (!(reason in errorKinds) || broken.has(reason))) return said;
  if (reason === undefined && !["OK", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"].includes(name)) return said;
  return undefined;
}
