// The documents of one collection: what `db.collection<User>("users")` offers.

import { type Document as WireDocument, DocumentServiceService as Rpcs } from "../../gen/docdb/v1/document.ts";
import { DocDBError } from "../base/errors.ts";
import { errorOfStatus } from "./call-error.ts";
import type { CallOptions, Calls } from "./connection.ts";
import { deletedNothing, Document, type DocumentStamp, stampOf } from "./document.ts";
import { type DocumentId, exactId } from "./document-id.ts";
import { type JsonText, textOf } from "./json-text.ts";
import { type Patch, wirePatch } from "./patch.ts";
import type { RequestIdOption } from "./request-ids.ts";
import { type ScanOptions, scanDocuments } from "./scan.ts";
import { type Precondition, wirePrecondition } from "./precondition.ts";

export interface CreateOptions extends CallOptions, RequestIdOption {
  /** Id of the new document. Default: the server assigns the next free one of the collection. */
  readonly id?: DocumentId | undefined;
}

export interface UpdateOptions extends CallOptions, Precondition, RequestIdOption {
  /** Creates the document when there is none with that id. Default: false, that is DOCUMENT_NOT_FOUND. */
  readonly allowMissing?: boolean | undefined;
}

export interface PatchOptions extends CallOptions, Precondition, RequestIdOption {}

export interface DeleteOptions extends CallOptions, Precondition, RequestIdOption {
  /** Resolves to undefined when there is no such document. Default: false, that is DOCUMENT_NOT_FOUND. */
  readonly allowMissing?: boolean | undefined;
}

export interface PageOptions extends CallOptions {
  /** Documents in a page at most. Default: 100. The server caps it at 1,000 documents and about 4 MiB of JSON. */
  readonly pageSize?: number | undefined;
}

/** One page of a collection, in the order of ids. */
export interface Page<T> {
  readonly documents: readonly Document<T>[];
  /** Asks for the next page; undefined after the last. An opaque text, valid across connections. */
  readonly nextPageToken: string | undefined;
}

/** The documents of one collection. Making one costs nothing and asks nothing of the server. */
export class Collection<T> {
  /** Name of the database. */
  readonly database: string;
  readonly name: string;
  readonly #connection: Calls;

  constructor(connection: Calls, database: string, name: string) {
    this.#connection = connection;
    this.database = database;
    this.name = name;
  }

  /** Stores a new document. DOCUMENT_EXISTS when `id` is given and taken. */
  async create(document: T | JsonText, options: CreateOptions = {}): Promise<DocumentStamp> {
    const request = {
      ...this.#address(),
      id: options.id === undefined ? 0n : exactId(options.id),
      json: textOf(document),
      precondition: undefined,
      requestId: options.requestId ?? "",
    };
    return stampOf(await this.#connection.write(Rpcs.createDocument, request, options));
  }

  /**
   * Returns the document with that id, or undefined when there is none. That the database or the collection is missing
   * is an error all the same. DOCUMENT_CORRUPT when the disk has damaged it.
   */
  async get(id: DocumentId, options: CallOptions = {}): Promise<Document<T> | undefined> {
    try {
      return await this.getOrThrow(id, options);
    } catch (error) {
      // With a reason that this client doesn't know, something else wasn't found.
      const missing = error instanceof DocDBError && error.code === "DOCUMENT_NOT_FOUND";
      if (missing && error.metadata["reason"] === undefined) return undefined;
      throw error;
    }
  }

  /** Returns the document with that id; rejects with DOCUMENT_NOT_FOUND when there is none. */
  async getOrThrow(id: DocumentId, options: CallOptions = {}): Promise<Document<T>> {
    const request = { ...this.#address(), id: exactId(id) };
    const { document } = await this.#connection.read(Rpcs.getDocument, request, options);
    return new Document(present(document));
  }

  /**
   * Returns the documents with these ids, in that order, undefined for each that doesn't exist. All are read as of one
   * version, as long as they fit into one answer (32 MiB). DOCUMENT_CORRUPT when one of them is damaged.
   */
  async getMany(ids: Iterable<DocumentId>, options: CallOptions = {}): Promise<(Document<T> | undefined)[]> {
    const found: (Document<T> | undefined)[] = [];
    let wanted = Array.from(ids, exactId);
    while (wanted.length > 0) {
      const { results } = await this.#connection.read(
        Rpcs.batchGetDocuments,
        { ...this.#address(), ids: wanted },
        options,
      );
      let answered = 0;
      for (const { result } of results) {
        if (result?.$case === "error") {
          const error = errorOfStatus(result.value);
          // What had no room in this answer is asked for again, as long as each answer brings something.
          if (answered > 0 && error.code === "RESPONSE_TOO_LARGE") break;
          throw error;
        }
        found.push(result?.$case === "document" ? new Document(result.value) : undefined);
        answered++;
      }
      if (answered === 0) throw new DocDBError("INTERNAL", "The server's answer lacks the documents.");
      wanted = wanted.slice(answered);
    }
    return found;
  }

  /**
   * Replaces the whole document. DOCUMENT_NOT_FOUND when there is none, unless `allowMissing` is set. VERSION_MISMATCH
   * when a precondition doesn't hold.
   */
  async update(id: DocumentId, document: T | JsonText, options: UpdateOptions = {}): Promise<DocumentStamp> {
    const request = {
      ...this.#address(),
      id: exactId(id),
      json: textOf(document),
      precondition: wirePrecondition(options),
      requestId: options.requestId ?? "",
      allowMissing: options.allowMissing ?? false,
    };
    return stampOf(await this.#connection.write(Rpcs.updateDocument, request, options));
  }

  /**
   * Changes parts of the document, all or nothing: `users.patch(7n, (p) => p.set("/address/city", "London"))`. What the
   * patch doesn't name keeps its exact text. DOCUMENT_NOT_FOUND when there is no document; PATH_NOT_FOUND,
   * NOT_AN_OBJECT or TEST_FAILED when it isn't one that the patch can be applied to; INVALID_PATH for a path that is no
   * JSON Pointer; VERSION_MISMATCH when a precondition doesn't hold. `metadata.operation` tells which operation failed,
   * from 0.
   */
  async patch(id: DocumentId, patch: Patch, options: PatchOptions = {}): Promise<DocumentStamp> {
    const request = {
      ...this.#address(),
      id: exactId(id),
      ...wirePatch(patch),
      precondition: wirePrecondition(options),
      requestId: options.requestId ?? "",
    };
    return stampOf(await this.#connection.write(Rpcs.patchDocument, request, options));
  }

  /**
   * Deletes the document. DOCUMENT_NOT_FOUND when there is none; with `allowMissing` that resolves to undefined.
   * VERSION_MISMATCH when a precondition doesn't hold.
   */
  async delete(id: DocumentId, options: DeleteOptions = {}): Promise<DocumentStamp | undefined> {
    const request = {
      ...this.#address(),
      id: exactId(id),
      precondition: wirePrecondition(options),
      requestId: options.requestId ?? "",
      allowMissing: options.allowMissing ?? false,
    };
    const response = await this.#connection.write(Rpcs.deleteDocument, request, options);
    return deletedNothing(response) ? undefined : stampOf(response);
  }

  /**
   * Yields the documents in the order of their ids, fetching page after page. Each page is read as of its own version:
   * documents created or deleted meanwhile may show or not (`scan` reads one version). `deadlineMs` is that of each
   * page.
   */
  async *list(options: PageOptions = {}): AsyncGenerator<Document<T>, void, void> {
    let pageToken: string | undefined;
    do {
      const page: Page<T> = await this.listPage(pageToken, options);
      yield* page.documents;
      pageToken = page.nextPageToken;
    } while (pageToken !== undefined);
  }

  /**
   * Yields all documents in the order of their ids, as of one version: what is written meanwhile doesn't show. In a
   * transaction, as of that and with its own writes. Leaving the loop ends the scan.
   * SNAPSHOT_TOO_OLD when it takes longer than 5 minutes and `allowNewer` isn't set; DOCUMENT_CORRUPT at a damaged
   * document, whose id is in the error's metadata: begin behind it.
   */
  scan(options: ScanOptions = {}): AsyncGenerator<Document<T>, void, void> {
    return scanDocuments<T>(this.#connection, this.#address(), options);
  }

  /** Returns one page: the first, or the one that a page's `nextPageToken` asks for. */
  async listPage(pageToken?: string, options: PageOptions = {}): Promise<Page<T>> {
    const request = { ...this.#address(), pageSize: options.pageSize ?? 0, pageToken: pageToken ?? "" };
    const { documents, nextPageToken } = await this.#connection.read(Rpcs.listDocuments, request, options);
    return {
      documents: documents.map((document) => new Document<T>(document)),
      nextPageToken: nextPageToken === "" ? undefined : nextPageToken,
    };
  }

  #address(): { database: string; collection: string; transactionId: string } {
    return { database: this.database, collection: this.name, transactionId: "" };
  }
}

function present(document: WireDocument | undefined): WireDocument {
  if (document === undefined) throw new DocDBError("INTERNAL", "The server's answer lacks the document.");
  return document;
}
