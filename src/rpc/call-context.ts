// One call in flight: what a handler works with, and what can end it early. The caller may go away, its deadline may
// pass, the server may shut down; each interrupts the call, and the answer says whether anything can have happened.
//
// Invariants
// 1. A call is answered exactly once. Whoever answers asks `end()` first; only the first one gets true.
// 2. An interrupted call is answered at once. Work that it began to commit goes on, and its result is nobody's: if it
//    could change something, the answer calls the outcome unknown.

import type { Deadline } from "@grpc/grpc-js";
import { DocDBError } from "../base/errors.ts";
import {
  asCommand,
  type Caller,
  type Command,
  type CommandName,
  type ExecutionContext,
  type Executor,
  type Result,
} from "../engine/commands.ts";
import type { Clock, Randomness, Timer } from "../platform/platform.ts";
import type { OperationMeter } from "../telemetry/call-meters.ts";
import type { CallWatch, WatchedCall } from "../telemetry/call-watch.ts";
import type { Observer } from "../telemetry/observer.ts";
import type { CommandTrace } from "../telemetry/operation-times.ts";
import type { Carrier } from "../telemetry/tracer.ts";
import type { ReplyRooms } from "./reply-room.ts";
import type { Statistics } from "./server-figures.ts";
import type { CallMemory } from "./call-memory.ts";
import type { CallGate, CallKind, GatedCall } from "./call-gate.ts";
import type { Asking, Origin } from "./asking.ts";

/** What calls need of the server. */
export interface CallEnvironment {
  readonly executor: Executor;
  readonly observer: Observer;
  readonly clock: Clock;
  readonly random: Randomness;
  readonly gate: CallGate;
  readonly asking: Asking;
  readonly replyRooms: ReplyRooms;
  readonly memory: CallMemory;
  readonly statistics: Statistics;
  /** Told of every call, for metrics, traces and the log of slow operations. */
  readonly watch: CallWatch;
  /** The text of GetMetrics. */
  readonly metrics: () => string;
}

/** Commands that change nothing: given up in the middle, they leave no doubt. */
const readingCommands: ReadonlySet<CommandName> = new Set<CommandName>([
  "getDatabase",
  "listDatabases",
  "getCollection",
  "listCollections",
  "getDocument",
  "batchGetDocuments",
  "listDocuments",
  "verifyDatabase",
  // Nobody learns its id, and it times out.
  "beginTransaction",
  "openSnapshot",
  "closeSnapshot",
  "scanDocuments",
  "getHealingStats",
]);

/** Who is told how far a command has come. */
export type ProgressWatch = Pick<ExecutionContext, "onProgress" | "onHealProgress" | "verification">;

/**
 * grpc-js ends a call whose deadline passed with a bare status. We answer this much earlier (a quarter of the time
 * left, when that is less), so that the answer says what happened. Its timer may be early by as much as a turn of the
 * event loop is long.
 */
const answerAheadMs = 50;

/** What an interrupted call did, as its message says it; programs find the key in ErrorInfo.metadata, as `outcome`. */
const outcomes = {
  nothing: "nothing was changed",
  unknown: "the work had begun, and its outcome is unknown",
} as const;

/** What a handler works with: one call, however it came in. */
export interface CallContext {
  /** Aborted, with the DocDBError as its reason, when the call has been interrupted. */
  readonly signal: AbortSignal;
  /** Runs a command of this call; it is dropped from its queue when the call is interrupted. */
  execute<K extends CommandName>(command: Command<K>, watch?: ProgressWatch): Promise<Result<K>>;
}

/** A call that has a gRPC stream of its own. */
export class RunningCall implements CallContext, GatedCall, Caller {
  readonly #environment: CallEnvironment;
  readonly #origin: Origin;
  readonly #abort = new AbortController();
  readonly #watched: WatchedCall | undefined;
  /** The trace that the caller is in, if that may be of interest. */
  readonly carrier: Carrier | undefined;
  readonly #answer: (error: DocDBError) => void;
  #deadlineMs = Number.POSITIVE_INFINITY;
  #deadlineTimer: Timer | undefined;
  #interruption: DocDBError | undefined;
  /** Commands running now that may change something. */
  #changing = 0;
  #ended = false;
  /** Called when the server shuts down; the call then ends by itself. Without it, it is interrupted. */
  onDrain: (() => void) | undefined;

  /**
   * `answer` ends the call with an error; it is called at most once, and only when `end()` wasn't called before.
   * `operation` is what the call counts as; a stream that carries calls counts as none.
   */
  constructor(
    environment: CallEnvironment,
    origin: Origin,
    operation: OperationMeter | undefined,
    carrier: Carrier | undefined,
    answer: (error: DocDBError) => void,
  ) {
    this.#environment = environment;
    this.#origin = origin;
    this.carrier = carrier;
    this.#watched = operation === undefined ? undefined : environment.watch.begin(operation, carrier);
    this.#answer = answer;
  }

  /** Aborted, with the DocDBError as its reason, when the call has been interrupted. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Whether nobody waits any more: the timer of the deadline may be late. */
  get gone(): boolean {
    return this.#ended || this.#isLate;
  }

  get #isLate(): boolean {
    return this.#deadlineMs !== Number.POSITIVE_INFINITY && this.#environment.clock.now() >= this.#deadlineMs;
  }

  /** The call's trace, if it is recorded. */
  get trace(): CommandTrace | undefined {
    return this.#watched?.trace;
  }

  /** Whether the call has been answered: nothing can be sent any more. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Starts the call. Throws SERVER_STARTING, SHUTTING_DOWN, or DEADLINE_EXCEEDED when it is too late already. */
  begin(deadline: Deadline, kind: CallKind): void {
    const { gate, clock } = this.#environment;
    gate.enter(this, kind);
    this.#deadlineMs = Number(deadline);
    const remainingMs = this.#deadlineMs - clock.now();
    if (remainingMs === Number.POSITIVE_INFINITY) return;
    if (remainingMs <= 0) throw deadlineExceeded("nothing");
    const interruptAfterMs = remainingMs - Math.min(answerAheadMs, remainingMs / 4);
    this.#deadlineTimer = clock.after(interruptAfterMs, () => this.interrupt(deadlineExceeded("nothing")));
  }

  /** A request of this call is about to be carried out. */
  noteRequest(request: unknown): void {
    this.#environment.asking.note(request, this.#origin);
  }

  /** Runs a command of this call; it is dropped from its queue when the call is interrupted. */
  async execute<K extends CommandName>(command: Command<K>, watch: ProgressWatch = {}): Promise<Result<K>> {
    const { executor } = this.#environment;
    const watched = this.#watched;
    const changing = readingCommands.has(command.op) ? 0 : 1;
    this.changing(changing);
    const times = watched?.command(command);
    try {
      return await executor.execute(command, { signal: this.#abort.signal, caller: this, times, ...watch });
    } finally {
      watched?.commandEnded(times);
      this.changing(-changing);
    }
  }

  /** Counts work that may change something: begun (1) or ended (-1). */
  changing(difference: number): void {
    this.#changing += difference;
  }

  /**
   * Claims the right to answer, well or with this error: true for the first who asks. Frees what the call held.
   */
  end(error?: DocDBError): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.#watched?.end(error);
    this.#deadlineTimer?.cancel();
    this.#environment.gate.leave(this);
    return true;
  }

  /** The caller went away: nobody reads an answer. */
  cancel(): void {
    const error = new DocDBError("CANCELLED", "The client cancelled the call.");
    if (this.end(error)) this.#abort.abort(error);
  }

  interrupt(error: DocDBError): void {
    if (this.#ended || this.#interruption !== undefined) return;
    this.#interruption = error;
    this.#abort.abort(error);
    // Work that the abort has dropped rejects its promises now. What is left after them is running.
    queueMicrotask(() => {
      process.nextTick(() => {
        const explained = this.explain(error);
        if (this.end(explained)) this.#answer(explained);
      });
    });
  }

  /** What to tell the caller of a failure: one that follows from an interruption is that interruption. */
  explain(error: DocDBError): DocDBError {
    const interruption = this.#interruption ?? (this.#isLate ? deadlineExceeded("nothing") : undefined);
    if (interruption === undefined || (error !== interruption && error.code !== "CANCELLED")) return error;
    const outcome = this.#changing > 0 ? "unknown" : "nothing";
    if (interruption.code === "DEADLINE_EXCEEDED") return deadlineExceeded(outcome);
    if (outcome === "nothing") return interruption;
    // SHUTTING_DOWN promises that nothing was done.
    const message = `The server stopped before the work had ended; ${outcomes[outcome]}.`;
    return new DocDBError("CANCELLED", message, { metadata: { outcome } });
  }
}

/** The result of a command that needs no waiting, for a caller that had its turn; undefined for others. */
export function readNow<K extends CommandName>(
  executor: Executor,
  command: Command<K>,
  watched: WatchedCall | undefined,
): Result<K> | undefined {
  const known = asCommand(command);
  if (known.op !== "getDocument") return undefined;
  const found = executor.readNow?.(known);
  if (found !== undefined) watched?.answered(known.database);
  return found;
}

/** The error of a call whose deadline passed. */
export function deadlineExceeded(outcome: keyof typeof outcomes): DocDBError {
  return new DocDBError("DEADLINE_EXCEEDED", `The deadline passed; ${outcomes[outcome]}.`, { metadata: { outcome } });
}
