// An object or array that a patch has reached: its items stand side by side, so that one can be changed while the text
// of all others stays as it is, white space included.
//
// An item is the text between two commas (or brackets): white space, in an object a key and a colon, the value. The
// white space before the closing bracket is kept apart, so that it stays there whatever becomes the last item.
//
// Items are numbers, because a document may have millions of them: `start * 2^25 + length` for text of the source, `~n`
// for the n-th changed item. A member that was removed leaves its place behind, so that places of others stay what they
// are; elements of an array move up.

import { assert } from "../../base/assert.ts";
import { DocDBError } from "../../base/errors.ts";
import { limits } from "../../base/limits.ts";
import { Keys } from "./keys.ts";
import { type Span, spaceEnd, spaceStart, stringEnd, valueEnd } from "./json-scan.ts";

/** A value in a document that is being patched. */
export type Node = Span | Container;

const lengthUnit = 2 ** 25;
/** The place of a member that was removed. */
const gone = Number.NEGATIVE_INFINITY;
const noBytes = new Uint8Array();
const colon = 0x3a;
const comma = 0x2c;

interface ChangedItem {
  /** White space, key and colon. */
  readonly before: Uint8Array;
  value: Node;
  /** White space behind the value. */
  readonly after: Uint8Array;
}

export class Container {
  readonly isObject: boolean;
  readonly #source: Uint8Array;
  readonly #items: number[] = [];
  readonly #changed: ChangedItem[] = [];
  /** White space before the closing bracket. */
  #tail: Uint8Array = noBytes;
  readonly #keys: Keys | undefined;
  #removed = 0;

  /** Opens the object or array that a span holds. */
  constructor({ bytes, start, end }: Span) {
    assert(bytes.length < lengthUnit, "a text is too long to be opened");
    this.#source = bytes;
    this.isObject = bytes[start] === 0x7b;
    this.#readItems(start + 1, end - 1);
    if (this.isObject) this.#keys = new Keys(this.#items.length, (place) => this.#keyAt(place));
  }

  /** An object without members. */
  static emptyObject(): Container {
    return new Container({ bytes: Buffer.from("{}"), start: 0, end: 2 });
  }

  /** Elements of an array, or members of an object. */
  get size(): number {
    return this.#items.length - this.#removed;
  }

  /** Where an object's member is, or -1. Of several with the same key it is the last one, which readers go by. */
  placeOf(key: string): number {
    return this.#keys?.placeOf(key) ?? -1;
  }

  /** The value at a place. */
  at(place: number): Node {
    const item = this.#items[place] as number;
    return item < 0 ? this.#changedItem(item).value : this.#valueOf(item);
  }

  replace(place: number, value: Node): void {
    const item = this.#items[place] as number;
    if (item < 0) {
      this.#changedItem(item).value = value;
      return;
    }
    const { start, end } = this.#valueOf(item);
    const before = this.#source.subarray(startOf(item), start);
    const after = this.#source.subarray(end, endOf(item));
    this.#items[place] = this.#change({ before, value, after });
  }

  /** The container at a place, opened if it wasn't yet; undefined when the value there is none. */
  open(place: number): Container | undefined {
    const node = this.at(place);
    if (node instanceof Container) return node;
    const first = node.bytes[node.start];
    if (first !== 0x7b && first !== 0x5b) return undefined;
    const container = new Container(node);
    this.replace(place, container);
    return container;
  }

  /** Adds a member behind all others. There must be none with that key. */
  addMember(key: string, value: Node): void {
    const [space, gap] = this.#style();
    const before = Buffer.concat([space, Buffer.from(JSON.stringify(key)), gap]);
    this.#keys?.add(key, this.#items.push(this.#change({ before, value, after: noBytes })) - 1);
  }

  /** Removes a member, and with it all others of the same key: none of them must come to light. */
  removeMember(key: string): boolean {
    const places = this.#keys?.remove(key) ?? [];
    for (const place of places) this.#items[place] = gone;
    this.#removed += places.length;
    return places.length > 0;
  }

  /** Puts an element before the one at `place`, which may be the array's length. */
  insertElement(place: number, value: Node): void {
    const [before] = this.#style(this.#items[place]);
    this.#items.splice(place, 0, this.#change({ before, value, after: noBytes }));
  }

  removeElement(place: number): void {
    this.#items.splice(place, 1);
  }

  /**
   * Bytes of its text. JSON_TOO_DEEP when containers nest deeper than a document may: a patch can put one into the
   * other again and again, and whoever follows them all the way down needs a stack for it. `level` counts from 1.
   */
  measure(level = 1): number {
    if (level > limits.jsonDepth) throw tooDeep();
    let bytes = 2 + this.#tail.length + Math.max(0, this.size - 1);
    for (const item of this.#items) {
      if (item >= 0) bytes += item % lengthUnit;
      else if (item !== gone) {
        const { before, value, after } = this.#changedItem(item);
        bytes += before.length + measure(value, level + 1) + after.length;
      }
    }
    return bytes;
  }

  /** Writes its text, which has `measure()` bytes, at an offset; returns the offset behind it. */
  write(target: Uint8Array, from: number): number {
    let at = from;
    target[at++] = this.isObject ? 0x7b : 0x5b;
    const first = at;
    // Untouched items that stand side by side in the source, in [start, end), go over in one piece.
    let start = 0;
    let end = -1;
    const flush = (): void => {
      if (end < 0) return;
      if (at > first) target[at++] = comma;
      at = copy(this.#source, start, end, target, at);
      end = -1;
    };
    for (const item of this.#items) {
      if (item >= 0) {
        if (startOf(item) !== end + 1 || end < 0) {
          flush();
          start = startOf(item);
        }
        end = endOf(item);
      } else if (item !== gone) {
        flush();
        if (at > first) target[at++] = comma;
        const { before, value, after } = this.#changedItem(item);
        at = copy(before, 0, before.length, target, at);
        at = writeNode(value, target, at);
        at = copy(after, 0, after.length, target, at);
      }
    }
    flush();
    at = copy(this.#tail, 0, this.#tail.length, target, at);
    target[at++] = this.isObject ? 0x7d : 0x5d;
    return at;
  }

  /** Reads the items in [from, to), which is what stands between the brackets. */
  #readItems(from: number, to: number): void {
    const source = this.#source;
    let start = from;
    let at = spaceEnd(source, from);
    if (at === to) {
      this.#tail = source.subarray(from, to);
      return;
    }
    for (;;) {
      const end = valueEnd(source, this.#valueStart(at));
      at = spaceEnd(source, end);
      if (at === to) {
        this.#items.push(start * lengthUnit + (end - start));
        this.#tail = source.subarray(end, to);
        return;
      }
      this.#items.push(start * lengthUnit + (at - start));
      start = at + 1;
      at = spaceEnd(source, start);
    }
  }

  /** Where the value begins of an item whose white space ends at `at`. */
  #valueStart(at: number): number {
    if (!this.isObject) return at;
    const colonAt = spaceEnd(this.#source, stringEnd(this.#source, at));
    return spaceEnd(this.#source, colonAt + 1);
  }

  #valueOf(item: number): Span {
    const start = this.#valueStart(spaceEnd(this.#source, startOf(item)));
    // Found from behind: the value may be of megabytes, and be asked for by each operation of a patch.
    return { bytes: this.#source, start, end: spaceStart(this.#source, endOf(item)) };
  }

  /** The key at a place, as it stands in the text; undefined when the member was removed. */
  #keyAt(place: number): Span | undefined {
    const item = this.#items[place] as number;
    if (item === gone) return undefined;
    const [bytes, from] = item < 0 ? [this.#changedItem(item).before, 0] : [this.#source, startOf(item)];
    const start = spaceEnd(bytes, from);
    return { bytes, start, end: stringEnd(bytes, start) };
  }

  #changedItem(item: number): ChangedItem {
    return this.#changed[~item] as ChangedItem;
  }

  #change(item: ChangedItem): number {
    return ~(this.#changed.push(item) - 1);
  }

  /**
   * How an item is set, by default the last one: the white space before an item, and what stands between its key and
   * its value.
   */
  #style(
    item: number | undefined = this.#items.findLast((candidate) => candidate !== gone),
  ): [space: Uint8Array, gap: Uint8Array] {
    if (item === undefined) return [noBytes, Uint8Array.of(colon)];
    const [bytes, from] = item < 0 ? [this.#changedItem(item).before, 0] : [this.#source, startOf(item)];
    const spaced = spaceEnd(bytes, from);
    if (!this.isObject) return [bytes.subarray(from, spaced), noBytes];
    const keyed = stringEnd(bytes, spaced);
    const end = item < 0 ? bytes.length : this.#valueStart(spaced);
    return [bytes.subarray(from, spaced), bytes.subarray(keyed, end)];
  }
}

/** Bytes of a value's text. JSON_TOO_DEEP. */
export function measure(node: Node, level = 1): number {
  return node instanceof Container ? node.measure(level) : node.end - node.start;
}

/** Writes a value's text at an offset; returns the offset behind it. */
export function writeNode(node: Node, target: Uint8Array, at: number): number {
  return node instanceof Container ? node.write(target, at) : copy(node.bytes, node.start, node.end, target, at);
}

function copy(source: Uint8Array, start: number, end: number, target: Uint8Array, at: number): number {
  target.set(source.subarray(start, end), at);
  return at + end - start;
}

function tooDeep(): DocDBError {
  return new DocDBError("JSON_TOO_DEEP", `The patch would nest values deeper than ${limits.jsonDepth} levels.`);
}

function startOf(item: number): number {
  return Math.floor(item / lengthUnit);
}

function endOf(item: number): number {
  return startOf(item) + (item % lengthUnit);
}
