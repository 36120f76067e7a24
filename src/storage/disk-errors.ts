// What callers are told when the disk is full or fails.

import { DocDBError } from "../base/errors.ts";
import { isErrno } from "../platform/file-io.ts";

/** A failure after which nothing may be written until the database is opened again. */
export class FatalWriteError extends Error {
  override readonly name = "FatalWriteError";
}

/**
 * A failure of the disk as an operating error; `what` says what did not come about. Errors that don't come from the
 * system are returned as they are.
 */
export function diskError(what: string, error: unknown): unknown {
  if (isErrno(error, "ENOSPC") || isErrno(error, "EDQUOT")) {
    return new DocDBError("DISK_FULL", `${what}: the disk is full. Free some space and try again.`, { cause: error });
  }
  if (error instanceof DocDBError || !isDiskFailure(error)) return error;
  return new DocDBError("IO_ERROR", `${what}: the disk failed (${(error as Error).message}).`, { cause: error });
}

/** Whether an error is an operating one of storage; anything else is a defect, which nothing must cover up. */
export function isDiskFailure(error: unknown): boolean {
  if (error instanceof DocDBError || error instanceof FatalWriteError) return true;
  return error instanceof Error && "syscall" in error;
}

/** The error for a group that could not be written and was taken back. */
export function writeError(error: unknown): DocDBError {
  if (isErrno(error, "ENOSPC") || isErrno(error, "EDQUOT")) {
    const message =
      "The disk is full: the write was refused and nothing of it was kept. Free some space and try again.";
    return new DocDBError("DISK_FULL", message, { cause: error, retryAfterMs: 1000 });
  }
  const message =
    "The disk failed: the write was refused and nothing of it was kept. The server's log has the details.";
  return new DocDBError("IO_ERROR", message, { cause: error });
}

/** The error for a group that may or may not survive. */
export function outcomeUnknown(cause: unknown): DocDBError {
  const message =
    "The disk failed while it made the write durable: whether it survives is known only after the database is opened " +
    "again. The database is read-only until then.";
  return new DocDBError("IO_ERROR", message, { cause });
}

/** The files of a database don't allow it to be opened. The message names the file. */
export function damaged(path: string, reason: string, cause?: unknown): DocDBError {
  const message = `The database can't be opened: ${path}: ${reason}. Nothing was changed.`;
  return new DocDBError("DATABASE_CORRUPT", message, { metadata: { path }, cause });
}
