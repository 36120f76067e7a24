// One stream of DocumentService.Pipeline: takes the calls out of its messages, runs them in an order that is right for
// each document, and gathers the replies.
//
//     message -> inbox -> DocumentOrder -> ready -> running -> reply -> gathered -> outbox -> message
//
// Invariants
// 1. Each call is answered exactly once, unless the stream ends before.
// 2. Everything is bounded: while too many calls or bytes are held no message is read, and while too many bytes of
//    replies wait for a slow reader no call starts.
// 3. A failed call fails alone.
// 4. A session that drains starts nothing any more, answers what is running, and ends with SHUTTING_DOWN: whatever then
//    has no answer has not begun.

import { DocDBError } from "../base/errors.ts";
import type { Command, CommandName, Result } from "../engine/commands.ts";
import {
  type CallEnvironment,
  deadlineExceeded,
  type ProgressWatch,
  readNow,
  type RunningCall,
} from "./call-context.ts";
import { presentableResult } from "./defects.ts";
import { DocumentOrder } from "./document-order.ts";
import { HeldCalls } from "./held-calls.ts";
import { decodeCallPieces, encodeReplyPieces, isLongReply, type LongResponse } from "./long-calls.ts";
import { isLongRequest } from "./long-messages.ts";
import { documentKeysOf, PipelinedCall, type PipelinedRpcs, type PipelineOwner } from "./pipeline-call.ts";
import { callsIn, type DecodedCall, decodeCall } from "./pipeline-decoding.ts";
import type { Reply } from "./pipeline-encoding.ts";
import { decoding, emptyCall, errorResponse, otherDatabase, undecodable, unnamedDatabase } from "./pipeline-errors.ts";
import type { PipelineTurns, TurnTaker } from "./pipeline-turns.ts";
import { ReadThrottle } from "./read-throttle.ts";
import { ReplyQueue } from "./reply-queue.ts";

/** Calls started in one slice of a turn. */
const sliceCalls = 32;

interface InboxMessage {
  readonly bytes: Buffer;
  /** Deadlines of its calls count from here on. */
  readonly arrivedMs: number;
  readonly places: Int32Array;
  next: number;
}

export class PipelineSession implements PipelineOwner, TurnTaker {
  readonly #environment: CallEnvironment;
  readonly #context: RunningCall;
  readonly #turns: PipelineTurns;
  readonly #rpcs: PipelinedRpcs;
  readonly #order = new DocumentOrder<PipelinedCall>((call) => this.#becameReady(call));
  readonly #replies: ReplyQueue;
  #inbox: InboxMessage | undefined;
  #ready: PipelinedCall[] = [];
  readonly #reads = new ReadThrottle();
  /** Reads that are ready and wait until fewer run. */
  #waitingReads: PipelinedCall[] = [];
  #database: string | undefined;
  readonly #held: HeldCalls;
  #running = 0;
  /** Whether a call is being decoded over several turns: those behind it wait. */
  #isDecoding = false;
  #inputEnded = false;
  #draining = false;
  #failure: Error | undefined;
  #onRoom: (() => void) | undefined;
  #onMessage: (() => void) | undefined;

  constructor(environment: CallEnvironment, context: RunningCall, turns: PipelineTurns, rpcs: PipelinedRpcs) {
    this.#environment = environment;
    this.#context = context;
    this.#turns = turns;
    this.#held = new HeldCalls(turns.held);
    this.#rpcs = rpcs;
    this.#replies = new ReplyQueue({
      onGathered: () => turns.flushLater(this),
      onMessage: () => this.#onMessage?.(),
    });
  }

  get signal(): AbortSignal {
    return this.#context.signal;
  }

  get gone(): boolean {
    return this.#context.ended;
  }

  get database(): string | undefined {
    return this.#database;
  }

  monotonicMs(): number {
    return this.#environment.clock.monotonicMs();
  }

  async execute<K extends CommandName>(
    command: Command<K>,
    caller: PipelinedCall,
    watch: ProgressWatch | undefined,
  ): Promise<Result<K>> {
    const { executor } = this.#environment;
    const { watched } = caller;
    const found = readNow(executor, command, watched);
    if (found !== undefined) return found;
    const times = watched.command(command);
    try {
      return await executor.execute(command, { caller, times, hadTurn: true, ...watch });
    } finally {
      watched.commandEnded(times);
    }
  }

  /** Takes a message's calls; resolves when the next message may be read. INVALID_REQUEST when it isn't one. */
  async take(bytes: Buffer): Promise<void> {
    if (this.#draining) return;
    this.#inbox = { bytes, arrivedMs: this.monotonicMs(), places: decoding(() => callsIn(bytes)), next: 0 };
    this.#held.add(0, bytes.length);
    this.#turns.wake(this);
    while (!this.#hasRoom) {
      await new Promise<void>((resolve) => {
        this.#onRoom = resolve;
      });
    }
  }

  /** Nobody reads or writes this stream any more. */
  end(): void {
    this.#held.end();
  }

  /** The client has closed its side: what it sent is answered. */
  endInput(): void {
    this.#inputEnded = true;
    this.#onMessage?.();
  }

  /** Ends the stream with this error. Calls that are running go on, and their replies are nobody's. */
  fail(error: unknown): void {
    this.#failure ??= error instanceof Error ? error : new Error(String(error));
    this.#onMessage?.();
    this.#onRoom?.();
  }

  /** The server is shutting down. */
  drain(): void {
    this.#draining = true;
    this.#inbox = undefined;
    [this.#ready, this.#waitingReads] = [[], []];
    this.#onRoom?.();
    this.#onMessage?.();
  }

  /** The next message for the client; undefined when everything is answered. Rejects when the stream has failed. */
  async nextMessage(): Promise<Buffer | undefined> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const message = this.#replies.shift();
      if (message !== undefined) {
        this.#turns.wake(this);
        return message;
      }
      if (this.#running === 0 && this.#replies.isFlushed) {
        if (this.#draining) throw new DocDBError("SHUTTING_DOWN", "The server is shutting down.");
        if (this.#inputEnded && this.#held.calls === 0 && this.#inbox === undefined) return undefined;
      }
      await new Promise<void>((resolve) => {
        this.#onMessage = resolve;
      });
    }
  }

  run(): boolean {
    try {
      for (let started = 0; started < sliceCalls; started++) if (!this.#step()) return false;
      return true;
    } catch (error) {
      this.fail(error);
      return false;
    }
  }

  flush(): void {
    this.#replies.flush();
  }

  get #hasRoom(): boolean {
    if (this.#draining || this.#failure !== undefined) return true;
    return this.#inbox === undefined && this.#held.mayRead;
  }

  /** Starts one call, or takes one out of its message. Returns whether there may be more to do. */
  #step(): boolean {
    if (this.#draining || this.#failure !== undefined || this.#replies.isFull) return false;
    const call = this.#nextReady();
    if (call !== undefined) {
      this.#start(call);
      return true;
    }
    const inbox = this.#inbox;
    if (inbox === undefined || this.#isDecoding) return false;
    const { mayTake } = this.#held;
    const refused = !mayTake && this.#held.refusesAfter(this.monotonicMs() - inbox.arrivedMs);
    if (mayTake || refused) this.#takeCall(inbox, refused);
    else if (this.#held.othersHoldAll) this.#turns.wakeLater(this);
    return mayTake || refused;
  }

  #nextReady(): PipelinedCall | undefined {
    if (this.#reads.mayBegin && this.#waitingReads.length > 0) return this.#waitingReads.shift();
    for (let call = this.#ready.shift(); call !== undefined; call = this.#ready.shift()) {
      if (call.mutates || this.#reads.mayBegin) return call;
      this.#waitingReads.push(call);
    }
    return undefined;
  }

  #takeCall(inbox: InboxMessage, refused: boolean): void {
    const { bytes, places } = inbox;
    if (inbox.next === places.length) {
      this.#inbox = undefined;
      if (refused) this.#held.noteRefusal();
      // The calls taken out of it are counted by themselves.
      this.#release(0, bytes.length);
      return;
    }
    const [start, end] = [places[inbox.next] as number, places[inbox.next + 1] as number];
    inbox.next += 2;
    if (isLongRequest(end - start)) void this.#takeLongCall(inbox, start, end, refused);
    else
      this.#enter(
        decoding(() => decodeCall(bytes, start, end)),
        end - start,
        inbox.arrivedMs,
        refused,
      );
  }

  async #takeLongCall(inbox: InboxMessage, start: number, end: number, refused: boolean): Promise<void> {
    this.#isDecoding = true;
    try {
      const call = await this.#turns.longWork.run(decodeCallPieces(inbox.bytes, start, end)).catch(undecodable);
      await this.#turns.longWork.pause();
      if (this.#inbox === inbox) this.#enter(call, end - start, inbox.arrivedMs, refused);
    } catch (error) {
      this.fail(error);
    }
    this.#isDecoding = false;
    this.#turns.wake(this);
  }

  #enter(decoded: DecodedCall, bytes: number, arrivedMs: number, refused: boolean): void {
    const { callId, request, timeoutMs, traceparent } = decoded;
    if (request === undefined) return void this.#replies.add(callId, errorResponse(emptyCall()));
    if (refused) return void this.#replies.add(callId, this.#turns.refusal());
    const refusal = this.#bind(request.value);
    if (refusal !== undefined) return void this.#replies.add(callId, errorResponse(refusal));
    const expiresMs = timeoutMs === 0 ? Number.POSITIVE_INFINITY : arrivedMs + timeoutMs;
    const carrier = traceparent === "" ? this.#context.carrier : { traceparent, tracestate: "" };
    const watched = this.#environment.watch.begin(this.#rpcs.operationOf(request), carrier);
    const call = new PipelinedCall(this, callId, request, bytes, expiresMs, watched);
    this.#held.add(1, call.bytes);
    if (this.#order.enter(call, documentKeysOf(request))) this.#ready.push(call);
  }

  /** The first call binds the stream to its database, which later ones may leave out. */
  #bind(request: { database: string }): DocDBError | undefined {
    const bound = this.#database;
    if (bound === undefined) {
      if (request.database === "") return unnamedDatabase();
      this.#database = request.database;
      this.#context.noteRequest(request);
    } else if (request.database === "") {
      request.database = bound;
    } else if (request.database !== bound && request.database.toLowerCase() !== bound.toLowerCase()) {
      return otherDatabase(bound, request.database);
    }
    return undefined;
  }

  #becameReady(call: PipelinedCall): void {
    if (this.#draining) return;
    this.#ready.push(call);
    this.#turns.wake(this);
  }

  #start(call: PipelinedCall): void {
    this.#running++;
    if (call.mutates) this.#context.changing(1);
    else this.#reads.begin();
    if (call.expired) {
      this.#endInError(call, deadlineExceeded("nothing"));
      return;
    }
    this.#rpcs.run(call.request, call).then(
      (response) => (isLongReply(response) ? this.#endLong(call, response) : this.#end(call, response)),
      (error: unknown) => this.#endInError(call, this.#known(call, error)),
    );
  }

  async #endLong(call: PipelinedCall, response: LongResponse): Promise<void> {
    this.#end(call, await this.#turns.longWork.run(encodeReplyPieces(response)));
  }

  #endInError(call: PipelinedCall, error: DocDBError): void {
    this.#end(call, errorResponse(error), error);
  }

  /** A call has ended: its reply joins the others, and who waited for it goes on. */
  #end(call: PipelinedCall, reply: Reply, error?: DocDBError): void {
    this.#running--;
    if (call.mutates) this.#context.changing(-1);
    const failure = this.#reply(call, reply);
    call.watched.end(error ?? failure);
    this.#release(1, call.bytes);
    this.#order.leave(call);
    if (this.#ready.length > 0 || this.#waitingReads.length > 0 || this.#inbox !== undefined) this.#turns.wake(this);
  }

  /** Adds a reply to the others, or the error that it can't be: that is returned. */
  #reply(call: PipelinedCall, reply: Reply): DocDBError | undefined {
    let failure: DocDBError | undefined;
    let bytes: number;
    try {
      bytes = this.#replies.add(call.callId, reply);
    } catch (error) {
      failure = this.#known(call, error);
      bytes = this.#replies.add(call.callId, errorResponse(failure));
    }
    if (!call.mutates) this.#reads.end(bytes);
    return failure;
  }

  #release(calls: number, bytes: number): void {
    this.#held.add(-calls, -bytes);
    if (this.#onRoom !== undefined && this.#hasRoom) this.#onRoom();
  }

  /** The error that a call's caller is told. */
  #known(call: PipelinedCall, error: unknown): DocDBError {
    const known = presentableResult(this.#environment, `Pipeline, ${call.request.$case}`, error, call.watched.trace);
    return known.code === "CANCELLED" && call.expired ? deadlineExceeded("nothing") : known;
  }
}
