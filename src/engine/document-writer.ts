// The writing part of a database: each commit is planned and submitted in the turn of the event loop in which it comes
// (commit-planner.ts), unless others must come first. A patch of a document that isn't in memory reads it first; later
// writes of the same documents wait in line behind it, so that it finds what it has read.
//
// An answer that rests on pending writes waits until they are visible, and is worked out anew when they fail.

import { limits } from "../base/limits.ts";
import { Turn } from "../platform/turn.ts";
import type { Store } from "../storage/store.ts";
import { atOperation, checkSize } from "./batch.ts";
import type { DocumentStamp, ExecutionContext, Outcome, WriteOperation } from "./commands.ts";
import { type Attempt, CommitPlanner, type Explain, type Planned, type PlannerParts } from "./commit-planner.ts";
import { DocumentLine, documentKey } from "./document-line.ts";
import type { DocumentReader } from "./document-reader.ts";
import { isLong, prepare, prepareAll, prepareInTurns, type PreparedOperation } from "./prepared-operation.ts";
import { type Request, requestOf, requestPieces } from "./requests/request.ts";
import type { Requests } from "./requests/requests.ts";
import { type ContentSource, storedVersion, StoredContents } from "./stored-contents.ts";
import type { Submitter } from "./submitter.ts";

/** What a writer works with: all of one database. */
export interface WriterParts extends PlannerParts {
  readonly reader: DocumentReader;
  readonly requests: Requests;
}

export class DocumentWriter {
  readonly #store: Store;
  /** Where patches find what they patch. */
  readonly #source: ContentSource;
  readonly #submitter: Submitter;
  readonly #planner: CommitPlanner;
  readonly #turn: Turn;
  readonly #line = new DocumentLine();
  readonly #requests: Requests;

  constructor({ reader, requests, ...parts }: WriterParts) {
    const { store, collections, pending, submitter, clock } = parts;
    this.#store = store;
    this.#source = {
      stateOf: (name, id) => {
        const collection = collections.lookUp(name);
        return collection === undefined ? undefined : pending.stateOf(collection, id);
      },
      read: (name, id) => reader.get(name, id),
    };
    this.#requests = requests;
    this.#submitter = submitter;
    this.#planner = new CommitPlanner(parts, this.#source);
    this.#turn = new Turn(clock);
  }

  /** Applies one operation in a commit of its own. */
  async write(operation: WriteOperation, context?: ExecutionContext, requestId?: string): Promise<DocumentStamp> {
    return await this.#writeOne(operation, context, requestOf(requestId, operation));
  }

  /** Applies all operations in one commit, or none: then the error says which one failed. */
  async writeAtomic(
    operations: readonly WriteOperation[],
    context?: ExecutionContext,
    requestId?: string,
  ): Promise<Outcome<DocumentStamp>[]> {
    checkSize(operations);
    const request = await this.#turn.run(requestPieces(requestId, operations));
    const prepared = await prepareAll(operations, this.#turn);
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
    // The slot is given back when the last one needs it no more.
    const watched = { times: context?.times, signal: context?.signal, caller: context?.caller };
    const outcomes: Promise<Outcome<DocumentStamp>>[] = [];
    for (const [position, operation] of operations.entries()) {
      const request = requestOf(requestId, operation, position);
      outcomes.push(outcomeOf(this.#writeOne(operation, watched, request)));
      // The next one must not overtake one that takes its time to check, or a patch that has to read first.
      if (isLong(operation)) await outcomes.at(-1);
      if (!this.#line.isEmpty) await this.#line.lastOf(documentKey(operation.collection, operation.id));
      await this.#turn.pause();
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
    const prepared = isLong(operation) ? await prepareInTurns(operation, this.#turn) : prepare(operation);
    const [stamp] = await this.#writeOnce([prepared], context, request, (error) => error);
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
      // In the turn in which nobody plans any more, it is this one's.
      while (this.#submitter.held !== undefined) {
        context?.releaseSlot?.();
        await this.#submitter.held;
      }
      const attempting = this.#mustWait(planned.operations)
        ? this.#attemptInLine(planned, context)
        : this.#planner.attempt(planned, context);
      const attempt = attempting instanceof Promise ? await attempting : attempting;
      if (attempt === undefined) continue;
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

  #attemptInLine(planned: Planned, context: ExecutionContext | undefined): Promise<Attempt> {
    const { operations, explain } = planned;
    const contents = new StoredContents(this.#source, this.#turn);
    const keys = operations.map(({ collection, id }) => documentKey(collection, id));
    return this.#line.inTurn(keys, async () => {
      for (;;) {
        await contents.load(operations, explain);
        while (this.#submitter.held !== undefined) {
          context?.releaseSlot?.();
          await this.#submitter.held;
        }
        const attempt = await this.#planner.attempt(planned, context, contents);
        if (attempt !== undefined) return attempt;
      }
    });
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
