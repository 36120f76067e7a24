// The ids of a collection in order, beside its hash index: built when somebody first wants them, kept up from then on.
// An id is in it when readers may find a document with it: one of now, or one that an open snapshot sees.
//
// Building goes on in short turns while commits are published. What they change is noted, and judged anew when the ids
// have been sorted.

import { assert } from "../base/assert.ts";
import type { MemoryAccount } from "../base/memory-account.ts";
import type { Turn } from "../platform/turn.ts";
import { sortedIds } from "./id-merge.ts";
import type { IdOrder } from "./id-order.ts";
import type { IndexTable } from "./index-table.ts";

/** Noted changes that are judged between two looks at the clock. */
const changesAtOnce = 500;

/** Which ids belong into the order. */
export interface FindableIds {
  /** Whether readers may find a document with this id. */
  mayFind(low: number, high: number): boolean;
  /** Calls `visit` with every id that only snapshots may find, and perhaps others. */
  visitOld(visit: (low: number, high: number) => void, turn: Turn): Promise<void>;
}

export class OrderedIds {
  readonly #table: IndexTable;
  readonly #ids: FindableIds;
  readonly #memory: MemoryAccount;
  #order: IdOrder | undefined;
  #building: Promise<void> | undefined;
  /** Low and high halves of ids that changed while the order was being built. */
  #changes: number[] = [];

  /** `memory` is charged with the order. */
  constructor(table: IndexTable, ids: FindableIds, memory: MemoryAccount) {
    this.#table = table;
    this.#ids = ids;
    this.#memory = memory;
  }

  get isBuilt(): boolean {
    return this.#order !== undefined;
  }

  /** The order, built if it isn't there. It changes with every commit. */
  async build(turn: Turn): Promise<IdOrder> {
    this.#building ??= this.#build(turn);
    await this.#building;
    assert(this.#order !== undefined, "the order of the ids was built and isn't there");
    return this.#order;
  }

  /** Called when a document came to be or ceased to be, for readers of now or for those of a snapshot. */
  changed(low: number, high: number): void {
    if (this.#order !== undefined) {
      this.#judge(this.#order, low, high);
      this.#memory.resize(this.#order.memoryBytes);
    } else if (this.#building !== undefined) {
      this.#changes.push(low, high);
    }
  }

  async #build(turn: Turn): Promise<void> {
    const order = await sortedIds(this.#table, turn);
    await this.#ids.visitOld((low, high) => this.#changes.push(low, high), turn);
    while (this.#changes.length > 0) {
      const changes = this.#changes.splice(-2 * changesAtOnce);
      for (let i = 0; i < changes.length; i += 2) this.#judge(order, changes[i] as number, changes[i + 1] as number);
      await turn.pause();
    }
    // In the same turn as the last look at the changes: from here on they are judged as they come.
    this.#order = order;
    this.#memory.resize(order.memoryBytes);
  }

  #judge(order: IdOrder, low: number, high: number): void {
    if (this.#ids.mayFind(low, high)) order.add(low, high);
    else order.remove(low, high);
  }
}
