// What the layers know of tracing: a call may have a trace, whose spans are made from what the layers wrote down about
// it. Who makes them, and of what, is decided above; without tracing there is `noTracer`, which costs one call.

import type { DocDBError } from "../base/errors.ts";
import type { CommandTrace, OperationTimes } from "./operation-times.ts";

/** The trace that the caller of an RPC is in, as its headers say it (https://www.w3.org/TR/trace-context/). */
export interface Carrier {
  readonly traceparent: string;
  readonly tracestate: string;
}

/** What a command is about, for people who look for its cause. No contents. */
export interface CommandFacts {
  readonly op: string;
  readonly database?: string;
  readonly collection?: string;
  readonly id?: bigint;
  readonly operation?: { readonly kind: string; readonly collection: string; readonly id: bigint };
  readonly operations?: { readonly length: number };
  readonly ids?: { readonly length: number };
}

/** The trace of one call, while the call runs. Times are as in OperationTimes. */
export interface CallTrace extends CommandTrace {
  /** A command of the call has ended. */
  command(facts: CommandFacts, times: OperationTimes): void;
  /** The call has ended, in an error or well. */
  end(endMs: number, error: DocDBError | undefined): void;
}

export interface Tracer {
  /** Whether any call may have a trace. */
  readonly isOn: boolean;
  /**
   * Begins the trace of a call, or returns undefined when it isn't to be recorded. `method` is the RPC's full name
   * without a leading slash; a pipelined call has the stream's carrier unless it brings its own.
   */
  begin(method: string, carrier: Carrier | undefined, startMs: number): CallTrace | undefined;
}

/** Records nothing. */
export const noTracer: Tracer = { isOn: false, begin: () => undefined };
