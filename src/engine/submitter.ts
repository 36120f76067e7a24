// The way of a commit from its plan to the store, and what everybody may know of commits that are on it.

import { assert } from "../base/assert.ts";
import { DocDBError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import type { MemoryAccount } from "../base/memory-account.ts";
import { sabotaged } from "../base/sabotage.ts";
import type { Clock } from "../platform/platform.ts";
import { type Pieces, Turn } from "../platform/turn.ts";
import { memoryBytesOf, type Mutation } from "../storage/commit.ts";
import type { Store } from "../storage/store.ts";
import type { OperationTimes } from "../telemetry/operation-times.ts";
import type { PendingWrites } from "./pending.ts";
import type { RecentChanges } from "./transactions/recent-changes.ts";

/** A commit on its way: `done` resolves when it is visible, and rejects when it never will be. */
export interface Submitted {
  readonly version: number;
  readonly done: Promise<void>;
}

export class Submitter {
  readonly #turn: Turn;
  readonly #mutationsInPiece: number;
  readonly #store: Store;
  readonly #pending: PendingWrites;
  readonly #changes: RecentChanges;
  /** Settles when everything submitted so far has. */
  #lastCommit: Promise<void> = Promise.resolve();

  #held: Promise<void> | undefined;

  constructor(clock: Clock, mutationsInPiece: number, store: Store, pending: PendingWrites, changes: RecentChanges) {
    this.#turn = new Turn(clock);
    this.#mutationsInPiece = mutationsInPiece;
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

  /** Operations that are planned in one piece, and changes that are noted in one. */
  get mutationsInPiece(): number {
    return this.#mutationsInPiece;
  }

  /** How often pending commits have failed. What was planned before that is void. */
  get aborts(): number {
    return this.#changes.aborts;
  }

  /**
   * Set while a commit is planned and submitted over several turns: until it settles nobody else may plan one. Whoever
   * waits looks again, and goes on in the same turn if it isn't set any more: so all get their turn as they came.
   */
  get held(): Promise<void> | undefined {
    return this.#held;
  }

  /** Keeps others from planning while `work` runs. Nobody must do so already. */
  async hold<T>(work: () => Promise<T>): Promise<T> {
    assert(this.#held === undefined, "two commits are planned at the same time");
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held = promise;
    try {
      return await work();
    } finally {
      this.#held = undefined;
      resolve();
    }
  }

  /**
   * Submits a small commit. It must have been validated in this turn, against the pending writes. MEMORY_LIMIT, before
   * anything is done, when it adds something and there is no room for it.
   */
  commit(mutations: readonly Mutation[], times?: OperationTimes): Submitted {
    assert(this.#held === undefined, "a commit is submitted while another one is planned");
    admit(this.#store.memory, mutations, 0);
    const version = this.#store.nextVersion;
    this.#note(mutations, version, 0);
    return this.#submit(mutations, version, times);
  }

  /**
   * Submits changes as one commit. They must have been validated against the pending writes in this turn, or in turns
   * in which nobody else planned anything and `aborts` stayed as it was; otherwise this does nothing. MEMORY_LIMIT, as
   * above; `heldBytes` of the contents are held already, and by somebody who gives them back in the end.
   */
  *commitPieces(
    mutations: readonly Mutation[],
    aborts: number,
    times?: OperationTimes,
    heldBytes: number = 0,
  ): Pieces<Submitted | undefined> {
    admit(this.#store.memory, mutations, heldBytes);
    const version = this.#store.nextVersion;
    for (let from = 0; from < mutations.length; from += this.#mutationsInPiece) {
      if (from > 0) yield;
      // What was noted before a group failed has been forgotten with it.
      if (aborts !== this.aborts) return undefined;
      this.#note(mutations, version, from);
    }
    return this.#submit(mutations, version, times);
  }

  /** Lets whoever validates something know of one piece of a commit. */
  #note(mutations: readonly Mutation[], version: number, from: number): void {
    const to = Math.min(from + this.#mutationsInPiece, mutations.length);
    for (let i = from; i < to; i++) {
      const mutation = mutations[i] as Mutation;
      this.#pending.add(mutation, version);
      this.#changes.add(mutation, version);
    }
  }

  #submit(mutations: readonly Mutation[], version: number, times: OperationTimes | undefined): Submitted {
    const { done } = this.#store.commit(mutations, times);
    const settled = done.then(() => this.#settle(mutations, version));
    this.#lastCommit = settled;
    // Whoever submitted it hears of a failure; this is for the others, who look at it only when they must.
    settled.catch(() => undefined);
    return { version, done: settled };
  }

  /** Forgets a commit that is visible: from now on the index says what it did. */
  #settle(mutations: readonly Mutation[], version: number): Promise<void> | undefined {
    if (mutations.length > this.#mutationsInPiece) return this.#turn.run(this.#settlePieces(mutations, version));
    for (const mutation of mutations) this.#pending.settle(mutation, version);
    this.#changes.trim(version);
    return undefined;
  }

  *#settlePieces(mutations: readonly Mutation[], version: number): Pieces<void> {
    let count = 0;
    for (const mutation of mutations) {
      if (++count % this.#mutationsInPiece === 0) yield;
      this.#pending.settle(mutation, version);
    }
    this.#changes.trim(version);
  }

  /** The last commit submitted, for `settled`. */
  get lastCommit(): Promise<void> {
    return this.#lastCommit;
  }

  /**
   * Waits for everything up to a commit, by default all that was submitted or is being submitted; false when it failed.
   * An answer that rests on it must be worked out anew then.
   */
  async settled(commit?: Promise<void>): Promise<boolean> {
    try {
      while (commit === undefined && this.#held !== undefined) await this.#held;
      await (commit ?? this.#lastCommit);
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

/**
 * Bytes of memory that a new document may take for good: its slot in the index, and its place among the ids in order.
 */
const newDocumentBytes = 64;
const newCollectionBytes = 2_000;

/**
 * Makes sure that there is memory for a commit: for what waits, for the two buffers in which it goes to the WAL and to
 * the data file, and for the index. What only deletes gets through always, because it is the way back.
 */
function admit(memory: MemoryAccount, mutations: readonly Mutation[], heldBytes: number): void {
  let [added, contentBytes, lastingBytes] = [0, 0, 0];
  for (const { kind, content } of mutations) {
    if (kind !== "put" && kind !== "createCollection") continue;
    added++;
    lastingBytes += kind === "put" ? newDocumentBytes : newCollectionBytes;
    contentBytes += content.length;
  }
  if (added === 0) return;
  const pendingBytes = memoryBytesOf({ version: 0, mutations }) - heldBytes;
  memory.admit(pendingBytes + 2 * contentBytes + lastingBytes);
}
