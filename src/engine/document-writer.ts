// The writing part of a database: each commit is planned and submitted in one turn of the event loop, against
// everything submitted before it. A patch of a document that isn't in memory reads it first; later writes of the same
// documents wait in line behind it, so that it finds what it has read.
//
// An answer that rests on pending writes waits until they are visible, and is worked out anew when they fail.

import { DocDBError, type ErrorCode } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import type { Clock } from "../platform/platform.ts";
import { type Pieces, Turn } from "../platform/turn.ts";
import type { OperationTimes } from "../telemetry/operation-times.ts";
import type { Mutation } from "../storage/commit.ts";
import type { Store } from "../storage/store.ts";
import { atOperation, checkSize } from "./batch.ts";
import type { Collections } from "./collections.ts";
import type { DocumentStamp, ExecutionContext, Outcome, WriteOperation } from "./commands.ts";
import { DocumentLine, documentKey } from "./document-line.ts";
import type { DocumentReader } from "./document-reader.ts";
import type { PendingWrites } from "./pending.ts";
import { isLong, prepare, prepareAll, prepareInTurns, type PreparedOperation } from "./prepared-operation.ts";
import { type Request, requestOf, requestPieces } from "./requests/request.ts";
import { requestMutation } from "./requests/request-record.ts";
import type { Requests } from "./requests/requests.ts";
import { type ContentSource, hasContent, storedVersion, StoredContents } from "./stored-contents.ts";
import type { Submitter } from "./submitter.ts";
import { WritePlan } from "./write-plan.ts";

/** Says of an operation's error which one it was. */
type Explain = (error: unknown, position: number) => unknown;

/** What is to become a commit. */
interface Planned {
  readonly operations: readonly PreparedOperation[];
  readonly explain: Explain;
  readonly request: Request | undefined;
  readonly times: OperationTimes | undefined;
}

/** A commit that is being planned. */
interface Planning {
  readonly planned: Planned;
  readonly contents: StoredContents | undefined;
  readonly plan: WritePlan;
  readonly nowMs: number;
  readonly stamps: DocumentStamp[];
  /** The last commit before it. */
  readonly before: Promise<void>;
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
  readonly #turn: Turn;
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
    const watched = { times: context?.times };
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
        : this.#attempt(planned);
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
        const attempt = await this.#attempt(planned, contents);
        if (attempt !== undefined) return attempt;
      }
    });
  }

  /**
   * Plans and submits: in this turn of the event loop if that is enough, otherwise over several, which nobody else may
   * plan in. Undefined when what it was judged by has changed meanwhile.
   */
  #attempt(planned: Planned, contents?: StoredContents): Promise<Attempt | undefined> | Attempt | undefined {
    const planning = this.#begin(planned, contents);
    if (planned.operations.length <= this.#submitter.mutationsInPiece) {
      const failed = this.#planPiece(planning, 0);
      if (failed !== undefined) return failed === "void" ? undefined : failed;
      const mutations = mutationsOf(planning);
      if (mutations.length === 0) return planning;
      return { stamps: planning.stamps, done: this.#submitter.commit(mutations, planned.times).done };
    }
    const pieces = this.#attemptPieces(planning);
    const started = this.#turn.start(pieces);
    return started === undefined ? this.#submitter.hold(() => this.#turn.run(pieces)) : started.result;
  }

  *#attemptPieces(planning: Planning): Pieces<Attempt | undefined> {
    const { planned, stamps } = planning;
    const { aborts, mutationsInPiece } = this.#submitter;
    for (let from = 0; from < planned.operations.length; from += mutationsInPiece) {
      if (from > 0) yield;
      const failed = this.#planPiece(planning, from);
      if (failed !== undefined) return failed === "void" ? undefined : failed;
    }
    const mutations = mutationsOf(planning);
    if (mutations.length === 0) return planning;
    const submitted = yield* this.#submitter.commitPieces(mutations, aborts, planned.times);
    return submitted === undefined ? undefined : { stamps, done: submitted.done };
  }

  #begin(planned: Planned, contents: StoredContents | undefined): Planning {
    this.#submitter.checkWritable();
    const nowMs = this.#clock.now();
    const plan = new WritePlan(this.#pending, this.#store.nextVersion, nowMs, contents);
    return { planned, contents, plan, nowMs, stamps: [], before: this.#submitter.lastCommit };
  }

  /**
   * Plans one piece of the operations; returns the error that it ends in, if that may depend on pending writes. "void":
   * a patch has lost the content that it was in memory with, because its write has become visible meanwhile.
   */
  #planPiece({ planned, contents, plan, stamps, before }: Planning, from: number): Attempt | "void" | undefined {
    const { operations, explain } = planned;
    const to = Math.min(from + this.#submitter.mutationsInPiece, operations.length);
    for (let i = from; i < to; i++) {
      const operation = operations[i] as PreparedOperation;
      if (operation.kind === "patch" && !hasContent(operation, this.#source, contents)) return "void";
      try {
        stamps.push(plan.add(this.#collections.findForWriting(operation.collection), operation));
      } catch (error) {
        const explained = explain(error, i);
        if (!(explained instanceof DocDBError) || !dependsOnState(explained)) throw explained;
        return { error: explained, before };
      }
    }
    return undefined;
  }
}

/** The changes of a commit that was planned, and the record of its request if that has an id. */
function mutationsOf({ planned, plan, stamps, nowMs }: Planning): readonly Mutation[] {
  if (planned.request === undefined) return plan.mutations;
  // A deletion of nothing is on record too: its repetition must not delete what came later.
  return [...plan.mutations, requestMutation(planned.request, stamps, nowMs)];
}

/** The result of one write among others: an operating error is its outcome. */
async function outcomeOf(write: Promise<DocumentStamp>): Promise<Outcome<DocumentStamp>> {
  try {
    return { ok: true, value: await write };
  } catch (error) {
    return { ok: false, error: error instanceof Error ? error : new Error(String(error)) };
  }
}

/** Errors of planning that come from the command alone, or from what no write changes. */
const stateless: ReadonlySet<ErrorCode> = new Set(["INVALID_NAME", "INVALID_ID", "MEMORY_LIMIT", "DATABASE_READ_ONLY"]);

/** Whether another state of the documents could have led to another answer. */
function dependsOnState(error: DocDBError): boolean {
  return !stateless.has(error.code);
}
