// docdb.v1.DocumentService, over the wire form of its messages in which JSON is bytes: stored bytes reach the client,
// and the client's bytes the engine, without ever becoming strings.

import { DocumentServiceService } from "../../gen/wire/docdb/v1/document.ts";
import { limits } from "../base/limits.ts";
import { defaultCollection, type WriteOperation } from "../engine/commands.ts";
import { Turn } from "../platform/turn.ts";
import { batchGetResults, documentOnWire } from "./batch-get.ts";
import { batchOperations, checkBatchSize, stampOnWire, writeAtomic, writeEach } from "./batch-write.ts";
import type { CallContext, CallEnvironment } from "./call-context.ts";
import { presentableResult } from "./defects.ts";
import { encodeGetResponse, encodeListResponse, encodeScanResponse } from "./document-encoding.ts";
import {
  checkId,
  createOperation,
  deleteOperation,
  patchOperation,
  requestIdOf,
  updateOperation,
} from "./mutations.ts";
import { cursorOf, idCursor, idInCursor, pageScope, pageSizeOf, pageToken } from "./paging.ts";
import { pipelineOf } from "./pipeline.ts";
import { scanDocuments } from "./scan-documents.ts";
import type { Handlers } from "./service.ts";

/** Documents in a page when the client doesn't say. */
const defaultPageDocuments = 100;

type Generated = typeof DocumentServiceService;

/**
 * The service, but that a pipeline's messages stay bytes (their calls are decoded and encoded one by one), and that
 * messages with documents in them are written by hand.
 */
export const documentServiceDefinition: Omit<Generated, "pipeline"> & {
  readonly pipeline: Omit<Generated["pipeline"], "requestDeserialize" | "responseSerialize"> & {
    readonly requestDeserialize: (bytes: Buffer) => Buffer;
    readonly responseSerialize: (bytes: Buffer) => Buffer;
  };
} = {
  ...DocumentServiceService,
  getDocument: { ...DocumentServiceService.getDocument, responseSerialize: encodeGetResponse },
  listDocuments: { ...DocumentServiceService.listDocuments, responseSerialize: encodeListResponse },
  scanDocuments: { ...DocumentServiceService.scanDocuments, responseSerialize: encodeScanResponse },
  pipeline: { ...DocumentServiceService.pipeline, requestDeserialize: asIs, responseSerialize: asIs },
};

type DocumentHandlers = Handlers<typeof documentServiceDefinition>;

export function documentService(environment: CallEnvironment): DocumentHandlers {
  const turn = new Turn(environment.clock);
  const handlers: Omit<DocumentHandlers, "pipeline"> = {
    async createDocument(request, context) {
      return await write(request, createOperation(request), context);
    },

    async getDocument({ database, collection, id, transactionId }, context) {
      checkId(id);
      const transaction = transactionOf(transactionId);
      const found = await context.execute({ op: "getDocument", database, collection, id, transaction });
      return { document: documentOnWire(found) };
    },

    async updateDocument(request, context) {
      return await write(request, updateOperation(request), context);
    },

    async deleteDocument(request, context) {
      return await write(request, deleteOperation(request), context);
    },

    async patchDocument(request, context) {
      return await write(request, patchOperation(request), context);
    },

    async batchGetDocuments({ database, collection, ids: asked, transactionId }, context) {
      checkBatchSize(asked.length, "ids");
      const ids = asked.filter((id) => id !== 0n);
      const transaction = transactionOf(transactionId);
      const { outcomes } = await context.execute({ op: "batchGetDocuments", database, collection, ids, transaction });
      const known = (error: Error) => presentableResult(environment, "BatchGetDocuments", error);
      return { results: await batchGetResults(asked, outcomes, turn, known) };
    },

    async batchWrite(request, context) {
      const { database, atomic } = request;
      const target = { database, transaction: transactionOf(request.transactionId), requestId: requestIdOf(request) };
      const operations = await batchOperations(request, turn);
      if (atomic) return { results: await writeAtomic(target, operations, context, turn) };
      const known = (error: Error) => presentableResult(environment, "BatchWrite", error);
      return { results: await writeEach(target, operations, context, turn, known) };
    },

    async listDocuments({ database, collection, transactionId, ...request }, context) {
      const scope = pageScope("ListDocuments", database, collection === "" ? defaultCollection : collection);
      const after = idInCursor(cursorOf(scope, request.pageToken));
      const pageSize = pageSizeOf(request.pageSize, defaultPageDocuments, limits.pageDocuments);
      const transaction = transactionOf(transactionId);
      const command = { op: "listDocuments", database, collection, after, pageSize, transaction } as const;
      const { items, more } = await context.execute(command);
      const last = items.at(-1);
      const nextPageToken = more && last !== undefined ? pageToken(scope, idCursor(last.id)) : "";
      return { documents: items.map(documentOnWire), nextPageToken };
    },

    scanDocuments: (request, context) => scanDocuments(environment, request, context),
  };
  return { ...handlers, pipeline: pipelineOf(environment, handlers) };
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}

/** What the requests of all mutations have. */
interface Repeatable {
  readonly database: string;
  readonly transactionId: string;
  readonly requestId: Uint8Array;
}

async function write(
  { database, transactionId, ...request }: Repeatable,
  operation: WriteOperation,
  context: CallContext,
): Promise<ReturnType<typeof stampOnWire>> {
  const transaction = transactionOf(transactionId);
  const requestId = requestIdOf(request);
  return stampOnWire(await context.execute({ op: "writeDocument", database, operation, transaction, requestId }));
}

/** The transaction that a request is part of, if any. */
function transactionOf(transactionId: string): string | undefined {
  return transactionId === "" ? undefined : transactionId;
}
