// What applying a patch may cost at most, told before it is done: what may take too long for a turn of the event loop
// is done elsewhere. Costs are told in bytes that are gone through; a million of them take some 4 ms where documents
// consist of short members, and 1 ms where they are like most.

import type { Patch } from "../commands.ts";
import type { CompiledPatch } from "./compiled-patch.ts";

/** Bytes of a patch's texts that are checked in a turn, in some 4 ms. */
const textInTurn = 512 * 1024;
/** Passes over the document that a patch costs whatever it does: to read it, and to check and write what it becomes. */
const fixedPasses = 7;
/** Each member of a merge patch is looked up, and becomes one of the document: bytes of it cost like so many others. */
const mergeWeight = 8;

/**
 * Bytes of memory that applying a patch takes for each byte of the document: its copy, the result, and what stands for
 * members. For a byte of a merge patch it is five times as much, when it consists of short members.
 */
const [memoryPerByte, mergeMemoryWeight] = [8, 5];

/** Bytes of a patch that may be gone through in a turn: some 8 ms at worst. */
export const patchWorkInTurn: number = 2 * 1024 * 1024;

/** Bytes of the texts of a patch. */
export function patchBytes(patch: Patch): number {
  if (patch.form !== "operations") return patch.text.length;
  return patch.operations.reduce((sum, { path, json }) => sum + path.length + json.length, 0);
}

/** Whether a patch has too much text to be checked in a turn. */
export function hasLongText(patch: Patch): boolean {
  return patchBytes(patch) > textInTurn;
}

/** Bytes that are gone through when a patch is applied to a document of `documentBytes`, at most. */
export function patchWork(documentBytes: number, patch: Patch, { steps, copies }: CompiledPatch): number {
  const bytes = patchBytes(patch) * (patch.form === "mergePatch" ? mergeWeight : 1);
  // Each step may go through all of the document, and each copy may double it.
  return (documentBytes + bytes) * (fixedPasses + steps.length) * 2 ** copies;
}

/** Bytes of memory that applying a patch to a document of `documentBytes` takes, at most. */
export function patchMemoryBytes(documentBytes: number, patch: Patch): number {
  const weight = patch.form === "mergePatch" ? mergeMemoryWeight : 1;
  return memoryPerByte * (documentBytes + weight * patchBytes(patch));
}
