// A patch in any of its three forms, checked.

import type { Patch } from "../commands.ts";
import type { CompiledPatch } from "./compiled-patch.ts";
import { compileJsonPatch } from "./json-patch.ts";
import { compileMergePatch } from "./merge-patch.ts";
import { compilePathOperations } from "./path-operations.ts";

export { applyPatch, type CompiledPatch } from "./compiled-patch.ts";

/** Checks a patch, whatever document it is for: everything that needs no document to be told. */
export function compilePatch(patch: Patch): CompiledPatch {
  switch (patch.form) {
    case "operations":
      return compilePathOperations(patch.operations);
    case "jsonPatch":
      return compileJsonPatch(patch.text);
    case "mergePatch":
      return compileMergePatch(patch.text);
  }
}
