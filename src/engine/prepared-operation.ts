// Write operations whose contents have been checked, and whose patches are ready to be applied: what a plan is made of.

import { checkJson } from "../base/json-text.ts";
import type { CreateOperation, DeleteOperation, PatchOperation, UpdateOperation, WriteOperation } from "./commands.ts";
import { type CompiledPatch, compilePatch } from "./patch/patch.ts";

/** A patch, checked: what it says is in `compiled`. */
export interface PreparedPatch extends Omit<PatchOperation, "patch"> {
  readonly compiled: CompiledPatch;
}

export type PreparedOperation = CreateOperation | UpdateOperation | DeleteOperation | PreparedPatch;

/** Checks all of an operation that can be checked without the document. INVALID_JSON, INVALID_PATH and the like. */
export function prepare(operation: WriteOperation): PreparedOperation {
  switch (operation.kind) {
    case "delete":
      return operation;
    case "patch": {
      const { patch, ...rest } = operation;
      return { ...rest, compiled: compilePatch(patch) };
    }
    default:
      checkJson(operation.json);
      return operation;
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
