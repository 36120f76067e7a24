// The writing part of a database: each commit is planned and submitted in one turn of the event loop, against
// everything submitted before it. A patch of a document that isn't in memory reads it first; later writes of the same
// documents wait in line behind it, so that it finds what it has read.
//
// An answer that rests on pending writes waits until they are visible, and is worked out anew when they fail.

import { DocDBError, type ErrorCode } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import type { Clock } from "../platform/platform.ts";
import { Turn } from "../platform/turn.ts";
import type { OperationTimes } from "../telemetry/operation-times.ts";
import type { Mutation } from "../storage/commit.ts";
import type { Store } from "../storage/store.ts";
import type { Collections } from "./collections.ts";
import type { DocumentStamp, ExecutionContext, Outcome, WriteOperation } from "./commands.ts";
import { DocumentLine, documentKey } from "./document-line.ts";
import type { DocumentReader } from "./document-reader.ts";
import type { PendingWrites } from "./pending.ts";
import { contentBytes, prepare, type PreparedOperation } from "./prepared-operation.ts";
import { type Request, requestOf } from "./requests/request.ts";
import { requestMutation } from "./requests/request-record.ts";
import type { Requests } from "./requests/requests.ts";
import { type ContentSource, storedVersion, StoredContents } from "./stored-contents.ts";
import type { Submitter } from "./submitter.ts";
import { WritePlan } from "./write-plan.ts";

/** Says of an operation's error which one it was. */
type Explain = (error: unknown, position: number) => unknown;

interface Plan {
  readonly mutations: readonly Mutation[];
  readonly stamps: DocumentStamp[];
}

/** What is to become a commit. */
interface Planned {
  readonly operations: readonly PreparedOperation[];
  readonly explain: Explain;
  readonly request: Request | undefined;
  readonly times: OperationTimes | undefined;
}

/** What came of planning a command: a commit under way, or an answer that rests on the commits before it. */
type Attempt =
  | { readonly stamps: DocumentStamp[]; readonly done: Promise<void> }
  | { readonly stamps: DocumentStamp[]; readonly before: Promise<void> }
  | { readonly error: DocDBError; readonly before: Promise<void> };

/** What a writer works with: all of one database. */
export interface WriterParts {
  readonly store: Store;
  readonly collections: Collections;
  readonly reader: DocumentReader;
  readonly requests: Requests;
  readonly pending: PendingWrites;
  readonly submitter: Submitter;
  readonly clock: Clock;
}

export class DocumentWriter {
  readonly #store: Store;
  readonly #collections: Collections;
  /** Where patches find what they patch. */
  readonly #source: ContentSource;
  readonly #pending: PendingWrites;
  readonly #submitter: Submitter;
  readonly #clock: Clock;
  readonly #line = new DocumentLine();
  readonly #requests: Requests;

  constructor({ store, collections, reader, requests, pending, submitter, clock }: WriterParts) {
    this.#store = store;
    this.#collections = collections;
    this.#source = {
      stateOf: (name, id) => {
        const collection = collections.lookUp(name);
        return collection === undefined ? undefined : pending.stateOf(collection, id);
      },
      read: (name, id) => reader.get(name, id),
    };
    this.#requests = requests;
    this.#pending = pending;
    this.#submitter = submitter;
    this.#clock = clock;
  }

  /** Applies one operation in a commit of its own. */
  async write(operation: WriteOperation, context?: ExecutionContext, requestId?: string): Promise<DocumentStamp> {
    return await this.#writeOne(operation, context, requestOf(requestId, [operation]));
  }

  /** Applies all operations in one commit, or none: then the error says which one failed. */
  async writeAtomic(
    operations: readonly WriteOperation[],
    context?: ExecutionContext,
    requestId?: string,
  ): Promise<Outcome<DocumentStamp>[]> {
    checkSize(operations);
    const request = requestOf(requestId, operations);
    const turn = new Turn(this.#clock);
    const prepared: PreparedOperation[] = [];
    for (const [i, operation] of operations.entries()) {
      try {
        prepared.push(prepare(operation));
      } catch (error) {
        throw atOperation(error, i);
      }
      await turn.pause();
    }
    const stamps = await this.#writeOnce(prepared, context, request, atOperation);
    return stamps.map((value) => ({ ok: true, value }));
  }

  /** Applies each operation in a commit of its own; they share fsyncs, and one that fails fails alone. */
  async writeEach(
    operations: readonly WriteOperation[],
    context?: ExecutionContext,
    requestId?: string,
  ): Promise<Outcome<DocumentStamp>[]> {
    checkSize(operations);
    const turn = new Turn(this.#clock);
    // The slot is given back when the last one needs it no more.
    const watched = { times: context?.times };
    const outcomes: Promise<Outcome<DocumentStamp>>[] = [];
    for (const [position, operation] of operations.entries()) {
      const request = requestOf(requestId, [operation], position);
      outcomes.push(outcomeOf(this.#writeOne(operation, watched, request)));
      // The next one must not overtake a patch that has to read first.
      if (!this.#line.isEmpty) await this.#line.lastOf(documentKey(operation.collection, operation.id));
      await turn.pause();
      if (this.#store.pendingBytes > limits.pendingWriteBytes / 2) {
        context?.releaseSlot?.();
        await this.#submitter.settled();
      }
    }
    context?.releaseSlot?.();
    return await Promise.all(outcomes);
  }

  async #writeOne(
    operation: WriteOperation,
    context: ExecutionContext | undefined,
    request: Request | undefined,
  ): Promise<DocumentStamp> {
    const [stamp] = await this.#writeOnce([prepare(operation)], context, request, (error) => error);
    return stamp as DocumentStamp;
  }

  /** Makes one commit, unless its request is on record or under way; resolves when it is visible. */
  #writeOnce(
    operations: readonly PreparedOperation[],
    context: ExecutionContext | undefined,
    request: Request | undefined,
    explain: Explain,
  ): Promise<readonly DocumentStamp[]> {
    const planned = { operations, explain, request, times: context?.times };
    if (request === undefined) return this.#writeCommit(planned, context);
    return this.#requests.once(request, context, () => this.#writeCommit(planned, context));
  }

  /** Plans and submits one commit; resolves when it is visible. */
  async #writeCommit(planned: Planned, context?: ExecutionContext): Promise<DocumentStamp[]> {
    for (;;) {
      const attempt = this.#mustWait(planned.operations) ? await this.#attemptInTurn(planned) : this.#attempt(planned);
      context?.releaseSlot?.();
      if ("done" in attempt) {
        await attempt.done;
        return attempt.stamps;
      }
      if (!(await this.#submitter.settled(attempt.before))) continue;
      if ("error" in attempt) throw attempt.error;
      return attempt.stamps;
    }
  }

  #mustWait(operations: readonly PreparedOperation[]): boolean {
    if (!this.#line.isEmpty && operations.some(({ collection, id }) => this.#line.has(documentKey(collection, id)))) {
      return true;
    }
    return operations.some((operation) => storedVersion(operation, this.#source) !== undefined);
  }

  #attemptInTurn(planned: Planned): Promise<Attempt> {
    const { operations, explain } = planned;
    const contents = new StoredContents(this.#source);
    const keys = operations.map(({ collection, id }) => documentKey(collection, id));
    return this.#line.inTurn(keys, async () => {
      await contents.load(operations, explain);
      return this.#attempt(planned, contents);
    });
  }

  /** Plans and submits, in one turn of the event loop. */
  #attempt(planned: Planned, contents?: StoredContents): Attempt {
    const before = this.#submitter.lastCommit;
    let plan: Plan;
    try {
      plan = this.#plan(planned, contents);
    } catch (error) {
      if (!(error instanceof DocDBError) || !dependsOnState(error)) throw error;
      return { error, before };
    }
    const { stamps, mutations } = plan;
    return mutations.length > 0
      ? { stamps, done: this.#submitter.commit(mutations, planned.times) }
      : { stamps, before };
  }

  #plan({ operations, explain, request }: Planned, contents?: StoredContents): Plan {
    this.#submitter.checkWritable();
    const nowMs = this.#clock.now();
    const plan = new WritePlan(this.#pending, this.#store.nextVersion, nowMs, contents);
    const stamps = operations.map((operation, i) => {
      try {
        return plan.add(this.#collections.findForWriting(operation.collection), operation);
      } catch (error) {
        throw explain(error, i);
      }
    });
    if (request === undefined) return { mutations: plan.mutations, stamps };
    // A deletion of nothing is on record too: its repetition must not delete what came later.
    return { mutations: [...plan.mutations, requestMutation(request, stamps, nowMs)], stamps };
  }
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
  for (const operation of operations) bytes += contentBytes(operation);
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

/** Errors of planning that come from the command alone, or from what no write changes. */
const stateless: ReadonlySet<ErrorCode> = new Set(["INVALID_NAME", "INVALID_ID", "MEMORY_LIMIT", "DATABASE_READ_ONLY"]);

/** Whether another state of the documents could have led to another answer. */
function dependsOnState(error: DocDBError): boolean {
  return !stateless.has(error.code);
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
