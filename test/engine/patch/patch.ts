// Patches as texts in, documents as texts out.

import { DocDBError } from "../../../src/base/errors.ts";
import type { Patch, PathOperation } from "../../../src/engine/commands.ts";
import { applyPatch, compilePatch } from "../../../src/engine/patch/patch.ts";

/** The text of a document after a patch. */
export function patched(document: string, patch: Patch): string {
  return Buffer.from(applyPatch(Buffer.from(document), compilePatch(patch))).toString();
}

/** The code of the error that a patch ends with, or "ok". */
export function verdict(document: string, patch: Patch): string {
  return failure(document, patch)?.code ?? "ok";
}

export function failure(document: string, patch: Patch): DocDBError | undefined {
  try {
    patched(document, patch);
    return undefined;
  } catch (error) {
    if (error instanceof DocDBError) return error;
    throw error;
  }
}

export function set(path: string, json: string): PathOperation {
  return { op: "set", path, json: Buffer.from(json) };
}

export function insert(path: string, json: string): PathOperation {
  return { op: "insert", path, json: Buffer.from(json) };
}

export function remove(path: string): PathOperation {
  return { op: "delete", path, json: Buffer.alloc(0) };
}

export function operations(...list: PathOperation[]): Patch {
  return { form: "operations", operations: list };
}

export function jsonPatch(patch: unknown): Patch {
  return { form: "jsonPatch", text: Buffer.from(typeof patch === "string" ? patch : JSON.stringify(patch)) };
}

export function mergePatch(patch: unknown): Patch {
  return { form: "mergePatch", text: Buffer.from(typeof patch === "string" ? patch : JSON.stringify(patch)) };
}

/** Milliseconds of this thread's CPU time that `work` takes: others on the machine don't count. */
export function cpuMs(work: () => unknown): number {
  const before = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000;
}
