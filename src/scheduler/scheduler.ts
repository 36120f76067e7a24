// Which command runs next. Each database has a queue of its own, first in first out; slots bound how many commands
// execute at the same time, and a command that only waits for the disk gives its slot back.
//
// Invariants
// 1. Slots and the time of a turn go round over the databases that have work (fair-queues.ts), so that a deep queue
//    drains and starves no shallow one.
// 2. Queues are bounded, each and together: what doesn't fit is refused at once, with RetryInfo.
// 3. A command whose caller goes away or whose deadline passes while it is queued never runs; it leaves the queue at
//    once, or when its turn comes.
// 4. However many commands end in the turn of the event loop in which they begin, the loop looks for I/O in between.

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
import type { Clock } from "../platform/platform.ts";
import { FairQueues, type Place } from "./fair-queues.ts";
import { Refusals } from "./refusals.ts";
import { TurnBudget } from "./turn-budget.ts";

export interface SchedulerOptions {
  /** Commands that execute at the same time. */
  readonly slots: number;
  /** Commands that may wait for one database. */
  readonly queuePerDatabase: number;
  /** Commands that may wait altogether. */
  readonly queueTotal: number;
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

/** A queue is long when this part of it is taken. */
const longPart = 8;

/** Starts a command whose turn has come. */
type Start = () => void;

export class Scheduler implements Executor {
  readonly #engine: Executor;
  readonly #options: SchedulerOptions;
  readonly #background: Background | undefined;
  readonly #queues = new FairQueues<Start>();
  readonly #budget: TurnBudget;
  readonly #refusals: Refusals;
  readonly #counts = { executed: 0, rejected: 0, dropped: 0 };
  #busySlots = 0;
  #running = 0;
  #dispatching = false;
  /** Whether commands wait because no slot was free for the next one. */
  #slotsAreShort = false;
  #drained: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

  /** `background` is told of every command, and gives way to them. */
  constructor(engine: Executor, clock: Clock, options: SchedulerOptions, background?: Background) {
    this.#engine = engine;
    this.#options = options;
    this.#background = background;
    this.#refusals = new Refusals(clock);
    this.#budget = new TurnBudget(clock, () => this.#dispatch());
  }

  /** Runs a command when its turn comes. QUEUE_FULL, SHUTTING_DOWN, CANCELLED; otherwise as the engine answers. */
  execute<K extends CommandName>(command: Command<K>, context: ExecutionContext = {}): Promise<Result<K>> {
    // What only frees something must not wait for what it frees, and a full queue is no reason to keep it.
    if (command.op === "closeSnapshot") return this.#engine.execute(command, context);
    const queue = queueOf(asCommand(command));
    const refusal = this.#refusal(queue);
    if (refusal !== undefined) return Promise.reject(refusal);
    this.#background?.noteRequest();
    if (context.signal?.aborted === true) return Promise.reject(cancelled());
    context.times?.queued();
    if (this.#mayStart(context)) return this.#start(command, context);
    return this.#wait(queue, command, context);
  }

  /**
   * Answers a read from memory, if that can be done. It takes no slot and waits for no turn: it is for whoever had one.
   */
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
    const [busySlots, queued] = [this.#busySlots, this.#queues.size];
    return { slots, busySlots, queued, queueTotal, queuePerDatabase, ...this.#counts };
  }

  /**
   * Commands that may come for a database before its queue is long, so that its clients had better keep them for now; 0
   * or less when it is. Long is an eighth of what may wait for it, and when half of what may wait altogether does, its
   * part of that.
   */
  roomFor(database: string): number {
    const { queuePerDatabase, queueTotal } = this.#options;
    const { size, count } = this.#queues;
    const long = Math.max(1, Math.floor(queuePerDatabase / longPart));
    if (size < Math.min(long, queueTotal / 2)) return long - size;
    const most = size >= queueTotal / 2 ? Math.min(long, Math.ceil(size / count)) : long;
    return most - this.queuedFor(database);
  }

  /** More has come in than one turn of the event loop should take. */
  flooded(): void {
    this.#budget.flooded();
  }

  /** Commands of this database that wait for their turn. */
  queuedFor(database: string): number {
    return this.#queues.depth(database.toLowerCase());
  }

  #refusal(queue: string): DocDBError | undefined {
    if (this.#drained !== undefined)
      return new DocDBError("SHUTTING_DOWN", "The server is shutting down: nothing happened.");
    const { queuePerDatabase, queueTotal } = this.#options;
    if (this.#queues.size === 0) return undefined;
    const ownIsFull = this.#queues.depth(queue) >= queuePerDatabase;
    if (!ownIsFull && this.#queues.size < queueTotal) return undefined;
    this.#counts.rejected++;
    return this.#refusals.refuse(ownIsFull ? `database ${queue}` : "the server", this.#counts.executed);
  }

  /** Whether a command needs no place in a queue. */
  #mayStart({ hadTurn }: ExecutionContext): boolean {
    if (this.#busySlots >= this.#options.slots) return false;
    if (hadTurn === true) return !this.#slotsAreShort;
    return this.#queues.size === 0 && this.#budget.hasTime;
  }

  #wait<K extends CommandName>(queue: string, command: Command<K>, context: ExecutionContext): Promise<Result<K>> {
    return new Promise((resolve, reject) => {
      const { signal } = context;
      const leave = (): void => {
        if (!this.#queues.remove(queue, place)) return;
        this.#counts.dropped++;
        reject(cancelled());
        this.#checkDrained();
      };
      const start = (): void => {
        signal?.removeEventListener("abort", leave);
        resolve(this.#start(command, context));
      };
      const place: Place<Start> = this.#queues.push(queue, start);
      signal?.addEventListener("abort", leave, { once: true });
      // Whoever has no slot and no time left now is looked at again when there is one.
      this.#dispatch();
    });
  }

  /**
   * Starts what waits while there are slots and time. What a command frees at once is left to the loop that began it.
   */
  #dispatch(): void {
    if (this.#dispatching) return;
    this.#dispatching = true;
    this.#slotsAreShort = false;
    while (this.#queues.size > 0) {
      this.#slotsAreShort = this.#busySlots >= this.#options.slots;
      if (this.#slotsAreShort || !this.#budget.hasTime) break;
      this.#queues.shift()?.();
    }
    this.#dispatching = false;
    this.#checkDrained();
  }

  async #start<K extends CommandName>(command: Command<K>, context: ExecutionContext): Promise<Result<K>> {
    context.times?.started();
    if (context.caller?.gone === true) {
      this.#counts.dropped++;
      throw cancelled();
    }
    const found = context.hadTurn === true ? undefined : this.#readAtOnce(command);
    if (found !== undefined) return found;
    const releaseSlot = this.#takeSlot();
    this.#running++;
    try {
      return await this.#engine.execute(command, { ...context, releaseSlot });
    } finally {
      this.#running--;
      this.#counts.executed++;
      releaseSlot();
      this.#checkDrained();
    }
  }

  /** The result of a read that memory answers. */
  #readAtOnce<K extends CommandName>(command: Command<K>): Result<K> | undefined {
    const known = asCommand(command);
    if (known.op !== "getDocument") return undefined;
    const found = this.#engine.readNow?.(known);
    if (found !== undefined) this.#counts.executed++;
    return found;
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

  #checkDrained(): void {
    if (this.#running === 0 && this.#queues.size === 0) this.#drained?.resolve();
  }
}

function cancelled(): DocDBError {
  return new DocDBError("CANCELLED", "The call ended while it was queued: nothing happened.");
}

/** Commands that name no database share a queue; names have no spaces, so it collides with none. */
function queueOf(command: Command): string {
  return "database" in command ? command.database.toLowerCase() : " ";
}
