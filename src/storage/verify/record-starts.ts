// Where the sound records of a data file stand and whose they are, at twelve bytes a record: what an index says is held
// against it.

const firstCapacity = 1024;

export class RecordStarts {
  #offsets = new Float64Array(firstCapacity);
  #identities = new Uint32Array(firstCapacity);
  #count = 0;

  /** Notes a record. Offsets come in ascending order. */
  add(offset: number, collection: number, idLow: number, idHigh: number, version: number): void {
    if (this.#count === this.#offsets.length) this.#grow();
    this.#offsets[this.#count] = offset;
    this.#identities[this.#count] = hashOf(collection, idLow, idHigh, version);
    this.#count++;
  }

  /** Whether this version of this document was found at this offset. */
  has(offset: number, collection: number, idLow: number, idHigh: number, version: number): boolean {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#offsets[middle] as number) < offset) low = middle + 1;
      else high = middle;
    }
    return (
      this.#offsets[low] === offset &&
      low < this.#count &&
      this.#identities[low] === hashOf(collection, idLow, idHigh, version)
    );
  }

  #grow(): void {
    const capacity = Math.ceil(this.#offsets.length * 1.5);
    const [offsets, identities] = [new Float64Array(capacity), new Uint32Array(capacity)];
    offsets.set(this.#offsets);
    identities.set(this.#identities);
    this.#offsets = offsets;
    this.#identities = identities;
  }
}

/** Mixes an identity into 32 bits. A misplaced record passes for another one once in four thousand million times. */
function hashOf(collection: number, idLow: number, idHigh: number, version: number): number {
  let h = collection;
  for (const word of [idLow, idHigh, version >>> 0, Math.floor(version / 0x1_0000_0000)]) {
    h = Math.imul(h ^ word, 0x85eb_ca6b);
    h = Math.imul(h ^ (h >>> 15), 0xc2b2_ae35);
    h ^= h >>> 13;
  }
  return h >>> 0;
}
