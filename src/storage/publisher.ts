// Making commits visible. A small commit goes into the index at once. A large one takes several turns of the event
// loop; while it does, readers of now read as of the version before it, like those of a snapshot. So everybody sees all
// of it or nothing.

import { sabotaged } from "../base/sabotage.ts";
import { type Pieces, Turn } from "../platform/turn.ts";
import type { Clock } from "../platform/platform.ts";
import { type Commit, dataBytesOf, type Mutation } from "./commit.ts";
import type { DataFiles } from "./data-files.ts";
import type { DocumentIndex } from "./document-index.ts";
import type { Healing } from "./healing.ts";
import type { Snapshot } from "./snapshot.ts";
import type { Snapshots } from "./snapshots.ts";

export interface PublisherParts {
  readonly index: DocumentIndex;
  readonly data: DataFiles;
  readonly snapshots: Snapshots;
  readonly healing: Healing;
}

export class Publisher {
  readonly #turn: Turn;
  readonly #parts: PublisherParts;
  readonly #mutationsInPiece: number;
  #before: Snapshot | undefined;
  #visible: Promise<void> | undefined;

  constructor(clock: Clock, mutationsInPiece: number, parts: PublisherParts) {
    this.#turn = new Turn(clock);
    this.#mutationsInPiece = mutationsInPiece;
    this.#parts = parts;
  }

  /** What readers of now see while a commit is on its way into the index. */
  get before(): Snapshot | undefined {
    return sabotaged("large-commit-seen-in-part") ? undefined : this.#before;
  }

  /** Settles when the commit is visible that is on its way into the index, if one is. */
  get visible(): Promise<void> | undefined {
    return this.#visible;
  }

  /**
   * Puts a durable commit into the index; its records start at `offset` of the current data file. Undefined when that
   * is done. Otherwise the promise resolves when it is, and to what must be called in the turn in which the visible
   * version advances from `visibleVersion`.
   */
  publish(commit: Commit, offset: number, visibleVersion: number): Promise<() => void> | undefined {
    if (commit.mutations.length > this.#mutationsInPiece) return this.#inTurns(commit, offset, visibleVersion);
    this.#apply(commit, 0, commit.mutations.length, offset);
    return undefined;
  }

  async #inTurns(commit: Commit, offset: number, visibleVersion: number): Promise<() => void> {
    const before = this.#parts.snapshots.pin(visibleVersion);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#before = before;
    this.#visible = promise;
    await this.#turn.run(this.#pieces(commit, offset));
    return () => {
      this.#before = undefined;
      this.#visible = undefined;
      before.release();
      resolve();
    };
  }

  *#pieces(commit: Commit, offset: number): Pieces<void> {
    let at = offset;
    for (let from = 0; from < commit.mutations.length; from += this.#mutationsInPiece) {
      if (from > 0) yield;
      at = this.#apply(commit, from, from + this.#mutationsInPiece, at);
    }
  }

  /** Applies the changes in [from, to), whose records start at `offset`; returns where the next one's does. */
  #apply({ mutations, version }: Commit, from: number, to: number, offset: number): number {
    const { index, data, snapshots, healing } = this.#parts;
    const { parity } = data.current;
    let at = offset;
    for (let i = from; i < Math.min(to, mutations.length); i++) {
      const mutation = mutations[i] as Mutation;
      const length = dataBytesOf(mutation);
      if (mutation.kind === "request") index.requests.expire(mutation.createTimeMs);
      else snapshots.keepReplaced(mutation, version);
      index.apply(mutation, version, { offset: at, length, parity });
      healing.noteChange(mutation);
      at += length;
    }
    return at;
  }
}
