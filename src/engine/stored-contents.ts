// The contents that the patches of one command need and that aren't in memory: those of documents which no pending
// write, or no write of the same transaction, has replaced. They are read before the command is planned. A plan uses
// them only if they are still the newest.

import { DocDBError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import type { Turn } from "../platform/turn.ts";
import type { DocumentRecord } from "./commands.ts";
import { type DocumentKey, documentKey } from "./document-line.ts";
import type { DocumentState } from "./pending.ts";
import type { PreparedOperation } from "./prepared-operation.ts";

/** What patches are planned against, and where documents are read. */
export interface ContentSource {
  /** The state of a document; undefined when it never was, or its collection isn't there. */
  stateOf(collection: string, id: bigint): DocumentState | undefined;
  /** The document as readers see it. */
  read(collection: string, id: bigint): Promise<DocumentRecord>;
}

/** Operations that are looked at in one piece of work. */
const operationsInTurn = 64;

export class StoredContents {
  readonly #source: ContentSource;
  readonly #turn: Turn;
  readonly #records = new Map<DocumentKey, DocumentRecord>();
  #bytes = 0;

  constructor(source: ContentSource, turn: Turn) {
    this.#source = source;
    this.#turn = turn;
  }

  /**
   * Reads every document that one of the patches lacks, until none does. `explain` says of an error which operation it
   * was. DOCUMENT_CORRUPT; DOCUMENT_TOO_LARGE when all of them are too much.
   */
  async load(
    operations: readonly PreparedOperation[],
    explain: (error: unknown, position: number) => unknown,
  ): Promise<void> {
    // A second look is needed only when a group has failed meanwhile and taken pending contents away, or when somebody
    // wrote who doesn't wait in line.
    for (let loaded = true; loaded; ) {
      loaded = false;
      for (const [position, operation] of operations.entries()) {
        if (operation.kind === "patch" && position % operationsInTurn === operationsInTurn - 1)
          await this.#turn.pause();
        if (hasContent(operation, this.#source, this)) continue;
        loaded = true;
        await this.#read(operation).catch((error: unknown) => {
          throw explain(error, position);
        });
      }
    }
  }

  /** The content that a document has at a version, if it was read. */
  at(collection: string, id: bigint, version: number): Uint8Array | undefined {
    const record = this.#records.get(documentKey(collection, id));
    return record?.version === version ? record.json : undefined;
  }

  async #read({ collection, id }: PreparedOperation): Promise<void> {
    const record = await this.#source.read(collection, id);
    const key = documentKey(collection, id);
    this.#bytes += record.json.length - (this.#records.get(key)?.json.length ?? 0);
    if (this.#bytes > limits.commitBytes) {
      const message = `The documents that a batch patches have more than ${limits.commitBytes} bytes. Split it up.`;
      throw new DocDBError("DOCUMENT_TOO_LARGE", message, { metadata: { bytes: String(this.#bytes) } });
    }
    this.#records.set(key, record);
  }
}

/**
 * The version of the document that a patch must read from the disk; undefined when the operation needs to read none.
 */
export function storedVersion(operation: PreparedOperation, source: ContentSource): number | undefined {
  if (operation.kind !== "patch") return undefined;
  const state = source.stateOf(operation.collection, operation.id);
  return state?.exists === true && state.content === undefined ? state.version : undefined;
}

/** Whether an operation has all that it needs to be planned: the content of what it patches, in memory. */
export function hasContent(operation: PreparedOperation, source: ContentSource, contents?: StoredContents): boolean {
  const version = storedVersion(operation, source);
  return version === undefined || contents?.at(operation.collection, operation.id, version) !== undefined;
}
