// DocDB's own form of patch: SET, DELETE and INSERT at paths. proto/docdb/v1/document.proto says what they mean.

import { DocDBError } from "../../base/errors.ts";
import { checkJson } from "../../base/json-text.ts";
import { invalidPath, parsePointer } from "../../base/json-pointer.ts";
import type { PathOperation } from "../commands.ts";
import { checkOperationCount, type CompiledPatch, inOperation, type Step } from "./compiled-patch.ts";
import { spanOf } from "./json-scan.ts";

/** Checks the operations. INVALID_PATH, INVALID_JSON, INVALID_UTF8, JSON_TOO_DEEP, TOO_MANY_OPERATIONS. */
export function compilePathOperations(operations: readonly PathOperation[]): CompiledPatch {
  checkOperationCount(operations.length);
  const steps = operations.map((operation, i) => inOperation(i, operations.length, () => stepOf(operation)));
  return { steps, copies: 0 };
}

function stepOf({ op, path: pointer, json }: PathOperation): Step {
  const path = parsePointer(pointer);
  if (op === "delete") {
    if (json.length > 0) throw new DocDBError("INVALID_REQUEST", "DELETE takes no value: leave `json` empty.");
    if (path.length === 0) throw invalidPath(pointer, "it names the whole document, which DeleteDocument deletes");
    return (tree) => {
      tree.remove(path);
    };
  }
  checkJson(json);
  const value = spanOf(json);
  if (op === "set") {
    return (tree) => {
      tree.set(path, value, true);
    };
  }
  if (path.length === 0)
    throw invalidPath(pointer, "it names the whole document, and INSERT needs a place in an array");
  return (tree) => {
    tree.insert(path, value, false);
  };
}
