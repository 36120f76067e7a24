// Ids of documents: unsigned 64-bit integers from 1. A caller may pass a number where it is exact; what comes back is
// always a bigint, because a number can't hold the greater half of them.

import { DocDBError } from "../base/errors.ts";
import { maxDocumentId } from "../base/limits.ts";

/** The id of a document as callers give it: a bigint from 1 to 2^64-1, or a safe integer from 1. */
export type DocumentId = bigint | number;

/** The id as it travels. INVALID_ID for anything that isn't exactly one, before a byte is sent. */
export function exactId(id: DocumentId): bigint {
  if (typeof id === "bigint") {
    if (id >= 1n && id <= maxDocumentId) return id;
  } else if (Number.isSafeInteger(id) && id >= 1) {
    return BigInt(id);
  }
  throw invalid(id);
}

/** The version as it travels. INVALID_REQUEST for what isn't a positive bigint or safe integer. */
export function exactVersion(version: bigint | number): bigint {
  if (typeof version === "bigint" && version >= 1n && version <= maxDocumentId) return version;
  if (typeof version === "number" && Number.isSafeInteger(version) && version >= 1) return BigInt(version);
  throw new DocDBError("INVALID_REQUEST", `${String(version)} is not a version: pass one that a document had.`);
}

// Callers in JavaScript pass anything, so the message has to name whatever came.
function invalid(id: unknown): DocDBError {
  const shown = typeof id === "string" ? JSON.stringify(id) : String(id);
  const unsafe = typeof id === "number" && Number.isInteger(id) && id > Number.MAX_SAFE_INTEGER;
  const advice = unsafe ? " Numbers this great are not exact: pass a bigint." : "";
  const message = `${shown} is not a document id: ids are integers from 1 to ${maxDocumentId}, as bigint or number.`;
  return new DocDBError("INVALID_ID", message + advice, { metadata: { id: shown } });
}
