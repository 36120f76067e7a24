// Whether what a transaction depends on is still as its snapshot has it, judged by the newest state, pending commits
// included. Optimistic concurrency control with backward validation (Kung and Robinson, 1981): the commit's version is
// the transaction's place in the serial order, and everything it read must be the same there as in its snapshot.
//
// Nothing comes between the last look and the planning of the commit. What may take long is done before: `prepare`
// compares every document with its newest state and the ranges with all recent changes, and remembers how far in the
// log of changes it looked; `lastLook` looks at the rest.

import { DocDBError } from "../../base/errors.ts";
import { sabotaged } from "../../base/sabotage.ts";
import type { Pieces, Turn } from "../../platform/turn.ts";
import type { Collection } from "../../storage/document-index.ts";
import type { DocumentState } from "../pending.ts";
import type { ReadSet } from "./read-set.ts";
import type { RecentChange, RecentChanges } from "./recent-changes.ts";

/** Changes that the last look takes in one piece. */
const changesInPiece = 512;

/** The newest state of a database, pending commits included. */
export interface NewestState {
  readonly changes: RecentChanges;
  /** The last version that readers see. */
  readonly visibleVersion: number;
  collection(id: number): Collection | undefined;
  stateOf(collection: Collection, id: bigint): DocumentState | undefined;
  /** Whether a collection is there, and not about to be dropped. */
  isThere(collection: Collection): boolean;
  /** Whether a name is taken by a collection, or about to be. */
  isNameTaken(lowerCaseName: string): boolean;
}

export class Validation {
  readonly #readSet: ReadSet;
  readonly #snapshotVersion: number;
  readonly #newest: NewestState;
  /** Up to where in the log of changes has been looked, as long as `aborts` is this. */
  #position: number | undefined;
  #aborts = 0;

  constructor(readSet: ReadSet, snapshotVersion: number, newest: NewestState) {
    this.#readSet = readSet;
    this.#snapshotVersion = snapshotVersion;
    this.#newest = newest;
  }

  /** Does most of the work, in turns. TRANSACTION_CONFLICT. */
  async prepare(turn: Turn): Promise<void> {
    const { changes } = this.#newest;
    if (this.#position === undefined || this.#aborts !== changes.aborts || !changes.has(this.#position)) {
      await this.#lookAtAll(turn);
      return;
    }
    const { end } = changes;
    if (await this.#lookAtChanges(this.#position, end, turn)) this.#position = end;
  }

  /**
   * Looks at what `prepare` hasn't seen, in turns in which nobody else plans a commit. False when commits failed
   * meanwhile: then it must be prepared again. TRANSACTION_CONFLICT when it doesn't hold.
   */
  *lastLook(): Pieces<boolean> {
    const { changes } = this.#newest;
    const position = this.#position;
    if (position === undefined || this.#aborts !== changes.aborts || !changes.has(position)) return false;
    this.#checkCollections();
    for (let at = position; at < changes.end; at++) {
      this.#checkChange(changes.at(at));
      if ((at - position) % changesInPiece !== changesInPiece - 1) continue;
      yield;
      if (this.#aborts !== changes.aborts || !changes.has(at + 1)) return false;
    }
    return true;
  }

  /** Forgets what was seen: commits that it was judged by have failed. */
  reset(): void {
    this.#position = undefined;
  }

  async #lookAtAll(turn: Turn): Promise<void> {
    const { changes } = this.#newest;
    const [aborts, end] = [changes.aborts, changes.end];
    this.#position = undefined;
    this.#checkCollections();
    for (const document of this.#readSet.documents()) {
      this.#checkDocument(document.collection, document.id, document.existed);
      await turn.pause();
    }
    if (this.#readSet.hasRanges && !sabotaged("commit-skips-ranges")) {
      const start = changes.positionAfter(this.#snapshotVersion);
      if (start === undefined) throw tooOld();
      this.#aborts = aborts;
      if (!(await this.#lookAtChanges(start, end, turn))) return;
    }
    if (changes.aborts !== aborts) return;
    this.#aborts = aborts;
    this.#position = end;
  }

  /** False when the log has changed so much meanwhile that its positions mean nothing any more. */
  async #lookAtChanges(start: number, end: number, turn: Turn): Promise<boolean> {
    const { changes } = this.#newest;
    for (let at = start; at < end; at++) {
      this.#checkChange(changes.at(at));
      await turn.pause();
      if (changes.aborts !== this.#aborts || !changes.has(at + 1)) return false;
    }
    return true;
  }

  #checkDocument(collection: Collection, id: bigint, existed: boolean): void {
    const state = this.#newest.stateOf(collection, id);
    // Compaction forgets deletions, but not before the snapshot is closed that knows the document.
    const version = state?.version ?? (existed ? this.#snapshotVersion + 1 : 0);
    if (version > this.#snapshotVersion && this.#counts(version)) throw conflict(collection, id, version);
  }

  #checkChange(change: RecentChange): void {
    if (change.version <= this.#snapshotVersion || !this.#counts(change.version)) return;
    const collection = this.#newest.collection(change.collection);
    if (collection === undefined) return;
    const inRange = !sabotaged("commit-skips-ranges") && this.#readSet.inRange(collection, change.id);
    if (inRange || this.#readSet.hasDocument(collection, change.id)) {
      throw conflict(collection, change.id, change.version);
    }
  }

  #checkCollections(): void {
    for (const collection of this.#readSet.collections) {
      if (!this.#newest.isThere(collection)) throw collectionChanged(collection.name, "was dropped");
    }
    for (const name of this.#readSet.absentNames) {
      if (this.#newest.isNameTaken(name)) throw collectionChanged(name, "was created");
    }
  }

  #counts(version: number): boolean {
    return !sabotaged("commit-ignores-pending") || version <= this.#newest.visibleVersion;
  }
}

/** The error for a document that another commit has changed. */
function conflict(collection: Collection, id: bigint, version: number): DocDBError {
  const message =
    `Document ${id} of collection ${collection.name} was changed by version ${version} after this transaction began. ` +
    "Nothing of it was applied. Repeat the whole transaction.";
  const metadata = { collection: collection.name, id: String(id), version: String(version) };
  return new DocDBError("TRANSACTION_CONFLICT", message, { metadata });
}

/** The error for a collection that has come or gone. */
function collectionChanged(name: string, what: string): DocDBError {
  const message =
    `Collection ${name} ${what} after this transaction began. Nothing of it was applied. ` +
    "Repeat the whole transaction.";
  return new DocDBError("TRANSACTION_CONFLICT", message, { metadata: { collection: name } });
}

function tooOld(): DocDBError {
  const message =
    "So much was written since this transaction began that its lists can't be checked any more. Nothing of it was " +
    "applied. Repeat the whole transaction, and commit sooner.";
  return new DocDBError("TRANSACTION_CONFLICT", message, { metadata: { reason: "too_many_changes" } });
}
