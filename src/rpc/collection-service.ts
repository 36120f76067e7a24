// docdb.v1.CollectionService: the collections of a database.

import type { Collection, CollectionServiceService } from "../../gen/docdb/v1/collection.ts";
import { limits } from "../base/limits.ts";
import type { CollectionInfo } from "../engine/commands.ts";
import { cursorOf, nameCursor, pageScope, pageSizeOf, pageToken } from "./paging.ts";
import type { Handlers } from "./service.ts";
import { timestampOf } from "./times.ts";

export const collectionService: Handlers<typeof CollectionServiceService> = {
  async createCollection({ database, collection }, context) {
    return { collection: collectionOnWire(await context.execute({ op: "createCollection", database, collection })) };
  },

  async deleteCollection({ database, collection, force }, context) {
    await context.execute({ op: "deleteCollection", database, collection, force });
    return {};
  },

  async getCollection({ database, collection }, context) {
    return { collection: collectionOnWire(await context.execute({ op: "getCollection", database, collection })) };
  },

  async listCollections({ database, ...request }, context) {
    const scope = pageScope("ListCollections", database);
    const after = cursorOf(scope, request.pageToken)?.toString("utf8") ?? "";
    const pageSize = pageSizeOf(request.pageSize, limits.pageDocuments, limits.pageDocuments);
    const { items, more } = await context.execute({ op: "listCollections", database, after, pageSize });
    const last = items.at(-1);
    const nextPageToken = more && last !== undefined ? pageToken(scope, nameCursor(last.collection)) : "";
    return { collections: items.map(collectionOnWire), nextPageToken };
  },
};

function collectionOnWire({ collection, documents, jsonBytes, createTimeMs }: CollectionInfo): Collection {
  const counts = { documents: BigInt(documents), jsonBytes: BigInt(jsonBytes) };
  return { name: collection, ...counts, createTime: timestampOf(createTimeMs) };
}
