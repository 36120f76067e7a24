// The calls of one connection on one database, carried by a stream instead of one gRPC call each. Calls that are made
// in one turn of the event loop travel in few messages; one that is made alone leaves at once.
//
// Invariants
// 1. Every call settles exactly once. What it held is free when it has settled and the server is done with it.
// 2. Calls are sent in the order in which they were made, and at most once.
// 3. At most `maxSentCalls` calls and about `maxSentBytes` bytes are with the server; the others wait here, and so do
//    all while the connection doesn't take what was written.
// 4. A stream that nobody has used for a while is ended, since an open one keeps the process alive.

import { DocDBError } from "../base/errors.ts";
import { ProtobufWriter } from "../base/protobuf-writer.ts";
import { type CallFacts, cancelled, errorOfStatus, late } from "./call-error.ts";
import { Deadlines } from "./deadlines.ts";
import { type EncodableRequest, encodeCall, type PipelinedRpc, type Reply } from "./pipeline-encoding.ts";
import { type OpenStream, type PipelinedCall, PipelineStream } from "./pipeline-stream.ts";

/** Calls that may be with the server at the same time. */
const maxSentCalls = 1_024;
/** Bytes of requests that may be with the server, but for a single call that is bigger. */
const maxSentBytes = 4 * 1024 * 1024;
/** Calls and bytes after which a message is full: the server begins with it while the next one is written. */
const messageCalls = 32;
const messageBytes = 64 * 1024;
/** Milliseconds without a call after which the stream is ended. */
const idleMs = 1_000;

export class Pipeline {
  readonly #open: OpenStream;
  readonly #writer = new ProtobufWriter(messageBytes);
  readonly #deadlines = new Deadlines<PipelinedCall>((call) => this.#giveUp(call, late(call.facts, call.sent)));
  /** Calls that aren't sent yet, in the order in which they were made; some of them may have been given up. */
  #queue: PipelinedCall[] = [];
  #givenUp = 0;
  #stream: PipelineStream | undefined;
  #flushing = false;
  #idleTimer: NodeJS.Timeout | undefined;
  #usedMs = 0;

  constructor(open: OpenStream) {
    this.#open = open;
  }

  /** Makes a call. `deadline` is a `Date.now()`, or Infinity. */
  call(
    pipelined: PipelinedRpc,
    request: EncodableRequest,
    facts: CallFacts,
    deadline: number,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const call: PipelinedCall = {
        pipelined,
        request,
        facts,
        deadline,
        sent: false,
        succeed: resolve,
        fail: reject,
        settled: false,
      };
      this.#queue.push(call);
      this.#deadlines.add(call);
      if (signal !== undefined) this.#listen(call, signal, resolve, reject);
      this.#flushSoon();
    });
  }

  /** Ends the stream. Calls that have no answer fail. */
  close(): void {
    clearTimeout(this.#idleTimer);
    this.#deadlines.close();
    this.#stream?.end();
    this.#stream = undefined;
  }

  #listen(
    call: PipelinedCall,
    signal: AbortSignal,
    resolve: (response: unknown) => void,
    reject: (error: DocDBError) => void,
  ): void {
    const abort = (): void => this.#giveUp(call, cancelled(signal.reason, call.facts, call.sent));
    signal.addEventListener("abort", abort, { once: true });
    const forget = (): void => signal.removeEventListener("abort", abort);
    Object.assign(call, {
      succeed: (response: unknown) => {
        forget();
        resolve(response);
      },
      fail: (error: DocDBError) => {
        forget();
        reject(error);
      },
    });
  }

  /** Answers a call whose caller doesn't wait any longer. What was sent stays counted until the server is done. */
  #giveUp(call: PipelinedCall, error: DocDBError): void {
    if (call.settled) return;
    this.#settle(call, error);
    if (!call.sent) this.#forgetOne();
  }

  /** A queued call was given up. They are taken out many at a time: a thousand may share a deadline or a signal. */
  #forgetOne(): void {
    this.#givenUp++;
    if (this.#givenUp * 2 < this.#queue.length) return;
    this.#queue = this.#queue.filter((queued) => !queued.settled);
    this.#givenUp = 0;
  }

  #settle(call: PipelinedCall, error: DocDBError): void {
    call.settled = true;
    this.#deadlines.remove(call);
    call.fail(error);
  }

  /** Flushes when everything that this turn brings has been called. */
  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    process.nextTick(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#queue.length === 0) return;
    const stream = (this.#stream ??= this.#openStream());
    const nowMs = Date.now();
    this.#usedMs = nowMs;
    let next = 0;
    while (next < this.#queue.length && !stream.blocked) {
      const first = next;
      for (let call = this.#queue[next]; call !== undefined; call = this.#queue[next]) {
        const full = next - first >= messageCalls || this.#writer.length >= messageBytes;
        if (full || !hasRoom(stream, call)) break;
        if (call.settled) this.#givenUp--;
        else this.#encode(call, stream, nowMs);
        next++;
      }
      if (next === first) break;
      if (this.#writer.length > 0) stream.write(this.#writer.take());
    }
    this.#queue.splice(0, next);
    this.#watchIdleness();
  }

  #encode(call: PipelinedCall, stream: PipelineStream, nowMs: number): void {
    const leftMs = Math.ceil(call.deadline - nowMs);
    // What doesn't fit into the field is no limit that anyone will see.
    const timeoutMs = leftMs > 0xffff_ffff ? 0 : Math.max(1, leftMs);
    const { traceparent } = call.facts.headers;
    encodeCall(this.#writer, stream.add(call), call.pipelined.field, call.request, timeoutMs, traceparent);
    call.sent = true;
  }

  #openStream(): PipelineStream {
    const stream: PipelineStream = new PipelineStream(this.#open, {
      onReply: (call, reply) => this.#answer(call, reply),
      onLost: (call, error) => {
        if (!call.settled) this.#settle(call, error);
      },
      onRoom: () => {
        if (this.#queue.length > 0) this.#flushSoon();
      },
      onEnd: () => {
        if (this.#stream === stream) this.#stream = undefined;
        if (this.#queue.length > 0) this.#flushSoon();
      },
    });
    return stream;
  }

  #answer(call: PipelinedCall, reply: Reply): void {
    if (call.settled) return;
    if ("error" in reply) {
      this.#settle(call, errorOfStatus(reply.error));
      return;
    }
    call.settled = true;
    this.#deadlines.remove(call);
    call.succeed(reply.response);
  }

  #watchIdleness(): void {
    this.#idleTimer ??= setTimeout(() => {
      this.#idleTimer = undefined;
      const busy = this.#queue.length > 0 || (this.#stream?.calls ?? 0) > 0 || Date.now() - this.#usedMs < idleMs;
      if (busy) {
        this.#watchIdleness();
        return;
      }
      this.#stream?.end();
      this.#stream = undefined;
    }, idleMs).unref();
  }
}

function hasRoom({ calls, bytes }: PipelineStream, call: PipelinedCall): boolean {
  return calls === 0 || (calls < maxSentCalls && bytes + call.request.bytes <= maxSentBytes);
}
