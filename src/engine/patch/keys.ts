// Finding members of an object by their keys. A patch mostly asks for one or two, so the first few questions are
// answered by looking through the text; whoever asks more gets a table.
//
// Keys are compared by what they say, whatever escapes they are written with. Of several members with the same key the
// last one is found: that is the one which JSON.parse and most other readers go by.

import { bytesOf, type Span, stringOf } from "./json-scan.ts";

/** Questions after which a table is made. */
const questionsWithoutTable = 4;
const backslash = 0x5c;

export class Keys {
  /** The key at a place; undefined when the member there was removed. */
  readonly #keyAt: (place: number) => Span | undefined;
  #places: number;
  #questions = 0;
  #table: Map<string, number> | undefined;
  /** Places of members that a later one of the same key hides. */
  readonly #hidden = new Map<string, number[]>();

  /** Of an object with `places` members. */
  constructor(places: number, keyAt: (place: number) => Span | undefined) {
    this.#places = places;
    this.#keyAt = keyAt;
  }

  /** The place of the last member with this key, or -1. */
  placeOf(key: string): number {
    if (this.#table !== undefined) return this.#table.get(key) ?? -1;
    if (this.#questions++ >= questionsWithoutTable) return this.#makeTable().get(key) ?? -1;
    const wanted = Buffer.from(JSON.stringify(key));
    for (let place = this.#places - 1; place >= 0; place--) if (this.#says(place, key, wanted)) return place;
    return -1;
  }

  /** Notes a new member behind all others. */
  add(key: string, place: number): void {
    this.#places = place + 1;
    this.#table?.set(key, place);
  }

  /** Forgets a key; returns the places of all members that had it. */
  remove(key: string): readonly number[] {
    if (this.#table === undefined && this.#questions++ < questionsWithoutTable) return this.#allPlacesOf(key);
    const table = this.#table ?? this.#makeTable();
    const last = table.get(key);
    if (last === undefined) return [];
    const places = [...(this.#hidden.get(key) ?? []), last];
    table.delete(key);
    this.#hidden.delete(key);
    return places;
  }

  #allPlacesOf(key: string): number[] {
    const wanted = Buffer.from(JSON.stringify(key));
    const places: number[] = [];
    for (let place = 0; place < this.#places; place++) if (this.#says(place, key, wanted)) places.push(place);
    return places;
  }

  #says(place: number, key: string, wanted: Uint8Array): boolean {
    const span = this.#keyAt(place);
    if (span === undefined) return false;
    const bytes = bytesOf(span);
    if (bytes.length === wanted.length && Buffer.compare(bytes, wanted) === 0) return true;
    return bytes.includes(backslash) && stringOf(span) === key;
  }

  #makeTable(): Map<string, number> {
    const table = new Map<string, number>();
    for (let place = 0; place < this.#places; place++) {
      const span = this.#keyAt(place);
      if (span === undefined) continue;
      const key = stringOf(span);
      const hidden = table.get(key);
      if (hidden !== undefined) this.#hide(key, hidden);
      table.set(key, place);
    }
    this.#table = table;
    return table;
  }

  #hide(key: string, place: number): void {
    const places = this.#hidden.get(key);
    if (places === undefined) this.#hidden.set(key, [place]);
    else places.push(place);
  }
}
