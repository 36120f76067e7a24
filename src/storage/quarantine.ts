// Documents that are known to be damaged and couldn't be healed. Reads of them are refused without another look at the
// disk; everything else is served.
//
// Invariants
// 1. Only the newest version of a document is here: a version that is written later, a deletion and the end of its
//    collection let it go.
// 2. It only remembers what a read would find again, so it may forget: past its limit it takes nothing in.

import { idOf } from "../base/u64.ts";
import type { Mutation } from "./commit.ts";
import type { RecordIdentity } from "./record-place.ts";

/** Documents that are remembered: some 100 bytes each. */
const limit = 100_000;

export class Quarantine {
  readonly #versions = new Map<number, Map<bigint, number>>();
  #size = 0;

  /** Documents in it. */
  get size(): number {
    return this.#size;
  }

  has({ collection, idLow, idHigh, version }: RecordIdentity): boolean {
    return this.#size > 0 && this.#versions.get(collection)?.get(idOf(idLow, idHigh)) === version;
  }

  add({ collection, idLow, idHigh, version }: RecordIdentity): void {
    if (this.#size >= limit) return;
    let versions = this.#versions.get(collection);
    if (versions === undefined) this.#versions.set(collection, (versions = new Map()));
    const before = versions.size;
    versions.set(idOf(idLow, idHigh), version);
    this.#size += versions.size - before;
  }

  /** Lets a document go: it was healed. */
  release({ collection, idLow, idHigh }: RecordIdentity): void {
    if (this.#versions.get(collection)?.delete(idOf(idLow, idHigh)) === true) this.#size--;
  }

  /** Lets go what a committed change replaces. */
  noteChange({ kind, collection, idLow, idHigh }: Mutation): void {
    if (this.#size === 0) return;
    const versions = this.#versions.get(collection);
    if (versions === undefined) return;
    if (kind === "dropCollection") {
      this.#size -= versions.size;
      this.#versions.delete(collection);
    } else if (versions.delete(idOf(idLow, idHigh))) {
      this.#size--;
    }
  }
}
