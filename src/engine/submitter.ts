// The way of a commit from its plan to the store, and what everybody may know of commits that are on it.

import { DocDBError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import { sabotaged } from "../base/sabotage.ts";
import type { Mutation } from "../storage/commit.ts";
import type { Store } from "../storage/store.ts";
import type { OperationTimes } from "../telemetry/operation-times.ts";
import type { PendingWrites } from "./pending.ts";
import type { RecentChanges } from "./transactions/recent-changes.ts";

export class Submitter {
  readonly #store: Store;
  readonly #pending: PendingWrites;
  readonly #changes: RecentChanges;
  /** Settles when everything submitted so far has. */
  #lastCommit: Promise<void> = Promise.resolve();

  constructor(store: Store, pending: PendingWrites, changes: RecentChanges) {
    this.#store = store;
    this.#pending = pending;
    this.#changes = changes;
  }

  /** DATABASE_READ_ONLY; MEMORY_LIMIT when too much waits for the disk. */
  checkWritable(): void {
    if (this.#store.readOnly !== undefined) throw this.#store.readOnly;
    if (this.#store.pendingBytes > limits.pendingWriteBytes) {
      const message = "Too many writes of this database wait for the disk. Try again in a moment.";
      throw new DocDBError("MEMORY_LIMIT", message, { retryAfterMs: 50 });
    }
  }

  /**
   * Submits changes as one commit. They must have been validated in this turn, against the pending writes. The promise
   * resolves when they are visible, and rejects when they never will be.
   */
  commit(mutations: readonly Mutation[], times?: OperationTimes): Promise<void> {
    const { version, done } = this.#store.commit(mutations, times);
    this.#pending.add(mutations, version);
    this.#changes.add(mutations, version);
    const settled = done.then(() => {
      this.#pending.settle(mutations, version);
      this.#changes.trim(version);
    });
    this.#lastCommit = settled;
    // Whoever submitted it hears of a failure; this is for the others, who look at it only when they must.
    settled.catch(() => undefined);
    return settled;
  }

  /** The last commit submitted, for `settled`. */
  get lastCommit(): Promise<void> {
    return this.#lastCommit;
  }

  /**
   * Waits for everything up to a commit, by default the last one submitted; false when it failed. An answer that rests
   * on it must be worked out anew then.
   */
  async settled(commit: Promise<void> = this.#lastCommit): Promise<boolean> {
    try {
      await commit;
      return true;
    } catch {
      return false;
    }
  }

  /** A group failed, and everything pending with it: what comes next is judged by what is visible. */
  forget(): void {
    if (!sabotaged("abort-keeps-pending")) this.#pending.clear();
    this.#changes.abort(this.#store.visibleVersion);
    this.#lastCommit = Promise.resolve();
  }
}
