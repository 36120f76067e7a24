// The order of one stream's calls on the same documents: each call waits until every earlier one that it must not
// overtake has ended. Calls on different documents don't wait for each other.
//
// Invariants
// 1. A mutation waits for all earlier calls on its documents, a read for the earlier mutations of them. A list counts
//    as a read of every document.
// 2. A call runs when it waits for nothing. It waits only for earlier calls, so the oldest one never waits: no
//    deadlock.
// 3. Documents are told apart by 30 bits of their collection's name and their id. Two that are taken for one wait for
//    each other without need, and nothing else comes of it.

/** A call as this file sees it. */
export interface OrderedCall {
  /** Whether it changes something. */
  readonly mutates: boolean;
  /** Earlier calls and places in lines that it waits for. Owned by DocumentOrder. */
  waitsFor: number;
  /** Which documents it is about; undefined for all of them. Filled by `enter`. */
  keys: readonly number[] | undefined;
  /** Calls that wait for it by itself: lists for a mutation, mutations for a list. Owned by DocumentOrder. */
  followers: OrderedCall[] | undefined;
}

/** The calls on one document: those that have their turn, and those in line behind them. */
interface Line {
  readers: number;
  writer: boolean;
  readonly waiting: OrderedCall[];
}

export class DocumentOrder<Call extends OrderedCall> {
  readonly #lines = new Map<number, Line>();
  /** Mutations that haven't ended, in the order in which they came. */
  readonly #mutations = new Set<Call>();
  /** Lists that haven't ended. */
  readonly #lists = new Set<Call>();
  readonly #onReady: (call: Call) => void;

  /**
   * `onReady` is told of each call whose waiting has ended, in the order in which they came as far as they wait for one
   * another.
   */
  constructor(onReady: (call: Call) => void) {
    this.#onReady = onReady;
  }

  /** Takes a call in; true when it needn't wait. `keys`: its documents, each once, or undefined for a list. */
  enter(call: Call, keys: readonly number[] | undefined): boolean {
    call.keys = keys;
    if (keys === undefined) {
      this.#follow(call, this.#mutations);
      this.#lists.add(call);
    } else {
      for (const key of keys) this.#queue(call, key);
    }
    if (call.mutates) {
      this.#follow(call, this.#lists);
      this.#mutations.add(call);
    }
    return call.waitsFor === 0;
  }

  /** A call has ended, or will never run: who waited for it goes on. */
  leave(call: Call): void {
    if (call.mutates) this.#mutations.delete(call);
    if (call.keys === undefined) this.#lists.delete(call);
    else for (const key of call.keys) this.#advance(call, key);
    if (call.followers === undefined) return;
    for (const follower of call.followers) this.#grant(follower as Call);
  }

  #follow(call: Call, earlier: ReadonlySet<Call>): void {
    for (const each of earlier) (each.followers ??= []).push(call);
    call.waitsFor += earlier.size;
  }

  #queue(call: Call, key: number): void {
    const line = this.#lines.get(key);
    if (line === undefined) {
      this.#lines.set(key, { readers: call.mutates ? 0 : 1, writer: call.mutates, waiting: [] });
    } else if (line.waiting.length > 0 || line.writer || call.mutates) {
      line.waiting.push(call);
      call.waitsFor++;
    } else {
      line.readers++;
    }
  }

  #advance(call: Call, key: number): void {
    const line = this.#lines.get(key);
    if (line === undefined) return;
    if (call.mutates) line.writer = false;
    else line.readers--;
    while (!line.writer) {
      const next = line.waiting[0] as Call | undefined;
      if (next === undefined || (next.mutates && line.readers > 0)) break;
      line.waiting.shift();
      if (next.mutates) line.writer = true;
      else line.readers++;
      this.#grant(next);
    }
    if (!line.writer && line.readers === 0) this.#lines.delete(key);
  }

  #grant(call: Call): void {
    call.waitsFor--;
    if (call.waitsFor === 0) this.#onReady(call);
  }
}

/** What a document is known by. Names of collections have no case; an empty one is `_default`. */
export function documentKey(collection: number, id: bigint): number {
  return (Math.imul(collection ^ Number(BigInt.asUintN(32, id)), 0x9e37_79b1) ^ Number(id >> 32n)) >>> 2;
}

/** A number for a collection's name, for `documentKey`. */
export function collectionKey(name: string): number {
  const known = name === "" ? "_default" : name;
  let hash = 0x811c_9dc5;
  // Bit 0x20 is all that a letter's case changes.
  for (let i = 0; i < known.length; i++) hash = Math.imul(hash ^ (known.charCodeAt(i) | 0x20), 0x0100_0193);
  return hash;
}
