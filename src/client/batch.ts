// Many mutations in one call, of any collections of one database: collected by a Batch, then sent, once.

import {
  DocumentServiceService as Rpcs,
  type WriteOperation as WireOperation,
  type WriteResult as WireResult,
} from "../../gen/docdb/v1/document.ts";
import { DocDBError } from "../base/errors.ts";
import { errorOfStatus } from "./call-error.ts";
import type { Collection } from "./collection.ts";
import type { CallOptions, Calls } from "./connection.ts";
import { deletedNothing, type DocumentStamp, stampOf } from "./document.ts";
import { type DocumentId, exactId } from "./document-id.ts";
import { type JsonText, textOf } from "./json-text.ts";
import { type Patch, wirePatch } from "./patch.ts";
import { type Precondition, wirePrecondition } from "./precondition.ts";
import type { RequestIdOption } from "./request-ids.ts";

/** The outcome of one mutation of a batch. `stamp` is undefined when there was nothing to delete. */
export type WriteResult =
  | { readonly ok: true; readonly stamp: DocumentStamp | undefined }
  | { readonly ok: false; readonly error: DocDBError };

/**
 * Collects mutations, at most 65,535 and 32 MiB, and applies them in the order in which they were added: all of them or
 * none with `commit()`, each for itself with `writeEach()`. A batch is sent once.
 */
export class Batch {
  readonly #connection: Calls;
  readonly #database: string;
  readonly #operations: WireOperation[] = [];
  #sent = false;

  constructor(connection: Calls, database: string) {
    this.#connection = connection;
    this.#database = database;
  }

  /** Mutations added so far. */
  get size(): number {
    return this.#operations.length;
  }

  /** Adds a creation; without `id` the server assigns one. */
  create<T>(collection: Collection<T>, document: T | JsonText, options: { readonly id?: DocumentId } = {}): this {
    const id = options.id === undefined ? 0n : exactId(options.id);
    const value = { collection: this.#nameOf(collection), id, json: textOf(document), precondition: undefined };
    return this.#add({ $case: "create", value });
  }

  /** Adds a replacement of a whole document; with `allowMissing` it creates the document when there is none. */
  update<T>(
    collection: Collection<T>,
    id: DocumentId,
    document: T | JsonText,
    options: Precondition & { readonly allowMissing?: boolean } = {},
  ): this {
    const value = {
      collection: this.#nameOf(collection),
      id: exactId(id),
      json: textOf(document),
      precondition: wirePrecondition(options),
      allowMissing: options.allowMissing ?? false,
    };
    return this.#add({ $case: "update", value });
  }

  /** Adds a patch: see `Collection.patch`. */
  patch<T>(collection: Collection<T>, id: DocumentId, patch: Patch, options: Precondition = {}): this {
    const value = {
      collection: this.#nameOf(collection),
      id: exactId(id),
      ...wirePatch(patch),
      precondition: wirePrecondition(options),
    };
    return this.#add({ $case: "patch", value });
  }

  /** Adds a deletion; with `allowMissing` it succeeds when there is nothing to delete. */
  delete<T>(
    collection: Collection<T>,
    id: DocumentId,
    options: Precondition & { readonly allowMissing?: boolean } = {},
  ): this {
    const value = {
      collection: this.#nameOf(collection),
      id: exactId(id),
      precondition: wirePrecondition(options),
      allowMissing: options.allowMissing ?? false,
    };
    return this.#add({ $case: "delete", value });
  }

  /**
   * Applies all mutations in one commit, under one version, or none of them. Resolves to a stamp for each, in order,
   * undefined where there was nothing to delete. Rejects with the error of the first that failed, whose
   * `metadata.index` tells which, from 0.
   */
  async commit(options: CallOptions & RequestIdOption = {}): Promise<(DocumentStamp | undefined)[]> {
    const results = await this.#send(true, options);
    return results.map((result) => {
      if (!result.ok) throw result.error;
      return result.stamp;
    });
  }

  /** Applies each mutation for itself: resolves to a result for each, in order. */
  writeEach(options: CallOptions & RequestIdOption = {}): Promise<WriteResult[]> {
    return this.#send(false, options);
  }

  #nameOf<T>(collection: Collection<T>): string {
    if (collection.database === this.#database) return collection.name;
    const message = `A batch writes to one database: this one to ${this.#database}, not to ${collection.database}.`;
    throw new DocDBError("INVALID_REQUEST", message);
  }

  #add(operation: NonNullable<WireOperation["operation"]>): this {
    if (this.#sent) throw new DocDBError("INVALID_REQUEST", "The batch was sent already: make another one.");
    this.#operations.push({ operation });
    return this;
  }

  async #send(atomic: boolean, options: CallOptions & RequestIdOption): Promise<WriteResult[]> {
    if (this.#sent) throw new DocDBError("INVALID_REQUEST", "The batch was sent already: make another one.");
    this.#sent = true;
    if (this.#operations.length === 0) return [];
    const request = {
      database: this.#database,
      operations: this.#operations,
      atomic,
      requestId: options.requestId ?? "",
      transactionId: "",
    };
    const { results } = await this.#connection.write(Rpcs.batchWrite, request, options);
    if (results.length === this.#operations.length) return results.map(resultOf);
    throw new DocDBError("OUTCOME_UNKNOWN", "The server's answer doesn't have a result for each mutation.");
  }
}

function resultOf({ result }: WireResult): WriteResult {
  if (result?.$case === "error") return { ok: false, error: errorOfStatus(result.value) };
  if (result?.$case !== "document") {
    return { ok: false, error: new DocDBError("OUTCOME_UNKNOWN", "The server's answer has an empty result.") };
  }
  return { ok: true, stamp: deletedNothing(result.value) ? undefined : stampOf(result.value) };
}
