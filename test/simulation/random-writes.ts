// What simulated clients write: few documents, so that they meet, and contents that no other write has.

import type { WriteOperation } from "../../src/engine/commands.ts";
import type { Prng } from "../../src/platform/sim/prng.ts";
import type { PlannedWrite } from "./commit-model.ts";

export const collections = ["", "second"] as const;
const ids = 12;

/** A write of the document with this key; `mark` makes its content unique. */
export function randomOperation(random: Prng, key: string, mark: string): WriteOperation {
  const [collection = "", number = ""] = key.split("/");
  const id = BigInt(number);
  const filler = "x".repeat(random.below(8) === 0 ? random.below(3000) : random.below(60));
  const json = Buffer.from(JSON.stringify({ mark, filler }));
  const dice = random.below(10);
  if (dice < 3) return { kind: "create", collection, id, json };
  if (dice < 7) return { kind: "update", collection, id, json, allowMissing: dice > 4 };
  if (dice < 9) return { kind: "delete", collection, id, allowMissing: false };
  return { kind: "patch", collection, id, patch: { form: "operations", operations: [{ op: "set", path: "", json }] } };
}

/** What a write leaves behind if it is applied. */
export function plannedWrite(operation: WriteOperation): PlannedWrite {
  const key = `${operation.collection}/${operation.id}`;
  const content = contentOf(operation);
  return { key, content: content === undefined ? null : Buffer.from(content).toString() };
}

/** What a document has after an operation; undefined when that is nothing. Patches here replace the whole document. */
function contentOf(operation: WriteOperation): Uint8Array | undefined {
  if (operation.kind === "delete") return undefined;
  if (operation.kind !== "patch") return operation.json;
  return operation.patch.form === "operations" ? operation.patch.operations[0]?.json : operation.patch.text;
}

export function randomKey(random: Prng): string {
  return `${random.pick(collections)}/${1 + random.below(ids)}`;
}
