// ScanDocuments: one snapshot of a collection, streamed in the order of ids. Each message is a command of its own, so
// a scan queues like everybody else and holds no slot while its client reads. One page is read ahead, never more: a
// slow client costs two pages of memory and the snapshot, which its age limit ends. Whatever ends the call ends the
// snapshot.

import {
  ScanDirection,
  type ScanDocumentsRequest,
  type ScanDocumentsResponse,
  type UnreadableDocument,
} from "../../gen/wire/docdb/v1/document.ts";
import { DocDBError } from "../base/errors.ts";
import { defaultCollection, type DocumentRecord, type ScanPage, type SnapshotHandle } from "../engine/commands.ts";
import { beyond, firstId } from "../engine/page-reader.ts";
import { Turn } from "../platform/turn.ts";
import { documentOnWire } from "./batch-get.ts";
import type { CallContext, CallEnvironment } from "./call-context.ts";
import { presentableResult } from "./defects.ts";
import { cursorOf, pageScope, pageToken } from "./paging.ts";
import { rpcStatusOf } from "./status.ts";

/** Documents and bytes of records in one message: enough to make its own cost small, little enough for short turns. */
const pageDocuments = 1_000;
const pageBytes = 256 * 1024;

/** Where a scan starts; `from` is undefined when there is nothing behind the place that it resumes at. */
interface ScanStart {
  readonly from: bigint | undefined;
  readonly reverse: boolean;
}

/** A transaction reads its own snapshot, whose version BeginTransaction told. */
const noSnapshot: SnapshotHandle = { snapshot: "", version: 0 };

export async function* scanDocuments(
  environment: CallEnvironment,
  request: ScanDocumentsRequest,
  context: CallContext,
): AsyncGenerator<ScanDocumentsResponse> {
  const { database } = request;
  const collection = request.collection === "" ? defaultCollection : request.collection;
  const scope = pageScope("ScanDocuments", database, collection);
  const { from, reverse } = startOf(scope, request);
  const transaction = request.transactionId === "" ? undefined : request.transactionId;
  const { snapshot, version } =
    transaction === undefined ? await context.execute({ op: "openSnapshot", database }) : noSnapshot;
  const read = (start: bigint): Promise<ScanPage> => {
    const bounds = { from: start, reverse, pageSize: pageDocuments, pageBytes };
    return context.execute({ op: "scanDocuments", database, collection, snapshot, transaction, ...bounds });
  };
  const message = (
    items: readonly DocumentRecord[],
    behind: bigint | undefined,
    unreadable: UnreadableDocument[] = [],
  ): ScanDocumentsResponse => {
    const resumeToken = pageToken(scope, cursorAt({ from: behind, reverse }));
    return { documents: items.map(documentOnWire), resumeToken, version: BigInt(version), unreadable };
  };
  const turn = new Turn(environment.clock);
  try {
    let sent = false;
    // What a transaction reads counts as read by it, so nothing is read in it that nobody may want.
    for await (const { items, failure } of pagesFrom(from, read, transaction === undefined, request.passUnreadable)) {
      const last = items.at(-1);
      // Not from the next page's start, which passes over documents that only newer versions have.
      await turn.pause();
      const error = failure && presentableResult(environment, "ScanDocuments", failure.error);
      if (failure !== undefined && request.passUnreadable && saysUnreadable(error)) {
        yield message(items, beyond(failure.id, reverse), [{ id: failure.id, error: rpcStatusOf(error) }]);
        sent = true;
        continue;
      }
      if (last !== undefined) yield message(items, beyond(last.id, reverse));
      sent ||= last !== undefined;
      if (failure !== undefined && error !== undefined) {
        throw withResumeToken(error, message([], beyond(failure.id, reverse)).resumeToken);
      }
    }
    if (!sent) yield message([], from);
  } finally {
    // Not a command of the call, which may be over already. A server that stops has ended its snapshots itself.
    const ending = { op: "closeSnapshot", database, snapshot } as const;
    if (transaction === undefined) await environment.executor.execute(ending).catch(() => undefined);
  }
}

/** Whether it is the document that can't be read; anything else would end the scan at the next one too. */
function saysUnreadable(error: DocDBError | undefined): error is DocDBError {
  return error?.code === "DOCUMENT_CORRUPT" || error?.code === "IO_ERROR";
}

/**
 * The pages of a scan; each is asked for before the one in front of it is taken, if they may be read `ahead`. They end
 * at a document that can't be read, unless such are passed over.
 */
async function* pagesFrom(
  from: bigint | undefined,
  read: (from: bigint) => Promise<ScanPage>,
  ahead: boolean,
  passUnreadable: boolean,
): AsyncGenerator<ScanPage> {
  let next = from;
  let reading: Promise<ScanPage> | undefined;
  while (next !== undefined) {
    const page: ScanPage = await (reading ?? read(next));
    next = page.failure === undefined || passUnreadable ? page.next : undefined;
    reading = ahead && next !== undefined ? read(next) : undefined;
    // It may fail while the client takes its time; whoever waits for it then hears of it.
    reading?.catch(() => undefined);
    yield page;
  }
}

function startOf(scope: string, { startId, direction, resumeToken }: ScanDocumentsRequest): ScanStart {
  const cursor = cursorOf(scope, resumeToken);
  if (cursor !== undefined) {
    if (startId === 0n && direction === ScanDirection.UNSPECIFIED) return startInCursor(cursor);
    const message = "A scan that is resumed goes on as it went: leave start_id and direction unset, or begin anew.";
    throw new DocDBError("INVALID_PAGE", message);
  }
  switch (direction) {
    case ScanDirection.UNSPECIFIED:
    case ScanDirection.ASCENDING:
      return { from: startId === 0n ? firstId(false) : startId, reverse: false };
    case ScanDirection.DESCENDING:
      return { from: startId === 0n ? firstId(true) : startId, reverse: true };
    default:
      throw new DocDBError("INVALID_ENUM", `${String(direction)} is no direction of a scan.`);
  }
}

/** Where a resumed scan starts: its direction (1 byte) and the first id (8 bytes), 0 when there is nothing left. */
function cursorAt({ from, reverse }: ScanStart): Buffer {
  const cursor = Buffer.alloc(9);
  cursor[0] = reverse ? 1 : 0;
  cursor.writeBigUInt64BE(from ?? 0n, 1);
  return cursor;
}

function startInCursor(cursor: Buffer): ScanStart {
  const from = cursor.readBigUInt64BE(1);
  return { from: from === 0n ? undefined : from, reverse: cursor[0] === 1 };
}

/** A damaged document must not be the end of a scan: the error tells how to go on behind it. */
function withResumeToken(error: DocDBError, token: string): DocDBError {
  const { code, message, cause, retryAfterMs } = error;
  return new DocDBError(code, message, {
    cause,
    metadata: { ...error.metadata, resume_token: token },
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}
