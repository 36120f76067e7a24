// The collections of a database: what `db.collections` offers.

import { CollectionServiceService as Rpcs, type Collection as WireCollection } from "../../gen/docdb/v1/collection.ts";
import { DocDBError } from "../base/errors.ts";
import type { CallOptions, Connection } from "./connection.ts";
import { dateOf } from "./document.ts";

/** A collection as the server describes it. */
export interface CollectionInfo {
  /** Its name, spelled as it was when the collection was created. */
  readonly name: string;
  /** Documents in it. */
  readonly documents: number;
  /** Bytes of those documents' JSON texts. */
  readonly jsonBytes: number;
  /** Undefined for `_default`, which is as old as its database. */
  readonly createTime: Date | undefined;
}

/** Creates, lists and drops the collections of one database. */
export class Collections {
  readonly #connection: Connection;
  readonly #database: string;

  constructor(connection: Connection, database: string) {
    this.#connection = connection;
    this.#database = database;
  }

  /**
   * Creates an empty collection. COLLECTION_EXISTS when there is one of that name, whatever the case of its letters.
   */
  async create(name: string, options: CallOptions = {}): Promise<CollectionInfo> {
    const request = { database: this.#database, collection: name };
    const { collection } = await this.#connection.write(Rpcs.createCollection, request, options);
    return infoOf(collection);
  }

  /** Describes a collection. COLLECTION_NOT_FOUND when there is none. */
  async get(name: string, options: CallOptions = {}): Promise<CollectionInfo> {
    const request = { database: this.#database, collection: name };
    const { collection } = await this.#connection.read(Rpcs.getCollection, request, options);
    return infoOf(collection);
  }

  /**
   * Removes a collection. One that holds documents is COLLECTION_NOT_EMPTY, unless `force` is set: then they go with
   * it. COLLECTION_NOT_FOUND when there is none.
   */
  async drop(name: string, options: CallOptions & { readonly force?: boolean } = {}): Promise<void> {
    const request = { database: this.#database, collection: name, force: options.force ?? false };
    await this.#connection.write(Rpcs.deleteCollection, request, options);
  }

  /** Yields the collections in the order of their names, `_default` included, fetching page after page. */
  async *list(options: CallOptions & { readonly pageSize?: number } = {}): AsyncGenerator<CollectionInfo, void, void> {
    let pageToken = "";
    do {
      const request = { database: this.#database, pageSize: options.pageSize ?? 0, pageToken };
      const page = await this.#connection.read(Rpcs.listCollections, request, options);
      yield* page.collections.map(infoOf);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
  }
}

function infoOf(wire: WireCollection | undefined): CollectionInfo {
  if (wire === undefined) throw new DocDBError("INTERNAL", "The server's answer lacks the collection.");
  return {
    name: wire.name,
    documents: Number(wire.documents),
    jsonBytes: Number(wire.jsonBytes),
    createTime: wire.createTime === undefined ? undefined : dateOf(wire.createTime),
  };
}
