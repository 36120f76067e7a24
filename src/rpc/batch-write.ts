// BatchWrite: what is asked for, and one result for each operation. In a batch that isn't atomic an operation that
// makes no sense fails alone, like one that the engine refuses.

import type { BatchWriteRequest, DocumentStamp as WireStamp, WriteResult } from "../../gen/wire/docdb/v1/document.ts";
import { DocDBError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import type { DocumentStamp, Outcome, WriteOperation } from "../engine/commands.ts";
import type { Turn } from "../platform/turn.ts";
import type { CallContext } from "./call-context.ts";
import { mapInTurns } from "./long-messages.ts";
import { batchOperation } from "./mutations.ts";
import { rpcStatusOf } from "./status.ts";
import { timestampOf } from "./times.ts";

/** Where a batch is applied. */
export interface BatchTarget {
  readonly database: string;
  readonly transaction: string | undefined;
  readonly requestId: string;
}

/** The operations of a request, each alone. TOO_MANY_OPERATIONS. */
export async function batchOperations(
  { operations }: BatchWriteRequest,
  turn: Turn,
): Promise<Outcome<WriteOperation>[]> {
  checkBatchSize(operations.length, "operations");
  return await mapInTurns(operations, turn, (operation): Outcome<WriteOperation> => {
    try {
      return { ok: true, value: batchOperation(operation) };
    } catch (error) {
      if (!(error instanceof DocDBError)) throw error;
      return { ok: false, error };
    }
  });
}

/** Applies an atomic batch. The first error says in its metadata at which `index` it happened. */
export async function writeAtomic(
  target: BatchTarget,
  parsed: readonly Outcome<WriteOperation>[],
  context: CallContext,
  turn: Turn,
): Promise<WriteResult[]> {
  const operations = parsed.map((outcome, index) => {
    if (outcome.ok) return outcome.value;
    throw atIndex(outcome.error as DocDBError, index);
  });
  const { outcomes } = await context.execute({ op: "batchWrite", ...target, operations, atomic: true });
  return await mapInTurns(outcomes, turn, (outcome): WriteResult => {
    if (!outcome.ok) throw outcome.error;
    return { result: { $case: "document", value: stampOnWire(outcome.value) } };
  });
}

/** Applies the operations that make sense, each alone. */
export async function writeEach(
  target: BatchTarget,
  parsed: readonly Outcome<WriteOperation>[],
  context: CallContext,
  turn: Turn,
  presentableError: (error: Error) => DocDBError,
): Promise<WriteResult[]> {
  const operations = parsed.flatMap((outcome) => (outcome.ok ? [outcome.value] : []));
  const { outcomes } = await context.execute({ op: "batchWrite", ...target, operations, atomic: false });
  let next = 0;
  return await mapInTurns(parsed, turn, (asked): WriteResult => {
    const outcome = (asked.ok ? outcomes[next++] : asked) as Outcome<DocumentStamp>;
    if (outcome.ok) return { result: { $case: "document", value: stampOnWire(outcome.value) } };
    return { result: { $case: "error", value: rpcStatusOf(presentableError(outcome.error)) } };
  });
}

/** TOO_MANY_OPERATIONS when a request has more than a batch may hold. */
export function checkBatchSize(count: number, what: string): void {
  if (count <= limits.batchOperations) return;
  const message = `${count} ${what} are over the limit of ${limits.batchOperations}. Split them up.`;
  const metadata = { count: String(count), limit: String(limits.batchOperations) };
  throw new DocDBError("TOO_MANY_OPERATIONS", message, { metadata });
}

/** What a mutation returns. Version 0 says that there was nothing to delete, and has no times. */
export function stampOnWire({ id, version, createTimeMs, updateTimeMs }: DocumentStamp): WireStamp {
  const [createTime, updateTime] = [timestampOf(createTimeMs), timestampOf(updateTimeMs)];
  return { id, version: BigInt(version), createTime, updateTime };
}

function atIndex(error: DocDBError, index: number): DocDBError {
  const message = `Operation ${index} of the batch: ${error.message} None of the batch was applied.`;
  return new DocDBError(error.code, message, { metadata: { ...error.metadata, index: String(index) } });
}
