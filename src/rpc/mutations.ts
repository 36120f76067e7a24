// Mutations, from the wire to the engine. The engine checks names and JSON; what only the wire can get wrong is checked
// here: fields that are missing, id 0, and what this version doesn't have.

import type {
  Precondition as WirePrecondition,
  WriteOperation as WireOperation,
} from "../../gen/wire/docdb/v1/document.ts";
import { DocDBError } from "../base/errors.ts";
import type {
  CreateOperation,
  DeleteOperation,
  Precondition,
  UpdateOperation,
  WriteOperation,
} from "../engine/commands.ts";
import { notImplemented } from "./not-implemented.ts";

interface WireMutation {
  readonly collection: string;
  readonly id: bigint;
  readonly precondition: WirePrecondition | undefined;
}

interface WithContent {
  readonly json: Uint8Array;
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

/** One operation of a batch. INVALID_REQUEST, INVALID_ID. Patches must have been refused before. */
export function batchOperation({ operation }: WireOperation): WriteOperation {
  switch (operation?.$case) {
    case "create":
      return createOperation(operation.value);
    case "update":
      return updateOperation(operation.value);
    case "delete":
      return deleteOperation(operation.value);
    case "patch":
      throw patchNotImplemented();
    case undefined:
      throw new DocDBError("INVALID_REQUEST", "The operation says nothing: one of create, update, delete must be set.");
  }
}

/** The error for a patch, alone or in a batch. */
export function patchNotImplemented(): DocDBError {
  const instead = "Read the document and update it with its version as the precondition.";
  return notImplemented("patches", instead);
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
