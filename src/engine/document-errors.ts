// Errors that say that a document is there, or isn't.

import { DocDBError } from "../base/errors.ts";
import type { Collection } from "../storage/document-index.ts";
import type { DocumentState } from "./pending.ts";

/** The error for a document that isn't there. */
export function documentNotFound(collection: string, id: bigint): DocDBError {
  const message = `Collection ${collection} has no document ${id}.`;
  return new DocDBError("DOCUMENT_NOT_FOUND", message, { metadata: { collection, id: String(id) } });
}

/** The error for a creation of a document that is there. */
export function documentExists(collection: Collection, id: bigint, state: DocumentState): DocDBError {
  return new DocDBError("DOCUMENT_EXISTS", `Collection ${collection.name} already has a document ${id}.`, {
    metadata: { collection: collection.name, id: String(id), version: String(state.version) },
  });
}
