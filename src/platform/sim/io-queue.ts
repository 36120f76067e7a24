// The calls of a process that are under way on the simulated machine: asked for and not done yet, in no particular
// order.

import type { Operation } from "./io-host.ts";
import type { Survival } from "./power-loss.ts";
import type { Prng } from "./prng.ts";

interface UnderWay {
  /** Undefined for a `yield`: it takes its turn as an I/O does, but isn't one. */
  readonly operation: Operation<unknown> | undefined;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export class IoQueue {
  readonly #underWay: UnderWay[] = [];

  get length(): number {
    return this.#underWay.length;
  }

  /** A promise that settles only when `take` was called for the operation and the taker settles it. */
  add<T>(operation: Operation<T> | undefined): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#underWay.push({ operation, resolve: resolve as (value: unknown) => void, reject });
    });
  }

  operation(index: number): Operation<unknown> | undefined {
    return this.#underWay[index]?.operation;
  }

  /** Removes one; the last one takes its index. */
  take(index: number): UnderWay {
    const taken = this.#underWay[index] as UnderWay;
    const last = this.#underWay.pop() as UnderWay;
    if (index < this.#underWay.length) this.#underWay[index] = last;
    return taken;
  }

  /**
   * Empties the queue of a process that died: each operation is done, partly done, or not done, in any order, and
   * nobody is told. With `drop` none is done, with `keep` all are.
   */
  abandon(random: Prng, survival: Survival | undefined): void {
    const rate = survival === "drop" ? 0 : survival === "keep" ? 1 : 0.5;
    while (this.#underWay.length > 0) {
      const { operation } = this.take(random.below(this.#underWay.length));
      if (operation === undefined || !random.chance(rate)) continue;
      try {
        if (operation.interrupt === undefined || survival === "keep") operation.perform();
        else operation.interrupt();
      } catch {
        // The process that would have been told is dead.
      }
    }
  }
}
