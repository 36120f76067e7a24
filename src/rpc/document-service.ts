// docdb.v1.DocumentService, over the wire form of its messages in which JSON is bytes: stored bytes reach the client,
// and the client's bytes the engine, without ever becoming strings.

import type { DocumentServiceService } from "../../gen/wire/docdb/v1/document.ts";
import { limits } from "../base/limits.ts";
import { defaultCollection, type WriteOperation } from "../engine/commands.ts";
import { batchGetResults, documentOnWire } from "./batch-get.ts";
import { batchOperations, checkBatchSize, stampOnWire, writeAtomic, writeEach } from "./batch-write.ts";
import type { CallContext, CallEnvironment } from "./call-context.ts";
import { presentable } from "./defects.ts";
import { checkId, createOperation, deleteOperation, patchNotImplemented, updateOperation } from "./mutations.ts";
import { missingStream, refuseLaterFields } from "./not-implemented.ts";
import { cursorOf, idCursor, idInCursor, pageScope, pageSizeOf, pageToken } from "./paging.ts";
import type { Handlers } from "./service.ts";

/** Documents in a page when the client doesn't say. */
const defaultPageDocuments = 100;

export function documentService(environment: CallEnvironment): Handlers<typeof DocumentServiceService> {
  return {
    async createDocument(request, context) {
      refuseLaterFields(request);
      return await write(request.database, createOperation(request), context);
    },

    async getDocument({ database, collection, id, transactionId }, context) {
      refuseLaterFields({ transactionId });
      checkId(id);
      return { document: documentOnWire(await context.execute({ op: "getDocument", database, collection, id })) };
    },

    async updateDocument(request, context) {
      refuseLaterFields(request);
      return await write(request.database, updateOperation(request), context);
    },

    async deleteDocument(request, context) {
      refuseLaterFields(request);
      return await write(request.database, deleteOperation(request), context);
    },

    patchDocument() {
      return Promise.reject(patchNotImplemented());
    },

    async batchGetDocuments({ database, collection, ids: asked, transactionId }, context) {
      refuseLaterFields({ transactionId });
      checkBatchSize(asked.length, "ids");
      const ids = asked.filter((id) => id !== 0n);
      const { outcomes } = await context.execute({ op: "batchGetDocuments", database, collection, ids });
      const known = (error: Error) => presentable(environment, "BatchGetDocuments", error);
      return { results: batchGetResults(asked, outcomes, known) };
    },

    async batchWrite(request, context) {
      refuseLaterFields(request);
      const { database, atomic } = request;
      const operations = batchOperations(request);
      if (atomic) return { results: await writeAtomic(database, operations, context) };
      const known = (error: Error) => presentable(environment, "BatchWrite", error);
      return { results: await writeEach(database, operations, context, known) };
    },

    async listDocuments({ database, collection, transactionId, ...request }, context) {
      refuseLaterFields({ transactionId });
      const scope = pageScope("ListDocuments", database, collection === "" ? defaultCollection : collection);
      const after = idInCursor(cursorOf(scope, request.pageToken));
      const pageSize = pageSizeOf(request.pageSize, defaultPageDocuments, limits.pageDocuments);
      const { items, more } = await context.execute({ op: "listDocuments", database, collection, after, pageSize });
      const last = items.at(-1);
      const nextPageToken = more && last !== undefined ? pageToken(scope, idCursor(last.id)) : "";
      return { documents: items.map(documentOnWire), nextPageToken };
    },

    scanDocuments: missingStream("ScanDocuments", "ListDocuments reads a collection page by page."),

    pipeline: missingStream("Pipeline", "BatchWrite and BatchGetDocuments carry many operations in one call."),
  };
}

async function write(
  database: string,
  operation: WriteOperation,
  context: CallContext,
): Promise<ReturnType<typeof stampOnWire>> {
  return stampOnWire(await context.execute({ op: "writeDocument", database, operation }));
}
