// Whoever watches calls is told of each call when it begins and when it ends, and of each command that it runs: that
// makes the metrics, the traces and the log of slow operations. A pipelined read costs a few microseconds in all, so
// watching one allocates one object, reads the clock twice and counts in place.

import type { DocDBError } from "../base/errors.ts";
import { type CallMeters, OperationMeter } from "./call-meters.ts";
import type { TrackerClock } from "./error-tracker.ts";
import { OperationTimes } from "./operation-times.ts";
import type { SlowOperations } from "./slow-operations.ts";
import { addTime, noTime, type TimeSpent } from "./time-spent.ts";
import type { CallTrace, Carrier, CommandFacts, Tracer } from "./tracer.ts";

/** A call while it runs. */
export interface WatchedCall {
  /** Undefined when none is recorded. */
  readonly trace: CallTrace | undefined;
  /** The call is answered from memory: nothing more is to be known of it than which database that was. */
  answered(database: string): void;
  /** A command begins. Undefined when nobody wants to know where its time goes. */
  command(facts: CommandFacts): OperationTimes | undefined;
  /** That command has ended. */
  commandEnded(times: OperationTimes | undefined): void;
  /** The call has ended. */
  end(error: DocDBError | undefined): void;
}

export interface CallWatch {
  /** Whether callers may be in a trace that is worth looking for. */
  readonly traces: boolean;
  /** The meter of an RPC, by its full name without a leading slash. */
  operation(method: string): OperationMeter;
  /** A call begins. */
  begin(operation: OperationMeter, carrier: Carrier | undefined): WatchedCall;
}

/** What watches calls. */
export interface Watchers {
  readonly clock: TrackerClock;
  readonly meters: CallMeters;
  readonly tracer: Tracer;
  readonly slow: SlowOperations;
}

/** Watches calls for metrics, traces and slow operations. */
export class Watch implements CallWatch {
  readonly #watchers: Watchers;
  readonly traces: boolean;

  constructor(watchers: Watchers) {
    this.#watchers = watchers;
    this.traces = watchers.tracer.isOn;
  }

  operation(method: string): OperationMeter {
    return this.#watchers.meters.operation(method);
  }

  begin(operation: OperationMeter, carrier: Carrier | undefined): WatchedCall {
    const { clock, tracer } = this.#watchers;
    const beginMs = clock.monotonicMs();
    const trace = this.traces ? tracer.begin(operation.method, carrier, beginMs) : undefined;
    return new Watched(this.#watchers, operation, beginMs, trace);
  }
}

class Watched implements WatchedCall {
  readonly #watchers: Watchers;
  readonly #operation: OperationMeter;
  readonly #beginMs: number;
  readonly trace: CallTrace | undefined;
  #database: string | undefined;
  #facts: CommandFacts | undefined;
  #commands = 0;
  /** The times of the only command so far; of several, only where their time went is kept. */
  #only: OperationTimes | undefined;
  #spent: TimeSpent | undefined;

  constructor(watchers: Watchers, operation: OperationMeter, beginMs: number, trace: CallTrace | undefined) {
    this.#watchers = watchers;
    this.#operation = operation;
    this.#beginMs = beginMs;
    this.trace = trace;
  }

  answered(database: string): void {
    this.#database = database;
  }

  command(facts: CommandFacts): OperationTimes {
    this.#facts = facts;
    return new OperationTimes(this.#watchers.clock, this.trace);
  }

  commandEnded(times: OperationTimes): void {
    const { meters, slow } = this.#watchers;
    times.ended();
    const waitedMs = times.startedMs - times.queuedMs;
    // Not a number when the command never came to a slot.
    if (waitedMs >= 0) meters.queueWaits.record(waitedMs);
    if (times.readMs > 0) meters.reads.record(times.readMs);
    if (slow.thresholdMs !== Number.POSITIVE_INFINITY) this.#remember(times);
    if (this.#facts !== undefined) this.trace?.command(this.#facts, times);
  }

  end(error: DocDBError | undefined): void {
    const { clock, meters, slow } = this.#watchers;
    const endMs = clock.monotonicMs();
    const durationMs = endMs - this.#beginMs;
    const operation = this.#operation;
    const bucket = operation.durations.record(durationMs);
    if (error === undefined) operation.ok++;
    else operation.failed(error.status);
    const database = this.#database ?? this.#facts?.database;
    if (database !== undefined) {
      const meter = meters.databases.of(database);
      meter.durations.record(durationMs);
      if (error !== undefined) meter.errors++;
    }
    if (this.trace !== undefined) {
      operation.exemplars[bucket] = { traceId: this.trace.traceId, durationMs, timeMs: clock.now() };
      this.trace.end(endMs, error);
    }
    if (durationMs < slow.thresholdMs) return;
    const subject = { operation: operation.name, durationMs, facts: this.#facts, trace: this.trace, error };
    slow.note(subject, this.#timeSpent(), this.#commands);
  }

  #remember(times: OperationTimes): void {
    if (++this.#commands === 1) this.#only = times;
    else this.#spent = addTime(this.#timeSpent(), times);
  }

  #timeSpent(): TimeSpent {
    if (this.#spent !== undefined) return this.#spent;
    return this.#only === undefined ? noTime() : addTime(noTime(), this.#only);
  }
}

const unwatchedCall: WatchedCall = {
  trace: undefined,
  answered: () => undefined,
  command: () => undefined,
  commandEnded: () => undefined,
  end: () => undefined,
};

/** Watches nothing. */
export const unwatched: CallWatch = {
  traces: false,
  operation: (method) => new OperationMeter(method),
  begin: () => unwatchedCall,
};
