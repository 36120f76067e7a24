// What a database must hold, as plain maps: the other side of the model test. Whoever adds a command to the engine adds
// what it means here, and a command to model-commands.ts.

import type { ErrorCode } from "../../src/base/errors.ts";
import type { WriteOperation } from "../../src/engine/commands.ts";

export interface ModelDocument {
  readonly json: string;
  readonly version: number;
}

export class DatabaseModel {
  /** Documents by id, by the name of their collection; the one without a name is always there. */
  readonly collections: Map<string, Map<bigint, ModelDocument>>;
  /** The greatest version that was given out. */
  version = 0;

  constructor(collections: Iterable<[string, Map<bigint, ModelDocument>]> = [["", new Map()]]) {
    this.collections = new Map(collections);
  }

  document(collection: string, id: bigint): ModelDocument | undefined {
    return this.collections.get(collection)?.get(id);
  }

  /** Why an operation must be refused, or undefined when it must succeed. */
  refusalOf(operation: WriteOperation): ErrorCode | undefined {
    const documents = this.collections.get(operation.collection);
    if (documents === undefined) return "COLLECTION_NOT_FOUND";
    const known = documents.get(operation.id);
    if (operation.kind === "create" && known !== undefined) return "DOCUMENT_EXISTS";
    if (operation.kind !== "create" && known === undefined && !operation.allowMissing) return "DOCUMENT_NOT_FOUND";
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
    documents.set(operation.id, { json: Buffer.from(operation.json).toString(), version });
    return true;
  }

  /** The same documents, for trying something on. */
  copy(): DatabaseModel {
    return new DatabaseModel([...this.collections].map(([name, documents]) => [name, new Map(documents)]));
  }

  /** Takes over what a copy has become. */
  become({ collections }: DatabaseModel): void {
    this.collections.clear();
    for (const [name, documents] of collections) this.collections.set(name, documents);
  }
}
