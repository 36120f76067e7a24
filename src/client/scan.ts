// Scans: all documents of a collection as of one version, however many there are and whatever is written meanwhile.

import { DocumentServiceService as Rpcs, ScanDirection } from "../../gen/docdb/v1/document.ts";
import type { Status } from "../../gen/google/rpc/status.ts";
import { setTimeout as sleep } from "node:timers/promises";
import { status } from "@grpc/grpc-js";
import { DocDBError } from "../base/errors.ts";
import { errorOfStatus, mayRepeat } from "./call-error.ts";
import type { CallOptions, Calls } from "./connection.ts";
import { Document } from "./document.ts";
import { type DocumentId, exactId } from "./document-id.ts";
import { pauseMs, retryPolicy } from "./retry-policy.ts";

export interface ScanOptions extends CallOptions {
  /** The first id that may come, in the scan's direction. Default: from the first document on. */
  readonly from?: DocumentId | undefined;
  /** Whether to go from the greatest id to the least. Default: false. */
  readonly reverse?: boolean | undefined;
  /** Documents after which to stop. Default: none. */
  readonly limit?: number | undefined;
  /**
   * Whether to go on as of a newer version when the connection breaks, or when the scan takes longer than the server
   * keeps a snapshot (5 minutes): what comes behind then shows later changes. Default: false, and the scan rejects.
   */
  readonly allowNewer?: boolean | undefined;
  /**
   * Told of each document that can't be read, in its place in the order; the scan goes on behind it, as of the same
   * version. Default: none, and the scan rejects at the first one.
   */
  readonly onUnreadable?: ((document: UnreadableDocument) => void) | undefined;
  /** Milliseconds for the whole scan. Default: none, unlike other calls. */
  readonly deadlineMs?: number | undefined;
}

/** A document that is there and can't be read. */
export interface UnreadableDocument {
  readonly id: bigint;
  /** Why: DOCUMENT_CORRUPT, or IO_ERROR when the disk failed to read it. */
  readonly error: DocDBError;
}

/** Where the documents are. */
interface Address {
  readonly database: string;
  readonly collection: string;
  readonly transactionId: string;
}

/** Yields the documents of a collection in the order of their ids; see `Collection.scan`. */
export async function* scanDocuments<T>(
  calls: Calls,
  address: Address,
  options: ScanOptions,
): AsyncGenerator<Document<T>, void, void> {
  const {
    limit = Number.POSITIVE_INFINITY,
    reverse = false,
    allowNewer = false,
    onUnreadable,
    ...callOptions
  } = options;
  const startId = options.from === undefined ? 0n : exactId(options.from);
  const direction = reverse ? ScanDirection.DESCENDING : ScanDirection.ASCENDING;
  const asked = { ...address, passUnreadable: onUnreadable !== undefined };
  let request = { ...asked, startId, direction: direction as ScanDirection, resumeToken: "" };
  let left = limit;
  for (let failures = 0; left > 0; ) {
    try {
      for await (const message of calls.stream(Rpcs.scanDocuments, request, callOptions)) {
        const { documents, resumeToken, unreadable } = message;
        for (const document of documents) {
          yield new Document<T>(document);
          if (--left <= 0) return;
        }
        for (const { id, error } of unreadable) onUnreadable?.({ id, error: errorOfStatus(error ?? noReason(id)) });
        request = { ...asked, startId: 0n, direction: ScanDirection.UNSPECIFIED, resumeToken };
        failures = 0;
      }
      return;
    } catch (error) {
      const mayGoOn = request.resumeToken === "" || allowNewer;
      if (!(error instanceof DocDBError) || !mayGoOn || !passes(error) || ++failures === retryPolicy.tries) throw error;
      await sleep(pauseMs(failures, error.retryAfterMs, Math.random()));
    }
  }
}

/** From a server that doesn't say why. */
function noReason(id: bigint): Status {
  return { code: status.DATA_LOSS, message: `Document ${id} can't be read.`, details: [] };
}

/** Whether a scan that failed so can go on, or begin, at another try. */
function passes(error: DocDBError): boolean {
  return error.code === "SNAPSHOT_TOO_OLD" || mayRepeat(error, "read");
}
