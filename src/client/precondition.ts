// Preconditions: what must be true of the stored document for a mutation to apply. A mutation whose precondition
// doesn't hold changes nothing and fails with VERSION_MISMATCH.

import type { Precondition as WirePrecondition } from "../../gen/docdb/v1/document.ts";
import { DocDBError } from "../base/errors.ts";
import { exactVersion } from "./document-id.ts";

/** What must be true of the stored document. At most one of these; default: anything may be. */
export interface Precondition {
  /** The document exists and has exactly this version: nobody changed it since it was read. */
  readonly ifVersion?: bigint | number | undefined;
  /** Whether the document exists. */
  readonly ifExists?: boolean | undefined;
}

export function wirePrecondition({ ifVersion, ifExists }: Precondition): WirePrecondition | undefined {
  if (ifVersion !== undefined && ifExists !== undefined) {
    throw new DocDBError("INVALID_REQUEST", "A mutation takes `ifVersion` or `ifExists`, not both.");
  }
  if (ifVersion !== undefined) return { condition: { $case: "version", value: exactVersion(ifVersion) } };
  if (ifExists !== undefined) return { condition: { $case: "exists", value: ifExists } };
  return undefined;
}
