// The response of BatchGetDocuments. It must fit into one message whatever was asked for, so each document is taken
// only while there is room for it and for an error for every id behind it.

import { BatchGetResult, type Document } from "../../gen/wire/docdb/v1/document.ts";
import { Status } from "../../gen/google/rpc/status.ts";
import { DocDBError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import type { DocumentRecord, Outcome } from "../engine/commands.ts";
import type { Turn } from "../platform/turn.ts";
import { mapInTurns } from "./long-messages.ts";
import { zeroId } from "./mutations.ts";
import { rpcStatusOf } from "./status.ts";
import { timestampOf } from "./times.ts";

/** Bytes that a result takes beside the JSON text or the error in it: tags, lengths, id, version, times. */
const overheadBytes = 80;

/** What an id without room gets. It is the same for all of them, and small. */
const tooLarge = rpcStatusOf(
  new DocDBError("RESPONSE_TOO_LARGE", "There was no room for this document in the response: ask for it again."),
);
const tooLargeBytes = overheadBytes + Status.encode(tooLarge).finish().length;

/** One result for each id, in order. `outcomes` has one for each id that isn't 0. */
export async function batchGetResults(
  ids: readonly bigint[],
  outcomes: readonly Outcome<DocumentRecord>[],
  turn: Turn,
  presentableError: (error: Error) => DocDBError,
): Promise<BatchGetResult[]> {
  let roomBytes = limits.messageBytes - ids.length * tooLargeBytes;
  let next = 0;
  return await mapInTurns(ids, turn, (id): BatchGetResult => {
    const outcome = id === 0n ? { ok: false as const, error: zeroId() } : outcomes[next++];
    const { result, bytes } = resultOf(outcome as Outcome<DocumentRecord>, presentableError);
    const extraBytes = Math.max(0, bytes - tooLargeBytes);
    if (extraBytes > roomBytes) return { id, result: { $case: "error", value: tooLarge } };
    roomBytes -= extraBytes;
    return { id, result };
  });
}

function resultOf(
  outcome: Outcome<DocumentRecord>,
  presentableError: (error: Error) => DocDBError,
): { result: BatchGetResult["result"]; bytes: number } {
  if (outcome.ok) {
    const document = documentOnWire(outcome.value);
    return { result: { $case: "document", value: document }, bytes: overheadBytes + document.json.length };
  }
  if (outcome.error instanceof DocDBError && outcome.error.code === "DOCUMENT_NOT_FOUND") {
    return { result: { $case: "missing", value: true }, bytes: overheadBytes };
  }
  const error = presentableError(outcome.error);
  const status = error.code === "RESPONSE_TOO_LARGE" ? tooLarge : rpcStatusOf(error);
  return { result: { $case: "error", value: status }, bytes: overheadBytes + Status.encode(status).finish().length };
}

/** A document as it is sent: the JSON text in the very bytes that are stored. */
export function documentOnWire({ id, json, version, createTimeMs, updateTimeMs }: DocumentRecord): Document {
  const [createTime, updateTime] = [timestampOf(createTimeMs), timestampOf(updateTimeMs)];
  return { id, json, version: BigInt(version), createTime, updateTime };
}
