// How the command ends, for scripts. Part of the contract: `docdb --help` lists the codes.

import type { DocDBError } from "../client/index.ts";

export const exitCodes = {
  ok: 0,
  failure: 1,
  usage: 2,
  notFound: 5,
  conflict: 6,
  invalid: 7,
  unreachable: 9,
  damaged: 10,
  blemished: 11,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** For the end of the program's help. */
export const exitCodesHelp = `
Exit codes:
  0  it was done
  1  another failure, or an unknown outcome
  2  wrong usage
  5  no such database, collection or document
  6  a conflict: it exists already, is at another version, isn't empty, or takes no writes
  7  invalid: not JSON, a bad name or id, or too large
  9  the server can't be reached, or doesn't take work now
 10  verify, check, inspect, export: something that was acknowledged is damaged
 11  verify, check: something is damaged, but nothing is known to be lost`;

export function exitCodeOf(error: DocDBError): ExitCode {
  if (error.code === "DOCUMENT_TOO_LARGE") return exitCodes.invalid;
  // Somebody was reached, and may have done what was asked.
  if (error.code === "OUTCOME_UNKNOWN") return exitCodes.failure;
  switch (error.status) {
    case "NOT_FOUND":
      return exitCodes.notFound;
    case "ALREADY_EXISTS":
    case "FAILED_PRECONDITION":
    case "ABORTED":
      return exitCodes.conflict;
    case "INVALID_ARGUMENT":
      return exitCodes.invalid;
    case "UNAVAILABLE":
      return exitCodes.unreachable;
    default:
      return exitCodes.failure;
  }
}
