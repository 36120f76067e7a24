// The writing part of a database: each commit is planned and submitted in one turn of the event loop, against
// everything submitted before it.
//
// An answer that rests on pending writes waits until they are visible, and is worked out anew when they fail.

import { DocDBError } from "../base/errors.ts";
import { checkJson } from "../base/json-text.ts";
import { limits } from "../base/limits.ts";
import type { Clock } from "../platform/platform.ts";
import { Turn } from "../platform/turn.ts";
import type { Mutation } from "../storage/commit.ts";
import type { Store } from "../storage/store.ts";
import type { Collections } from "./collections.ts";
import type { DocumentStamp, ExecutionContext, Outcome, WriteOperation } from "./commands.ts";
import type { PendingWrites } from "./pending.ts";
import type { Submitter } from "./submitter.ts";
import { WritePlan } from "./write-plan.ts";

/** Says of an operation's error which one it was. */
type Explain = (error: unknown, position: number) => unknown;

interface Plan {
  readonly mutations: readonly Mutation[];
  readonly stamps: DocumentStamp[];
}

/** What a writer works with: all of one database. */
export interface WriterParts {
  readonly store: Store;
  readonly collections: Collections;
  readonly pending: PendingWrites;
  readonly submitter: Submitter;
  readonly clock: Clock;
}

export class DocumentWriter {
  readonly #store: Store;
  readonly #collections: Collections;
  readonly #pending: PendingWrites;
  readonly #submitter: Submitter;
  readonly #clock: Clock;

  constructor({ store, collections, pending, submitter, clock }: WriterParts) {
    this.#store = store;
    this.#collections = collections;
    this.#pending = pending;
    this.#submitter = submitter;
    this.#clock = clock;
  }

  /** Applies one operation in a commit of its own. */
  async write(operation: WriteOperation, context?: ExecutionContext): Promise<DocumentStamp> {
    checkContent(operation);
    const [stamp] = await this.#writeCommit([operation], context);
    return stamp as DocumentStamp;
  }

  /** Applies all operations in one commit, or none: then the error says which one failed. */
  async writeAtomic(
    operations: readonly WriteOperation[],
    context?: ExecutionContext,
  ): Promise<Outcome<DocumentStamp>[]> {
    checkSize(operations);
    const turn = new Turn(this.#clock);
    for (const [i, operation] of operations.entries()) {
      try {
        checkContent(operation);
      } catch (error) {
        throw atOperation(error, i);
      }
      await turn.pause();
    }
    const stamps = await this.#writeCommit(operations, context, atOperation);
    return stamps.map((value) => ({ ok: true, value }));
  }

  /** Applies each operation in a commit of its own; they share fsyncs, and one that fails fails alone. */
  async writeEach(
    operations: readonly WriteOperation[],
    context?: ExecutionContext,
  ): Promise<Outcome<DocumentStamp>[]> {
    checkSize(operations);
    const turn = new Turn(this.#clock);
    const outcomes: Promise<Outcome<DocumentStamp>>[] = [];
    for (const operation of operations) {
      outcomes.push(outcomeOf(this.write(operation)));
      await turn.pause();
    }
    context?.releaseSlot?.();
    return await Promise.all(outcomes);
  }

  /** Plans and submits one commit; resolves when it is visible. */
  async #writeCommit(
    operations: readonly WriteOperation[],
    context?: ExecutionContext,
    explain: Explain = (error) => error,
  ): Promise<DocumentStamp[]> {
    for (;;) {
      const before = this.#submitter.lastCommit;
      let plan: Plan;
      try {
        plan = this.#plan(operations, explain);
      } catch (error) {
        if (!(error instanceof DocDBError) || !dependsOnState(error)) throw error;
        context?.releaseSlot?.();
        if (await this.#submitter.settled(before)) throw error;
        continue;
      }
      if (plan.mutations.length > 0) {
        const done = this.#submitter.commit(plan.mutations);
        context?.releaseSlot?.();
        await done;
        return plan.stamps;
      }
      context?.releaseSlot?.();
      if (await this.#submitter.settled(before)) return plan.stamps;
    }
  }

  #plan(operations: readonly WriteOperation[], explain: Explain): Plan {
    this.#submitter.checkWritable();
    const plan = new WritePlan(this.#pending, this.#store.nextVersion, this.#clock.now());
    const stamps = operations.map((operation, i) => {
      try {
        return plan.add(this.#collections.findForWriting(operation.collection), operation);
      } catch (error) {
        throw explain(error, i);
      }
    });
    return { mutations: plan.mutations, stamps };
  }
}

/** INVALID_JSON and the like, of the content that an operation brings. */
export function checkContent(operation: WriteOperation): void {
  if (operation.kind !== "delete") checkJson(operation.json);
}

/** The result of one write among others: an operating error is its outcome. */
async function outcomeOf(write: Promise<DocumentStamp>): Promise<Outcome<DocumentStamp>> {
  try {
    return { ok: true, value: await write };
  } catch (error) {
    return { ok: false, error: error instanceof Error ? error : new Error(String(error)) };
  }
}

/** A commit travels as a whole: through memory, into one group of the WAL, and out of it again at recovery. */
export function checkSize(operations: readonly WriteOperation[]): void {
  let bytes = 0;
  for (const operation of operations) bytes += operation.kind === "delete" ? 0 : operation.json.length;
  if (operations.length > limits.batchOperations) {
    const { length } = operations;
    const message = `A batch of ${length} operations is over the limit of ${limits.batchOperations}. Split it up.`;
    throw new DocDBError("TOO_MANY_OPERATIONS", message);
  }
  if (operations.length > 1 && bytes > limits.commitBytes) {
    const message = `A batch with ${bytes} bytes of documents is over the limit of ${limits.commitBytes}. Split it up.`;
    throw new DocDBError("DOCUMENT_TOO_LARGE", message, { metadata: { bytes: String(bytes) } });
  }
}

/** Whether another state of the documents could have led to another answer. */
function dependsOnState(error: DocDBError): boolean {
  return error.category !== "validation" && error.code !== "MEMORY_LIMIT" && error.code !== "DATABASE_READ_ONLY";
}

/** The error of one operation of a batch that is all or nothing. */
export function atOperation(error: unknown, position: number): unknown {
  if (!(error instanceof DocDBError)) return error;
  const { code, message, metadata, retryAfterMs, cause } = error;
  return new DocDBError(code, `Operation ${position} of the batch: ${message} None of the batch was applied.`, {
    metadata: { ...metadata, index: String(position) },
    cause,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}
