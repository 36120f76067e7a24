// The open transactions of one database, by their ids: begun, used by one call at a time, and ended by a commit, a
// rollback, their idle timeout or the end of the database.
//
// Invariants
// 1. A transaction is in the map until its snapshot is closed; the log of recent changes keeps what the oldest needs.
// 2. Calls in one transaction run one after the other, in the order in which they came.
// 3. A commit ends its transaction whatever comes of it, unless it was refused before anything was done.

import { DocDBError } from "../../base/errors.ts";
import { limits } from "../../base/limits.ts";
import { MemoryAccount } from "../../base/memory-account.ts";
import type { Clock, Randomness, Timer } from "../../platform/platform.ts";
import type { CommittedTransaction, ExecutionContext, Isolation } from "../commands.ts";
import type { Meters } from "../../telemetry/meters.ts";
import type { LongPatches } from "../long-patches.ts";
import { checkRequestId } from "../requests/request.ts";
import { type CommitCall, EndedTransactions, transactionNotFound } from "./ended-transactions.ts";
import { type SnapshotView, Transaction, transactionObjectBytes } from "./transaction.ts";
import { beginTimeOf, newTransactionId } from "./transaction-id.ts";
import type { NewestState } from "./validation.ts";

/** What transactions need of their database. */
export interface TransactionHost {
  readonly newest: NewestState;
  readonly longPatches: LongPatches;
  readonly clock: Clock;
  readonly random: Randomness;
  readonly meters: Meters["transactions"];
  /** Opens a snapshot of what is visible now. */
  openView(): SnapshotView;
  /** Applies the writes of a transaction. TRANSACTION_CONFLICT. */
  commit(transaction: Transaction, requestId: string, context?: ExecutionContext): Promise<CommittedTransaction>;
  /** The outcome of an earlier commit of this transaction with this request id, if it is on record. */
  recall(transactionId: string, requestId: string): Promise<CommittedTransaction | undefined>;
  /** Whether all commits with a request id that were made since then are on record. */
  recallsAllSince(timeMs: number): boolean;
}

/** What ended a transaction whose commit was called, whatever came of it. */
const committed = "its commit was called before";

interface Open {
  readonly transaction: Transaction;
  readonly idleTimeoutMs: number;
  /** Settles when the last call so far has ended. */
  last: Promise<unknown>;
  /** Calls running or waiting. */
  calls: number;
  timer: Timer | undefined;
  /** A commit or a rollback has been called: no other call gets in. */
  ending: boolean;
  /** The commit that is under way. */
  commit: CommitCall | undefined;
}

export class Transactions {
  readonly #host: TransactionHost;
  readonly #open = new Map<string, Open>();
  /** Bytes that the open transactions hold. */
  readonly memory: MemoryAccount = new MemoryAccount({ kind: "transactions" });
  readonly #ended = new EndedTransactions();

  constructor(host: TransactionHost) {
    this.#host = host;
  }

  /** Transactions open. */
  get count(): number {
    return this.#open.size;
  }

  /** The version of the oldest snapshot, or undefined without any. Snapshots are opened in version order. */
  get oldestVersion(): number | undefined {
    for (const { transaction } of this.#open.values()) return transaction.view.version;
    return undefined;
  }

  /** MEMORY_LIMIT when as many are open as may be, or they hold as much as they may. */
  begin(isolation: Isolation, idleTimeoutMs: number = limits.transactionIdleMs): Transaction {
    if (this.#open.size >= limits.openTransactions) {
      const message = `${this.#open.size} transactions are open in this database. Commit some, or try again later.`;
      throw new DocDBError("MEMORY_LIMIT", message, { retryAfterMs: 100 });
    }
    this.#checkMemory(transactionObjectBytes);
    const { clock, random, newest, longPatches } = this.#host;
    const id = newTransactionId(random, clock.now());
    const parts = { view: this.#host.openView(), newest, longPatches, memory: this.memory.child() };
    const transaction = new Transaction(id, isolation, parts);
    const timeout = Math.min(idleTimeoutMs, limits.transactionIdleMaxMs);
    const open: Open = {
      transaction,
      idleTimeoutMs: timeout,
      last: Promise.resolve(),
      calls: 0,
      timer: undefined,
      ending: false,
      commit: undefined,
    };
    this.#open.set(transaction.id, open);
    newest.changes.need(this.oldestVersion);
    this.#startTimer(open);
    this.#host.meters.begun++;
    return transaction;
  }

  /**
   * Runs a call in a transaction, after those before it. A call that must wait for others gives its slot back.
   * TRANSACTION_NOT_FOUND, MEMORY_LIMIT.
   */
  async run<T>(id: string, work: (transaction: Transaction) => Promise<T>, context?: ExecutionContext): Promise<T> {
    const open = this.#find(id);
    if (open.calls > 0) context?.releaseSlot?.();
    open.calls++;
    open.timer?.cancel();
    const result = open.last.then(async () => {
      // The database may have been closed meanwhile.
      if (this.#open.get(id) !== open) throw this.#ended.notFound(id);
      open.transaction.checkSnapshot();
      this.#checkMemory(0);
      try {
        return await work(open.transaction);
      } finally {
        open.transaction.settleMemory();
      }
    });
    open.last = result.catch(() => undefined);
    try {
      return await result;
    } finally {
      open.calls--;
      if (open.calls === 0 && this.#open.get(id) === open) this.#startTimer(open);
    }
  }

  /**
   * Commits a transaction and ends it. A repetition with the same request id has the same outcome, also while the first
   * call is still at it.
   */
  async commit(id: string, requestId: string, context?: ExecutionContext): Promise<CommittedTransaction> {
    checkRequestId(requestId);
    const known = this.#open.get(id)?.commit ?? this.#ended.get(id)?.commit;
    if (known !== undefined && requestId !== "" && known.requestId === requestId) {
      context?.releaseSlot?.();
      return await known.outcome;
    }
    if (!this.#open.has(id) && requestId !== "") return await this.#recall(id, requestId);
    const open = this.#find(id);
    open.ending = true;
    open.timer?.cancel();
    const outcome = this.#commit(open, requestId, context);
    // Whoever commits hears of a failure; this is for those who ask again.
    outcome.catch(() => undefined);
    open.commit = { requestId, outcome };
    return await outcome;
  }

  /** Forgets a transaction, after the calls before this one. TRANSACTION_NOT_FOUND. */
  async rollback(id: string, context?: ExecutionContext): Promise<void> {
    const open = this.#find(id);
    open.ending = true;
    open.timer?.cancel();
    if (open.calls > 0) context?.releaseSlot?.();
    await open.last;
    this.#host.meters.rolledBack++;
    this.#end(open, "it was rolled back");
  }

  /** Rolls all of them back; none can be begun any more. */
  close(): void {
    for (const open of this.#open.values()) this.#end(open, "the database was closed");
  }

  async #commit(open: Open, requestId: string, context?: ExecutionContext): Promise<CommittedTransaction> {
    const { transaction } = open;
    try {
      if (open.calls > 0) context?.releaseSlot?.();
      await open.last;
      transaction.checkSnapshot();
      const outcome = await this.#host.commit(transaction, requestId, context);
      this.#host.meters.committed++;
      this.#end(open, committed);
      return outcome;
    } catch (error) {
      const code = error instanceof DocDBError ? error.code : undefined;
      if (code === "TRANSACTION_CONFLICT") this.#host.meters.conflicted++;
      if (code === "MEMORY_LIMIT") this.#reopen(open);
      else this.#end(open, committed);
      throw error;
    }
  }

  /**
   * The outcome of a commit that nobody here remembers, from its record. Without one, TRANSACTION_NOT_FOUND says in
   * `outcome` whether that proves that nothing of it was applied: `nothing`, or `unknown` when records of that time may
   * have been forgotten.
   */
  async #recall(id: string, requestId: string): Promise<CommittedTransaction> {
    const recalled = await this.#host.recall(id, requestId);
    if (recalled !== undefined) return recalled;
    const ended = this.#ended.get(id);
    const begunMs = beginTimeOf(id);
    const proven =
      ended === undefined ? begunMs !== undefined && this.#host.recallsAllSince(begunMs) : ended.commit === undefined;
    throw this.#ended.notFound(id, { outcome: proven ? "nothing" : "unknown" });
  }

  /** A commit was refused before anything was done: it can be called again. */
  #reopen(open: Open): void {
    if (this.#open.get(open.transaction.id) !== open) return;
    open.ending = false;
    open.commit = undefined;
    this.#startTimer(open);
  }

  #find(id: string): Open {
    const open = this.#open.get(id);
    if (open === undefined) throw this.#ended.notFound(id);
    if (open.ending) throw transactionNotFound(id, "its commit or rollback is under way");
    return open;
  }

  #end(open: Open, why: string, facts: Readonly<Record<string, string>> = {}): void {
    const { transaction, timer, commit } = open;
    if (!this.#open.delete(transaction.id)) return;
    this.#ended.add(transaction.id, { why, commit, facts });
    timer?.cancel();
    transaction.close();
    const { changes, visibleVersion } = this.#host.newest;
    changes.need(this.oldestVersion);
    changes.trim(visibleVersion);
  }

  #startTimer(open: Open): void {
    open.timer?.cancel();
    open.timer = this.#host.clock.after(open.idleTimeoutMs, () => {
      if (open.calls > 0 || open.ending) return;
      this.#host.meters.timedOut++;
      const idleMs = String(open.idleTimeoutMs);
      this.#end(open, `it was idle for ${idleMs} ms and was rolled back`, { idle_timeout_ms: idleMs });
    });
  }

  /** Whether transactions may hold so many bytes more. */
  #checkMemory(more: number): void {
    this.memory.admit(more);
    const { bytes } = this.memory;
    if (bytes < limits.transactionBytes) return;
    const message = `The open transactions of this database hold ${bytes} bytes. Commit or roll back some of them.`;
    throw new DocDBError("MEMORY_LIMIT", message, { retryAfterMs: 100 });
  }
}
