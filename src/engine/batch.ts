// What holds for the operations of one batch: how many they may be, and what an error says of the one that it was.

import { DocDBError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import type { WriteOperation } from "./commands.ts";

/** A commit travels as a whole: through memory, into one group of the WAL, and out of it again at recovery. */
export function checkSize(operations: readonly WriteOperation[]): void {
  let bytes = 0;
  for (const operation of operations) bytes += contentBytes(operation);
  if (operations.length > limits.batchOperations) {
    const { length } = operations;
    const message = `A batch of ${length} operations is over the limit of ${limits.batchOperations}. Split it up.`;
    throw new DocDBError("TOO_MANY_OPERATIONS", message);
  }
  if (operations.length > 1 && bytes > limits.commitBytes) {
    const message = `A batch with ${bytes} bytes of documents is over the limit of ${limits.commitBytes}. Split it up.`;
    throw new DocDBError("DOCUMENT_TOO_LARGE", message, { metadata: { bytes: String(bytes) } });
  }
}

/** Bytes that an operation brings along. */
export function contentBytes(operation: WriteOperation): number {
  if (operation.kind === "delete") return 0;
  if (operation.kind !== "patch") return operation.json.length;
  const { patch } = operation;
  if (patch.form !== "operations") return patch.text.length;
  return patch.operations.reduce((total, { path, json }) => total + path.length + json.length, 0);
}

/** The error of one operation of a batch that is all or nothing. */
export function atOperation(error: unknown, position: number): unknown {
  if (!(error instanceof DocDBError)) return error;
  const { code, message, metadata, retryAfterMs, cause } = error;
  return new DocDBError(code, `Operation ${position} of the batch: ${message} None of the batch was applied.`, {
    metadata: { ...metadata, index: String(position) },
    cause,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}
