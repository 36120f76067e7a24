// Mutations, from the wire to the engine. The engine checks names and JSON; what only the wire can get wrong is checked
// here: fields that are missing, id 0, and what this version doesn't have.

import { isUtf8 } from "node:buffer";
import {
  type PatchOperation as WirePathOperation,
  PatchOperationType,
  type Precondition as WirePrecondition,
  type WriteOperation as WireOperation,
} from "../../gen/wire/docdb/v1/document.ts";
import { DocDBError } from "../base/errors.ts";
import type {
  CreateOperation,
  DeleteOperation,
  Patch,
  PatchOperation,
  PathOperation,
  Precondition,
  UpdateOperation,
  WriteOperation,
} from "../engine/commands.ts";

interface WireMutation {
  readonly collection: string;
  readonly id: bigint;
  readonly precondition: WirePrecondition | undefined;
}

interface WithContent {
  readonly json: Uint8Array;
}

interface WithPatch {
  readonly operations: readonly WirePathOperation[];
  readonly jsonPatch: Uint8Array;
  readonly mergePatch: Uint8Array;
}

interface MaybeMissing {
  readonly allowMissing: boolean;
}

export function createOperation({ collection, id, json, precondition }: WireMutation & WithContent): CreateOperation {
  return { kind: "create", collection, id, json, precondition: preconditionOf(precondition) };
}

export function updateOperation(wire: WireMutation & WithContent & MaybeMissing): UpdateOperation {
  const { collection, id, json, precondition, allowMissing } = wire;
  checkId(id);
  return { kind: "update", collection, id, json, precondition: preconditionOf(precondition), allowMissing };
}

export function deleteOperation(wire: WireMutation & MaybeMissing): DeleteOperation {
  const { collection, id, precondition, allowMissing } = wire;
  checkId(id);
  return { kind: "delete", collection, id, precondition: preconditionOf(precondition), allowMissing };
}

export function patchOperation(wire: WireMutation & WithPatch): PatchOperation {
  const { collection, id, precondition } = wire;
  checkId(id);
  return { kind: "patch", collection, id, patch: patchOf(wire), precondition: preconditionOf(precondition) };
}

/** One operation of a batch. INVALID_REQUEST, INVALID_ID, INVALID_ENUM. */
export function batchOperation({ operation }: WireOperation): WriteOperation {
  switch (operation?.$case) {
    case "create":
      return createOperation(operation.value);
    case "update":
      return updateOperation(operation.value);
    case "delete":
      return deleteOperation(operation.value);
    case "patch":
      return patchOperation(operation.value);
    case undefined: {
      const message = "The operation says nothing: one of create, update, delete, patch must be set.";
      throw new DocDBError("INVALID_REQUEST", message);
    }
  }
}

/** The id under which a request may be repeated; empty for none. INVALID_UTF8. */
export function requestIdOf({ requestId }: { readonly requestId: Uint8Array }): string {
  return requestId.length === 0 ? "" : textOf(requestId, "request id");
}

/** INVALID_ID for 0, which only a creation may have. */
export function checkId(id: bigint): void {
  if (id === 0n) throw zeroId();
}

/** The error for id 0. */
export function zeroId(): DocDBError {
  return new DocDBError("INVALID_ID", "0 is no document id: ids are 1 to 2^64-1.", { metadata: { id: "0" } });
}

function preconditionOf(wire: WirePrecondition | undefined): Precondition | undefined {
  if (wire === undefined) return undefined;
  const { condition } = wire;
  if (condition === undefined) {
    throw new DocDBError("INVALID_REQUEST", "The precondition says nothing: version or exists must be set.");
  }
  // Versions are safe integers. Beyond them Number() rounds, but never down into them, so that nothing matches.
  return condition.$case === "version" ? { version: Number(condition.value) } : { exists: condition.value };
}

/** The patch in the one form that is set. An empty text is no form: it isn't JSON anyway. */
function patchOf({ operations, jsonPatch, mergePatch }: WithPatch): Patch {
  const patches: Patch[] = [];
  if (operations.length > 0) patches.push({ form: "operations", operations: operations.map(pathOperationOf) });
  if (jsonPatch.length > 0) patches.push({ form: "jsonPatch", text: jsonPatch });
  if (mergePatch.length > 0) patches.push({ form: "mergePatch", text: mergePatch });
  const [patch] = patches;
  if (patch !== undefined && patches.length === 1) return patch;
  const found = patches.length === 0 ? "none" : patches.length;
  const message = `A patch has exactly one of operations, json_patch and merge_patch; this one has ${found}.`;
  throw new DocDBError("INVALID_REQUEST", message);
}

function pathOperationOf({ op, path: pathBytes, json }: WirePathOperation, position: number): PathOperation {
  const path = textOf(pathBytes, "patch's path", { operation: String(position) });
  switch (op) {
    case PatchOperationType.SET:
      return { op: "set", path, json };
    case PatchOperationType.DELETE:
      return { op: "delete", path, json };
    case PatchOperationType.INSERT:
      return { op: "insert", path, json };
    default:
      throw new DocDBError("INVALID_ENUM", `Operation ${position} of the patch must be SET, DELETE or INSERT.`, {
        metadata: { operation: String(position) },
      });
  }
}

/**
 * The text of a field. INVALID_UTF8: what protobuf makes of other bytes, U+FFFD, could be mistaken for what was meant.
 */
function textOf(bytes: Uint8Array, what: string, metadata: Readonly<Record<string, string>> = {}): string {
  if (!isUtf8(bytes)) throw new DocDBError("INVALID_UTF8", `The ${what} is not valid UTF-8.`, { metadata });
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}
