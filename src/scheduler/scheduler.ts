// Which command runs next. Each database has a queue of its own, first in first out; slots bound how many commands
// execute at the same time, and a command that only waits for the disk gives its slot back.
//
// Invariants
// 1. Free slots go round over the databases that have work, so that a deep queue doesn't starve a shallow one.
// 2. Queues are bounded, each and together: what doesn't fit is refused at once, with RetryInfo.
// 3. A command whose caller goes away while it is queued never runs; it leaves the queue at once, or when its turn
//    comes.

import { DocDBError } from "../base/errors.ts";
import {
  asCommand,
  type Command,
  type CommandName,
  type DocumentRecord,
  type ExecutionContext,
  type Executor,
  type Result,
} from "../engine/commands.ts";
import type { Background } from "../platform/background.ts";

export interface SchedulerOptions {
  /** Commands that execute at the same time. */
  readonly slots: number;
  /** Commands that may wait for one database. */
  readonly queuePerDatabase: number;
  /** Commands that may wait altogether. */
  readonly queueTotal: number;
}

interface Waiting {
  readonly run: () => void;
}

/** Counters start at 0 with the scheduler. */
export interface SchedulerStats extends SchedulerOptions {
  readonly busySlots: number;
  readonly queued: number;
  readonly executed: number;
  /** Refused because a queue was full. */
  readonly rejected: number;
  /** Left the queue because their callers had gone. */
  readonly dropped: number;
}

export class Scheduler implements Executor {
  readonly #engine: Executor;
  readonly #options: SchedulerOptions;
  readonly #background: Background | undefined;
  /** Queues that aren't empty, in the order of their next turn. */
  readonly #queues = new Map<string, Waiting[]>();
  readonly #counts = { executed: 0, rejected: 0, dropped: 0 };
  #queued = 0;
  #busySlots = 0;
  #running = 0;
  #dispatching = false;
  #drained: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

  /** `background` is told of every command, and gives way to them. */
  constructor(engine: Executor, options: SchedulerOptions, background?: Background) {
    this.#engine = engine;
    this.#options = options;
    this.#background = background;
  }

  /** Queues a command. QUEUE_FULL, SHUTTING_DOWN, CANCELLED; otherwise as the engine answers. */
  execute<K extends CommandName>(command: Command<K>, context: ExecutionContext = {}): Promise<Result<K>> {
    // What only frees something must not wait for what it frees, and a full queue is no reason to keep it.
    if (command.op === "closeSnapshot") return this.#engine.execute(command, context);
    const queue = queueOf(asCommand(command));
    const refusal = this.#refusal(queue);
    if (refusal !== undefined) return Promise.reject(refusal);
    this.#background?.noteRequest();
    return new Promise((resolve, reject) => {
      const { signal } = context;
      const drop = (): void => {
        if (!this.#remove(queue, waiting)) return;
        this.#counts.dropped++;
        reject(cancelled());
      };
      const run = (): void => {
        signal?.removeEventListener("abort", drop);
        context.times?.started();
        if (context.caller?.gone === true) {
          this.#finished();
          reject(cancelled());
        } else {
          resolve(this.#run(command, context));
        }
      };
      const waiting: Waiting = { run };
      if (signal?.aborted === true) {
        reject(cancelled());
        return;
      }
      signal?.addEventListener("abort", drop, { once: true });
      context.times?.queued();
      this.#enqueue(queue, waiting);
      this.#dispatch();
    });
  }

  /** Answers a read from memory, if that can be done. It takes no slot: it ends in the turn in which it begins. */
  readNow(command: Command<"getDocument">): DocumentRecord | undefined {
    if (this.#drained !== undefined) return undefined;
    const found = this.#engine.readNow?.(command);
    if (found === undefined) return undefined;
    this.#counts.executed++;
    this.#background?.noteRequest();
    return found;
  }

  /** Takes no more commands and resolves when the last one has ended. */
  drain(): Promise<void> {
    this.#drained ??= Promise.withResolvers<void>();
    this.#checkDrained();
    return this.#drained.promise;
  }

  get stats(): SchedulerStats {
    const { slots, queuePerDatabase, queueTotal } = this.#options;
    return { slots, busySlots: this.#busySlots, queued: this.#queued, queueTotal, queuePerDatabase, ...this.#counts };
  }

  /** Commands of this database that wait for a slot. */
  queuedFor(database: string): number {
    return this.#queues.get(database.toLowerCase())?.length ?? 0;
  }

  #refusal(queue: string): DocDBError | undefined {
    if (this.#drained !== undefined)
      return new DocDBError("SHUTTING_DOWN", "The server is shutting down: nothing happened.");
    const { queuePerDatabase, queueTotal } = this.#options;
    const depth = this.#queues.get(queue)?.length ?? 0;
    if (depth < queuePerDatabase && this.#queued < queueTotal) return undefined;
    this.#counts.rejected++;
    const whose = depth < queuePerDatabase ? "the server" : `database ${queue}`;
    const message = `Too many calls wait for ${whose}: nothing happened. Try again in a moment.`;
    return new DocDBError("QUEUE_FULL", message, { retryAfterMs: 50 });
  }

  #enqueue(queue: string, waiting: Waiting): void {
    const existing = this.#queues.get(queue);
    if (existing === undefined) this.#queues.set(queue, [waiting]);
    else existing.push(waiting);
    this.#queued++;
  }

  /** Takes a command out of its queue; false when it isn't there any more. */
  #remove(name: string, waiting: Waiting): boolean {
    const queue = this.#queues.get(name);
    const place = queue?.indexOf(waiting) ?? -1;
    if (queue === undefined || place === -1) return false;
    queue.splice(place, 1);
    if (queue.length === 0) this.#queues.delete(name);
    this.#queued--;
    this.#checkDrained();
    return true;
  }

  /** Fills the free slots. A command that frees its slot at once leaves the rest to the loop that started it. */
  #dispatch(): void {
    if (this.#dispatching) return;
    this.#dispatching = true;
    while (this.#busySlots < this.#options.slots) {
      const next = this.#takeNext();
      if (next === undefined) break;
      this.#running++;
      next.run();
    }
    this.#dispatching = false;
  }

  /** The head of the queue whose turn it is; that queue goes to the end of the round. */
  #takeNext(): Waiting | undefined {
    const [turn] = this.#queues;
    if (turn === undefined) return undefined;
    const [name, queue] = turn;
    const next = queue.shift();
    this.#queues.delete(name);
    if (queue.length > 0) this.#queues.set(name, queue);
    this.#queued--;
    return next;
  }

  async #run<K extends CommandName>(command: Command<K>, context: ExecutionContext): Promise<Result<K>> {
    const releaseSlot = this.#takeSlot();
    try {
      return await this.#engine.execute(command, { ...context, releaseSlot });
    } finally {
      releaseSlot();
      this.#finished();
    }
  }

  /** Occupies a slot; the function returned frees it, once. */
  #takeSlot(): () => void {
    this.#busySlots++;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#busySlots--;
      this.#dispatch();
    };
  }

  #finished(): void {
    this.#running--;
    this.#counts.executed++;
    this.#checkDrained();
  }

  #checkDrained(): void {
    if (this.#running === 0 && this.#queued === 0) this.#drained?.resolve();
  }
}

function cancelled(): DocDBError {
  return new DocDBError("CANCELLED", "The call ended while it was queued: nothing happened.");
}

/** Commands that name no database share a queue; names have no spaces, so it collides with none. */
function queueOf(command: Command): string {
  return "database" in command ? command.database.toLowerCase() : " ";
}
