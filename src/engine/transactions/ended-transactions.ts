// What is remembered of transactions that have ended: why, for those who call them still, and the outcome of a commit
// for those who repeat it because they lost the answer. In memory only, and bounded: the oldest are forgotten first.
// What must survive a restart is on record in the commit itself.

import { DocDBError } from "../../base/errors.ts";
import { limits } from "../../base/limits.ts";
import type { CommittedTransaction } from "../commands.ts";

/** A commit that was called, under way or ended. */
export interface CommitCall {
  /** Empty: none, and so nobody can repeat it. */
  readonly requestId: string;
  readonly outcome: Promise<CommittedTransaction>;
}

export interface Ended {
  /** A part of a sentence: what ended it. */
  readonly why: string;
  /** What ended it, if that was a commit. */
  readonly commit: CommitCall | undefined;
  /** What programs should know of it. */
  readonly facts: Facts;
}

type Facts = Readonly<Record<string, string>>;

export class EndedTransactions {
  /** Oldest first. */
  readonly #ended = new Map<string, Ended>();

  add(id: string, ended: Ended): void {
    this.#ended.set(id, ended);
    for (const oldest of this.#ended.keys()) {
      if (this.#ended.size <= limits.endedTransactions) break;
      this.#ended.delete(oldest);
    }
  }

  get(id: string): Ended | undefined {
    return this.#ended.get(id);
  }

  /** The error for a transaction that isn't open. `facts` are for programs. */
  notFound(id: string, facts: Facts = {}): DocDBError {
    const ended = this.#ended.get(id);
    const why = ended?.why ?? "it never was, has ended, or the server was restarted";
    return transactionNotFound(id, why, { ...ended?.facts, ...facts });
  }
}

export function transactionNotFound(id: string, why: string, facts: Facts = {}): DocDBError {
  const transaction = id.slice(0, 64);
  const message = `There is no open transaction ${transaction}: ${why}. Begin a new one.`;
  return new DocDBError("TRANSACTION_NOT_FOUND", message, { metadata: { transaction, ...facts } });
}
