// Write operations whose contents have been checked, and whose patches are ready to be applied: what a plan is made of.

import { checkJsonInPieces } from "../base/json-pieces.ts";
import { checkJson } from "../base/json-text.ts";
import type { Pieces, Turn } from "../platform/turn.ts";
import { bytesInPiece } from "../storage/long-bytes.ts";
import { atOperation } from "./batch.ts";
import type { CreateOperation, DeleteOperation, PatchOperation, UpdateOperation, WriteOperation } from "./commands.ts";
import { type CompiledPatch, compilePatch } from "./patch/patch.ts";
import { hasLongText } from "./patch/patch-cost.ts";

/** A patch, checked, unless it has so much text that this is done when it is applied. */
export interface PreparedPatch extends PatchOperation {
  readonly compiled: CompiledPatch | undefined;
}

export type PreparedOperation = CreateOperation | UpdateOperation | DeleteOperation | PreparedPatch;

/** Checks all of an operation that can be checked without the document. INVALID_JSON, INVALID_PATH and the like. */
export function prepare(operation: WriteOperation): PreparedOperation {
  switch (operation.kind) {
    case "delete":
      return operation;
    case "patch":
      return { ...operation, compiled: hasLongText(operation.patch) ? undefined : compilePatch(operation.patch) };
    default:
      checkJson(operation.json);
      return operation;
  }
}

/** Whether an operation is checked over several turns of the event loop. */
export function isLong(operation: WriteOperation): boolean {
  return (operation.kind === "create" || operation.kind === "update") && operation.json.length > bytesInPiece;
}

/** Like `prepare`, in this turn of the event loop unless the operation is long. */
export function prepareInTurns(operation: WriteOperation, turn: Turn): PreparedOperation | Promise<PreparedOperation> {
  return isLong(operation) ? turn.run(preparePieces(operation)) : prepare(operation);
}

function* preparePieces(operation: WriteOperation): Pieces<PreparedOperation> {
  if (operation.kind !== "create" && operation.kind !== "update") return prepare(operation);
  yield* checkJsonInPieces(operation.json, bytesInPiece);
  return operation;
}

/** Prepares all operations of a batch, in turns; an error says which one it was. */
export async function prepareAll(operations: readonly WriteOperation[], turn: Turn): Promise<PreparedOperation[]> {
  const prepared: PreparedOperation[] = [];
  for (const [i, operation] of operations.entries()) {
    try {
      prepared.push(isLong(operation) ? await prepareInTurns(operation, turn) : prepare(operation));
    } catch (error) {
      throw atOperation(error, i);
    }
    await turn.pause();
  }
  return prepared;
}
