// What callers are told when the disk is full or fails.

import { DocDBError } from "../base/errors.ts";
import { idOf } from "../base/u64.ts";
import { isFromNamesInDoubt, type NamesInDoubt } from "../platform/careful-file-system.ts";
import { isErrno } from "../platform/file-io.ts";

/** Time after which trying again on a full disk makes sense. */
const diskFullRetryMs = 1_000;

/** A failure after which nothing may be written until the database is opened again. */
export class FatalWriteError extends Error {
  override readonly name = "FatalWriteError";
}

/**
 * A failure of the disk as an operating error; `what` says what did not come about. Errors that don't come from the
 * system are returned as they are.
 */
export function diskError(what: string, error: unknown): unknown {
  if (isDiskFull(error)) {
    return diskFull(`${what}: the disk is full. Free some space and try again.`, error);
  }
  if (error instanceof DocDBError || !isDiskFailure(error)) return error;
  return new DocDBError("IO_ERROR", `${what}: the disk failed (${(error as Error).message}).`, { cause: error });
}

/** Whether an error is an operating one of storage; anything else is a defect, which nothing must cover up. */
export function isDiskFailure(error: unknown): boolean {
  if (error instanceof DocDBError || error instanceof FatalWriteError) return true;
  return error instanceof Error && "syscall" in error;
}

/** Whether the system had no space, or the user's quota none. */
export function isDiskFull(error: unknown): boolean {
  return isErrno(error, "ENOSPC") || isErrno(error, "EDQUOT");
}

/** No space was left for something. Space may come back at any time, so clients are told to try again. */
export function diskFull(message: string, cause?: unknown): DocDBError {
  return new DocDBError("DISK_FULL", message, { cause, retryAfterMs: diskFullRetryMs });
}

/** The error for a group that could not be written and was taken back. */
export function writeError(error: unknown): DocDBError {
  if (isDiskFull(error)) {
    const message =
      "The disk is full: the write was refused and nothing of it was kept. Free some space and try again.";
    return diskFull(message, error);
  }
  const message =
    "The disk failed: the write was refused and nothing of it was kept. The server's log has the details.";
  return new DocDBError("IO_ERROR", message, { cause: error });
}

/** Why a database is read-only that can't make names of files durable. */
export function namesLost({ path }: NamesInDoubt): string {
  return `the disk failed to make names in ${path} durable.`;
}

/** The error for a database that can't be written any more. */
export function readOnlyError(what: string, cause: unknown): DocDBError {
  const remedy = isFromNamesInDoubt(cause) ? "Restart the server" : "Close and open it again";
  const message = `The database is read-only: ${what} Reads go on. ${remedy} when the disk is sound.`;
  return new DocDBError("DATABASE_READ_ONLY", message, { cause });
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

/** A document's record fails its check; it stands, or should stand, at this place. */
export function documentCorrupt(
  path: string,
  offset: number,
  record: { readonly idLow: number; readonly idHigh: number; readonly version: number },
): DocDBError {
  const id = idOf(record.idLow, record.idHigh).toString();
  const version = String(record.version);
  const message =
    `Document ${id} is damaged in ${path} at offset ${offset}; its last content was version ${version}. ` +
    "Write it again or delete it, or heal it from a backup.";
  return new DocDBError("DOCUMENT_CORRUPT", message, { metadata: { id, version, offset: String(offset) } });
}
