// Randomness from the operating system, fetched in blocks: a call of its own for every number would cost a microsecond
// each.

import { randomFillSync } from "node:crypto";
import type { Randomness } from "../platform.ts";

const blockNumbers = 256;

export class RealRandomness implements Randomness {
  readonly #block = new Uint32Array(blockNumbers);
  #used = blockNumbers;

  u32(): number {
    if (this.#used === blockNumbers) {
      randomFillSync(this.#block);
      this.#used = 0;
    }
    const value = this.#block[this.#used] as number;
    // A number handed out may become a salt or a token: it isn't kept where a memory dump would show it again.
    this.#block[this.#used++] = 0;
    return value;
  }
}
