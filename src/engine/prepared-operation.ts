// Write operations whose contents have been checked, and whose patches are ready to be applied: what a plan is made of.

import { checkJson } from "../base/json-text.ts";
import type { Turn } from "../platform/turn.ts";
import { atOperation } from "./batch.ts";
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

/** Prepares all operations of a batch, in turns; an error says which one it was. */
export async function prepareAll(operations: readonly WriteOperation[], turn: Turn): Promise<PreparedOperation[]> {
  const prepared: PreparedOperation[] = [];
  for (const [i, operation] of operations.entries()) {
    try {
      prepared.push(prepare(operation));
    } catch (error) {
      throw atOperation(error, i);
    }
    await turn.pause();
  }
  return prepared;
}
