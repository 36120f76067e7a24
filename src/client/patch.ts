// Patches: what to change in a document, in one of three forms. Whatever a patch doesn't name keeps its exact text.

import { type PatchOperation, PatchOperationType } from "../../gen/docdb/v1/document.ts";
import { DocDBError } from "../base/errors.ts";
import { pointerText } from "../base/json-pointer.ts";
import { type JsonText, textOf } from "./json-text.ts";

/**
 * A place in a document: a JSON Pointer (RFC 6901) such as `"/address/city"` or `"/tags/0"`, or the names on the way to
 * it, which need no escapes: `["address", "city"]`, `["tags", 0]`. `-` is the place after an array's last element.
 */
export type JsonPath = string | readonly (string | number)[];

/** One operation of a JSON Patch (RFC 6902). */
export type JsonPatchOperation =
  | { readonly op: "add" | "replace" | "test"; readonly path: string; readonly value: unknown }
  | { readonly op: "remove"; readonly path: string }
  | { readonly op: "move" | "copy"; readonly from: string; readonly path: string };

/**
 * What to change in a document, all of it or nothing:
 *
 * - operations: `(p) => p.set("/address/city", "London").delete("/draft").insert("/tags/0", "new")`;
 * - `{ merge }`: a JSON Merge Patch (RFC 7396): an object with the members to change, null for those to remove;
 * - `{ jsonPatch }`: a JSON Patch (RFC 6902).
 */
export type Patch =
  | ((patch: PatchOperations) => unknown)
  | { readonly merge: unknown }
  | { readonly jsonPatch: readonly JsonPatchOperation[] | JsonText };

/** Collects the operations of a patch, which are applied in this order. Values may be `jsonText()`s. */
export class PatchOperations {
  readonly #operations: PatchOperation[] = [];

  /**
   * Puts a value at the path, over what is there; objects missing on the way are created. On an array's index it
   * replaces that element, on `-` it appends. `""` is the whole document.
   */
  set(path: JsonPath, value: unknown): this {
    return this.#add(PatchOperationType.SET, path, textOf(value));
  }

  /** Removes a member or an element. PATH_NOT_FOUND when there is none. */
  delete(path: JsonPath): this {
    return this.#add(PatchOperationType.DELETE, path, "");
  }

  /** Puts a value into an array before the element at the path, or at its end with `-`. */
  insert(path: JsonPath, value: unknown): this {
    return this.#add(PatchOperationType.INSERT, path, textOf(value));
  }

  /** The operations so far, as they are sent. */
  get operations(): readonly PatchOperation[] {
    return this.#operations;
  }

  #add(op: PatchOperationType, path: JsonPath, json: string): this {
    this.#operations.push({ op, path: typeof path === "string" ? path : pointerText(path.map(String)), json });
    return this;
  }
}

/** The three fields of a request, of which one is set. */
interface WirePatch {
  readonly operations: PatchOperation[];
  readonly jsonPatch: string;
  readonly mergePatch: string;
}

export function wirePatch(patch: Patch): WirePatch {
  if (typeof patch === "function") {
    const collected = new PatchOperations();
    const returned = patch(collected);
    // What comes later would come too late: the patch is sent now.
    if (returned instanceof Promise) throw new DocDBError("INVALID_REQUEST", "A patch's function can't be async.");
    return { operations: [...collected.operations], jsonPatch: "", mergePatch: "" };
  }
  if ("merge" in patch) return { operations: [], jsonPatch: "", mergePatch: textOf(patch.merge) };
  return { operations: [], jsonPatch: textOf(patch.jsonPatch), mergePatch: "" };
}
