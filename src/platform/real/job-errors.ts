// Errors on their way between threads. The structured clone of an error keeps its message and its stack and loses what
// kind it is: ours are told by their parts and made anew, all others arrive as plain errors and stay unknown.

import { DocDBError, type ErrorCode } from "../../base/errors.ts";

/** An error as it goes from thread to thread. */
export type PackedError =
  | {
      readonly code: ErrorCode;
      readonly message: string;
      readonly metadata: Readonly<Record<string, string>>;
      readonly retryAfterMs: number | undefined;
    }
  | { readonly unknown: Error };

export function packError(error: unknown): PackedError {
  if (error instanceof DocDBError) {
    const { code, message, metadata, retryAfterMs } = error;
    return { code, message, metadata, retryAfterMs };
  }
  // What was thrown may hold what can't be cloned.
  const unknown = new Error(error instanceof Error ? error.message : String(error));
  if (error instanceof Error && error.stack !== undefined) unknown.stack = error.stack;
  return { unknown };
}

export function errorOf(packed: PackedError): Error {
  if ("unknown" in packed) return packed.unknown;
  const { code, message, metadata, retryAfterMs } = packed;
  return new DocDBError(code, message, { metadata, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
}
