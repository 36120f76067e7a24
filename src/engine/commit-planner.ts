// Plans commits and submits them: each is judged in one turn of the event loop, against everything submitted before it.
// What takes too long for a turn, because of its size or of what it patches, is planned over several, and all other
// commits of the database wait for it.

import { DocDBError, type ErrorCode } from "../base/errors.ts";
import type { Clock } from "../platform/platform.ts";
import { atOnce, type Pieces, Turn } from "../platform/turn.ts";
import type { Mutation } from "../storage/commit.ts";
import type { Store } from "../storage/store.ts";
import type { OperationTimes } from "../telemetry/operation-times.ts";
import type { Collections } from "./collections.ts";
import type { DocumentStamp, ExecutionContext } from "./commands.ts";
import { LongPatch, type LongPatches } from "./long-patches.ts";
import type { PendingWrites } from "./pending.ts";
import type { PreparedOperation } from "./prepared-operation.ts";
import type { Request } from "./requests/request.ts";
import { requestMutationPieces } from "./requests/request-record.ts";
import { type ContentSource, hasContent, type StoredContents } from "./stored-contents.ts";
import type { Submitter } from "./submitter.ts";
import { WritePlan } from "./write-plan.ts";

/** Says of an operation's error which one it was. */
export type Explain = (error: unknown, position: number) => unknown;

/** What is to become a commit. */
export interface Planned {
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
  /** Of the operations planned so far. */
  readonly stamps: DocumentStamp[];
  /** The last commit before it. */
  readonly before: Promise<void>;
  /** See `Submitter.aborts`. */
  readonly aborts: number;
  /** What came of the long patch that is next: its text, or why there is none. */
  patched: Uint8Array | DocDBError | undefined;
}

/** What came of planning a command: a commit under way, or an answer that rests on the commits before it. */
export type Attempt =
  | { readonly stamps: DocumentStamp[]; readonly done: Promise<void> }
  | { readonly stamps: DocumentStamp[]; readonly before: Promise<void> }
  | { readonly error: DocDBError; readonly before: Promise<void> };

/**
 * How far planning has come: to its end, or to a patch that has to be worked out elsewhere. "void": what it was judged
 * by has changed, or a patch has lost the content that it was in memory with, because its write has become visible.
 */
type Reached = Attempt | LongPatch | "void";

/** What plans are made with: parts of one database. */
export interface PlannerParts {
  readonly store: Store;
  readonly collections: Collections;
  readonly pending: PendingWrites;
  readonly submitter: Submitter;
  readonly longPatches: LongPatches;
  readonly clock: Clock;
}

export class CommitPlanner {
  readonly #parts: PlannerParts;
  /** Where patches find what they patch. */
  readonly #source: ContentSource;
  readonly #submitter: Submitter;
  readonly #turn: Turn;

  constructor(parts: PlannerParts, source: ContentSource) {
    this.#parts = parts;
    this.#source = source;
    this.#submitter = parts.submitter;
    this.#turn = new Turn(parts.clock);
  }

  /**
   * Plans and submits: in this turn of the event loop if that is enough, otherwise over several, which nobody else may
   * plan in. Undefined when what it was judged by has changed meanwhile.
   */
  attempt(
    planned: Planned,
    context: ExecutionContext | undefined,
    contents?: StoredContents,
  ): Promise<Attempt | undefined> | Attempt | undefined {
    const planning = this.#begin(planned, contents);
    if (planned.operations.length <= this.#submitter.mutationsInPiece) {
      const reached = this.#planPiece(planning) ?? this.#submit(planning);
      return reached instanceof LongPatch ? this.#goOn(planning, reached, context) : attemptOf(reached);
    }
    const pieces = this.#attemptPieces(planning);
    const started = this.#turn.start(pieces);
    if (started === undefined) return this.#goOn(planning, this.#turn.run(pieces), context);
    const { result } = started;
    return result instanceof LongPatch ? this.#goOn(planning, result, context) : attemptOf(result);
  }

  /** Goes on with a plan over as many turns as it takes. Nobody else may plan meanwhile. */
  #goOn(
    planning: Planning,
    beginning: Promise<Reached> | LongPatch,
    context: ExecutionContext | undefined,
  ): Promise<Attempt | undefined> {
    return this.#submitter.hold(async () => {
      let reached = await beginning;
      while (reached instanceof LongPatch) {
        planning.patched = await this.#parts.longPatches.apply(reached, context).catch(ownError);
        reached = await this.#turn.run(this.#attemptPieces(planning));
      }
      return attemptOf(reached);
    });
  }

  *#attemptPieces(planning: Planning): Pieces<Reached> {
    const { planned, stamps, aborts } = planning;
    for (;;) {
      const reached = this.#planPiece(planning);
      if (reached !== undefined) return reached;
      if (stamps.length === planned.operations.length) break;
      yield;
    }
    const mutations = yield* mutationPieces(planning);
    if (mutations.length === 0) return planning;
    const submitted = yield* this.#submitter.commitPieces(mutations, aborts, planned.times);
    return submitted === undefined ? "void" : { stamps, done: submitted.done };
  }

  /** Submits a small plan that was made in this turn. */
  #submit(planning: Planning): Attempt {
    const mutations = atOnce(mutationPieces(planning));
    if (mutations.length === 0) return planning;
    return { stamps: planning.stamps, done: this.#submitter.commit(mutations, planning.planned.times).done };
  }

  #begin(planned: Planned, contents: StoredContents | undefined): Planning {
    this.#submitter.checkWritable();
    const { clock, store, pending, longPatches } = this.#parts;
    const nowMs = clock.now();
    const plan = new WritePlan(pending, { version: store.nextVersion, nowMs, contents, longPatches });
    const { aborts, lastCommit: before } = this.#submitter;
    return { planned, contents, plan, nowMs, stamps: [], before, aborts, patched: undefined };
  }

  /** Plans the next operations; returns what ends that before its time. */
  #planPiece(planning: Planning): Reached | undefined {
    const { planned, contents, plan, stamps, before } = planning;
    const { operations, explain } = planned;
    const to = Math.min(stamps.length + this.#submitter.mutationsInPiece, operations.length);
    while (stamps.length < to) {
      const operation = operations[stamps.length] as PreparedOperation;
      const { patched } = planning;
      planning.patched = undefined;
      if (patched === undefined && !hasContent(operation, this.#source, contents)) return "void";
      try {
        if (patched instanceof DocDBError) throw patched;
        const added = plan.add(this.#parts.collections.findForWriting(operation.collection), operation, patched);
        if (added instanceof LongPatch) return added;
        stamps.push(added);
      } catch (error) {
        const explained = explain(error, stamps.length);
        if (!(explained instanceof DocDBError) || !dependsOnState(explained)) throw explained;
        return { error: explained, before };
      }
    }
    return undefined;
  }
}

function attemptOf(reached: Attempt | "void"): Attempt | undefined {
  return reached === "void" ? undefined : reached;
}

/** An error of ours; others are thrown. */
function ownError(error: unknown): DocDBError {
  if (error instanceof DocDBError) return error;
  throw error;
}

/** The changes of a commit that was planned, and the record of its request if that has an id. */
function* mutationPieces({ planned, plan, stamps, nowMs }: Planning): Pieces<readonly Mutation[]> {
  if (planned.request === undefined) return plan.mutations;
  // A deletion of nothing is on record too: its repetition must not delete what came later.
  return [...plan.mutations, yield* requestMutationPieces(planned.request, stamps, nowMs)];
}

/** Errors of planning that come from the command alone, or from what no write changes. */
const stateless: ReadonlySet<ErrorCode> = new Set([
  "INVALID_NAME",
  "INVALID_ID",
  "MEMORY_LIMIT",
  "DATABASE_READ_ONLY",
  "CANCELLED",
]);

/** Whether another state of the documents could have led to another answer. */
function dependsOnState(error: DocDBError): boolean {
  return !stateless.has(error.code);
}
