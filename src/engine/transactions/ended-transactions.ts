// What is remembered of transactions that have ended: why, for those who call them still, and the outcome of a commit
// for those who repeat it because they lost the answer. In memory only, and bounded: the oldest are forgotten first.
// What must survive a restart is on record in the commit itself.

import { DocDBError } from "../../base/errors.ts";
import { limits } from "../../base/limits.ts";
import type { CommittedTransaction } from "../commands.ts";

export interface Ended {
  /** A part of a sentence: what ended it. */
  readonly why: string;
  /** That of its commit; empty when that had none, or there was no commit. */
  readonly requestId: string;
  readonly outcome: Promise<CommittedTransaction> | undefined;
}

export class EndedTransactions {
  /** Oldest first. */
  readonly #ended = new Map<string, Ended>();

  add(id: string, ended: Ended): void {
    // Whoever commits hears of a failure; this copy is for those who ask again.
    ended.outcome?.catch(() => undefined);
    this.#ended.set(id, ended);
    for (const oldest of this.#ended.keys()) {
      if (this.#ended.size <= limits.endedTransactions) break;
      this.#ended.delete(oldest);
    }
  }

  delete(id: string): void {
    this.#ended.delete(id);
  }

  /**
   * The outcome of the commit of a transaction with this request id; undefined when it isn't known, or there is none.
   */
  outcome(id: string, requestId: string): Promise<CommittedTransaction> | undefined {
    const ended = requestId === "" ? undefined : this.#ended.get(id);
    return ended?.requestId === requestId ? ended.outcome : undefined;
  }

  /** The error for a transaction that isn't open. */
  notFound(id: string): DocDBError {
    const why = this.#ended.get(id)?.why ?? "it never was, has ended, or the server was restarted";
    const message = `There is no open transaction ${id.slice(0, 64)}: ${why}. Begin a new one.`;
    return new DocDBError("TRANSACTION_NOT_FOUND", message, { metadata: { transaction: id.slice(0, 64) } });
  }
}
