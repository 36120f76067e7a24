// The bytes of memory that DocDB accounts for: a tree of accounts. What a leaf holds counts in every account above it,
// so a database knows what it takes, and the server what all of them take, for the price of a few additions.
//
//     server ── cache | calls | database ── index | pendingWrites | transactions | snapshots
//
// Invariants
// 1. An account's bytes are what it was charged itself and what its children hold.
// 2. Closing an account gives back all that it holds, its children included, and what is charged to it later counts in
//    nothing above. So the memory of a transaction or a database can't outlive it in the books.
// 3. A limit is kept by those who ask first (`admit`). Memory that must be taken without asking, such as the index
//    entry of a commit that is durable, is charged all the same; then whatever gives way does so at once.

import { assert } from "./assert.ts";
import { DocDBError } from "./errors.ts";

/** What memory is used for. */
export const memoryKinds = ["index", "cache", "pendingWrites", "transactions", "snapshots", "calls"] as const;
export type MemoryKind = (typeof memoryKinds)[number];

/** Kinds that go down by themselves soon: whoever is refused because of them may try again. */
const passing: ReadonlySet<MemoryKind> = new Set<MemoryKind>(["pendingWrites", "transactions", "snapshots", "calls"]);
/** Milliseconds after which a refused call may be tried again. */
const retryAfterMs = 100;

export interface MemoryAccountOptions {
  /** What its own bytes are; what accounts below it hold counts as that too. Without one it is a sum of others. */
  readonly kind?: MemoryKind;
  /** Whose memory it is, for messages: `the server`, `database app`. */
  readonly name?: string;
  /** Bytes that may be held; 0: no limit. */
  readonly limitBytes?: number;
}

export class MemoryAccount {
  readonly kind: MemoryKind | undefined;
  readonly #name: string;
  readonly limitBytes: number;
  readonly #children = new Set<MemoryAccount>();
  #parent: MemoryAccount | undefined;
  #bytes = 0;
  #refusals = 0;
  /** Gives up so many bytes, or what it can, in the same turn. Set by what can be done without. */
  giveWay: ((bytes: number) => void) | undefined;

  constructor({ kind, name = "", limitBytes = 0 }: MemoryAccountOptions = {}) {
    this.kind = kind;
    this.#name = name;
    this.limitBytes = limitBytes;
  }

  /** Bytes held here and below. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What was refused because of this account's limit, or that of one that stood below it at that time. */
  get refusals(): number {
    return this.#refusals;
  }

  /** Bytes that are left until the limit, without anything giving way; infinite without one. */
  get freeBytes(): number {
    return this.limitBytes === 0 ? Number.POSITIVE_INFINITY : this.limitBytes - this.#bytes;
  }

  /** A new account below this one. */
  child(options?: MemoryAccountOptions): MemoryAccount {
    const child = new MemoryAccount(options);
    this.adopt(child);
    return child;
  }

  /** Takes in an account with all that it holds; it may have stood elsewhere. */
  adopt(child: MemoryAccount): void {
    child.close();
    child.#parent = this;
    this.#children.add(child);
    this.charge(child.#bytes);
  }

  /** Takes an account out of this one, unless it belongs to another by now. */
  release(child: MemoryAccount): void {
    if (child.#parent === this) child.close();
  }

  /** Takes the account, with what is below it, out of those above. */
  close(): void {
    const parent = this.#parent;
    if (parent === undefined) return;
    parent.#children.delete(this);
    parent.charge(-this.#bytes);
    this.#parent = undefined;
  }

  /** Notes that so many bytes more are held, or less. */
  charge(bytes: number): void {
    if (bytes === 0) return;
    this.#bytes += bytes;
    assert(this.#bytes >= 0, "more memory was given back than was held");
    this.#parent?.charge(bytes);
    if (bytes > 0 && this.freeBytes < 0) this.giveWay?.(-this.freeBytes);
  }

  /** Notes that an account without children holds so many bytes now. */
  resize(bytes: number): void {
    this.charge(bytes - this.#bytes);
  }

  /** Makes sure that so many bytes more fit, here and above. MEMORY_LIMIT. */
  admit(bytes: number): void {
    this.admitHere(bytes);
    this.#parent?.admit(bytes);
  }

  /** Like `admit`, by the limit of this account alone. MEMORY_LIMIT. */
  admitHere(bytes: number): void {
    if (this.freeBytes < bytes) this.giveWay?.(bytes - this.freeBytes);
    if (this.freeBytes < bytes) throw this.#refusal(bytes);
  }

  /** Bytes held here and below by what they are used for. */
  byKind(): Record<MemoryKind, number> {
    const sums = { index: 0, cache: 0, pendingWrites: 0, transactions: 0, snapshots: 0, calls: 0 };
    this.#addTo(sums);
    return sums;
  }

  #addTo(sums: Record<MemoryKind, number>): void {
    if (this.kind !== undefined) sums[this.kind] += this.#bytes;
    else for (const child of this.#children) child.#addTo(sums);
  }

  #noteRefusal(): void {
    this.#refusals++;
    if (this.#parent !== undefined) this.#parent.#noteRefusal();
  }

  #refusal(bytes: number): DocDBError {
    this.#noteRefusal();
    const sums = this.byKind();
    const helps = memoryKinds.some((kind) => passing.has(kind) && sums[kind] > 0);
    const message =
      `The memory of ${this.#name} is used up: ${this.#bytes} of ${this.limitBytes} bytes, and ${bytes} more are ` +
      "needed. Nothing was changed. Try again later, delete and compact, or allow more.";
    return new DocDBError("MEMORY_LIMIT", message, {
      metadata: { used_bytes: String(this.#bytes), limit_bytes: String(this.limitBytes) },
      ...(helps ? { retryAfterMs } : {}),
    });
  }
}
