// The log of slow operations: what was slow, and where its time went. Never contents. Of thousands that are slow at
// once only some are logged: those tell why, and the metrics tell how many.

import type { DocDBError } from "../base/errors.ts";
import type { TrackerClock } from "./error-tracker.ts";
import type { Observer } from "./observer.ts";
import type { CommandTrace } from "./operation-times.ts";
import type { TimeSpent } from "./time-spent.ts";
import type { CommandFacts } from "./tracer.ts";

/** Lines in a second, at most. */
const linesPerSecond = 5;

export interface SlowOperation {
  /** The RPC's name. */
  readonly operation: string;
  readonly durationMs: number;
  /** The last command that it ran; undefined when it ended before it came to one. */
  readonly facts: CommandFacts | undefined;
  readonly trace: CommandTrace | undefined;
  readonly error: DocDBError | undefined;
}

export class SlowOperations {
  /** What takes so long is slow; Infinity: nothing is. */
  readonly thresholdMs: number;
  readonly #observer: Observer;
  readonly #clock: TrackerClock;
  #second = 0;
  #lines = 0;
  #passedOver = 0;

  constructor(thresholdMs: number, observer: Observer, clock: TrackerClock) {
    this.thresholdMs = thresholdMs;
    this.#observer = observer;
    this.#clock = clock;
  }

  /** Logs a slow operation, with where the time of its commands went. */
  note({ operation, durationMs, facts, trace, error }: SlowOperation, spent: TimeSpent, commands: number): void {
    if (!this.#mayLog()) return;
    const parts = Object.entries(spent).map(([name, spentMs]) => [name, rounded(spentMs as number)]);
    this.#observer.event("warn", "slow operation", {
      operation,
      ...subjectOf(facts),
      durationMs: rounded(durationMs),
      ...Object.fromEntries(parts),
      ...(commands > 1 ? { commands } : {}),
      ...(error === undefined ? {} : { code: error.code }),
      ...(trace === undefined ? {} : { traceId: trace.traceId }),
      ...(this.#passedOver === 0 ? {} : { passedOver: this.#passedOver }),
    });
    this.#passedOver = 0;
  }

  #mayLog(): boolean {
    const second = Math.floor(this.#clock.monotonicMs() / 1_000);
    if (second !== this.#second) [this.#second, this.#lines] = [second, 0];
    if (this.#lines++ < linesPerSecond) return true;
    this.#passedOver++;
    return false;
  }
}

/** Which documents a command is about. */
function subjectOf(facts: CommandFacts | undefined): Record<string, unknown> {
  if (facts === undefined) return {};
  const { database, operation, operations, ids } = facts;
  const collection = facts.collection ?? operation?.collection;
  const id = facts.id ?? operation?.id;
  return {
    ...(database === undefined ? {} : { database }),
    ...(collection === undefined ? {} : { collection: collection === "" ? "_default" : collection }),
    ...(id === undefined ? {} : { id: String(id) }),
    ...(operations === undefined ? {} : { documents: operations.length }),
    ...(ids === undefined ? {} : { documents: ids.length }),
  };
}

function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 100) / 100;
}
