// What a database must hold, as plain maps: the other side of the model test. Whoever adds a command to the engine adds
// what it means here, and a command to model-commands.ts.

import type { ErrorCode } from "../../src/base/errors.ts";
import type { Patch, WriteOperation } from "../../src/engine/commands.ts";

export interface ModelDocument {
  readonly json: string;
  readonly version: number;
}

export class DatabaseModel {
  /** Documents by id, by the name of their collection; the one without a name is always there. */
  readonly collections: Map<string, Map<bigint, ModelDocument>>;
  /** The greatest id that each collection ever had a document with, of those below 2^53: the others don't count. */
  readonly #greatestIds = new Map<string, bigint>();
  /** The greatest version that was given out. */
  version = 0;

  constructor(collections: Iterable<[string, Map<bigint, ModelDocument>]> = [["", new Map()]]) {
    this.collections = new Map(collections);
  }

  document(collection: string, id: bigint): ModelDocument | undefined {
    return this.collections.get(collection)?.get(id);
  }

  /** Above it, ids may be assigned. */
  greatestId(collection: string): bigint {
    return this.#greatestIds.get(collection) ?? 0n;
  }

  /** Why an operation must be refused, or undefined when it must succeed. */
  refusalOf(operation: WriteOperation): ErrorCode | undefined {
    const documents = this.collections.get(operation.collection);
    if (documents === undefined) return "COLLECTION_NOT_FOUND";
    const known = documents.get(operation.id);
    if (operation.kind === "create" && known !== undefined) return "DOCUMENT_EXISTS";
    const mayMiss = operation.kind === "create" || (operation.kind !== "patch" && operation.allowMissing);
    if (known === undefined && !mayMiss) return "DOCUMENT_NOT_FOUND";
    const { precondition } = operation;
    if (precondition === undefined) return undefined;
    const holds =
      "exists" in precondition
        ? precondition.exists === (known !== undefined)
        : known !== undefined && known.version === precondition.version;
    return holds ? undefined : "VERSION_MISMATCH";
  }

  /** Does an operation that isn't refused; false when there was nothing to do, and so no version. */
  apply(operation: WriteOperation, version: number): boolean {
    const documents = this.collections.get(operation.collection);
    if (documents === undefined) throw new Error("an operation that must be refused was applied");
    if (operation.kind === "delete") return documents.delete(operation.id);
    const json =
      operation.kind === "patch"
        ? merged(documents.get(operation.id)?.json ?? "null", operation.patch)
        : Buffer.from(operation.json).toString();
    documents.set(operation.id, { json, version });
    if (operation.id < Number.MAX_SAFE_INTEGER && operation.id > this.greatestId(operation.collection)) {
      this.#greatestIds.set(operation.collection, operation.id);
    }
    return true;
  }

  /** The same documents, for trying something on. */
  copy(): DatabaseModel {
    return new DatabaseModel([...this.collections].map(([name, documents]) => [name, new Map(documents)]));
  }

  /** Forgets a collection, and the ids that it gave out. */
  drop(collection: string): void {
    this.collections.delete(collection);
    this.#greatestIds.delete(collection);
  }

  /** Takes over what a copy has become. */
  become(copy: DatabaseModel): void {
    this.collections.clear();
    for (const [name, documents] of copy.collections) this.collections.set(name, documents);
    for (const [name, id] of copy.#greatestIds) if (id > this.greatestId(name)) this.#greatestIds.set(name, id);
  }
}

/** A document after a merge patch of plain members: they replace those of the same name, and others follow. */
function merged(json: string, patch: Patch): string {
  if (patch.form !== "mergePatch") throw new Error("the model knows merge patches alone");
  const document: unknown = JSON.parse(json);
  const members: unknown = JSON.parse(Buffer.from(patch.text).toString());
  return JSON.stringify(typeof document === "object" ? { ...document, ...(members as object) } : members);
}
