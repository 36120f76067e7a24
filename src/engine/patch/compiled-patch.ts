// Patches as they come in, and what they are turned into before anything is read: a list of steps, each checked for all
// that can be told without the document. Applying them is all or nothing, because it makes a new text of the document.

import { DocDBError } from "../../base/errors.ts";
import { limits } from "../../base/limits.ts";
import { DocumentTree } from "./document-tree.ts";

/** One thing to do to a document. Throws when the document doesn't allow it. */
export type Step = (tree: DocumentTree) => void;

/** A patch, checked and ready to be applied, any number of times. */
export interface CompiledPatch {
  readonly steps: readonly Step[];
  /** Steps that copy a part of the document into it. */
  readonly copies: number;
}

/**
 * The text of a document after a patch. What the patch doesn't name keeps its text, byte for byte. Throws, with the
 * position of the operation in `metadata.operation`, PATH_NOT_FOUND, NOT_AN_OBJECT or TEST_FAILED; and
 * DOCUMENT_TOO_LARGE or JSON_TOO_DEEP when that is what the document would become.
 */
export function applyPatch(document: Uint8Array, patch: CompiledPatch): Uint8Array {
  const tree = new DocumentTree(document);
  patch.steps.forEach((step, position) => {
    inOperation(position, patch.steps.length, () => {
      step(tree);
    });
  });
  return tree.text();
}

/** Runs `work`, and says of an error of its which operation of the patch it was. */
export function inOperation<T>(position: number, count: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof DocDBError)) throw error;
    const where = count > 1 ? `Operation ${position} of the patch: ` : "";
    throw new DocDBError(error.code, `${where}${error.message}`, {
      metadata: { ...error.metadata, operation: String(position) },
      cause: error.cause,
    });
  }
}

/** TOO_MANY_OPERATIONS when a patch has more than `limits.patchOperations`. */
export function checkOperationCount(count: number): void {
  if (count <= limits.patchOperations) return;
  const message = `A patch of ${count} operations is over the limit of ${limits.patchOperations}. Split it up.`;
  const metadata = { count: String(count), limit: String(limits.patchOperations) };
  throw new DocDBError("TOO_MANY_OPERATIONS", message, { metadata });
}
