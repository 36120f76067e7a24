// The content of one simulated file, apart from its names: what programs see of it, and what a power cut may leave of
// it.
//
// Invariants
// 1. `cache` is what every read sees: all writes and truncations so far, synced or not.
// 2. `durable` is what the disk surely has. A power cut leaves it with some of `changes` applied: see power-loss.ts.
// 3. Without faults, `durable` with all `changes` applied in order equals `cache`. A failed sync and a lost write break
//    that on purpose: the cache then has bytes that no later sync will ever write.

import { GrowableBytes } from "./growable-bytes.ts";

/** A change that isn't durable yet. `resize` sets the length: down it cuts, up it leaves zeros. */
export type Change =
  | { readonly kind: "write"; readonly position: number; readonly bytes: Buffer }
  | { readonly kind: "resize"; readonly length: number };

export class Inode {
  readonly cache: GrowableBytes;
  #durable: GrowableBytes;
  #changes: Change[] = [];
  /** Open handles: an unlinked file takes space as long as it has any. */
  handles = 0;

  /** A file with this content, all of it durable. */
  constructor(content?: Uint8Array) {
    this.cache = new GrowableBytes(content);
    this.#durable = new GrowableBytes(content);
  }

  get durable(): GrowableBytes {
    return this.#durable;
  }

  /** Changes since the last sync, in the order they were made. */
  get changes(): readonly Change[] {
    return this.#changes;
  }

  /** Copies `source`. */
  write(source: Uint8Array, position: number): void {
    this.cache.write(source, position);
    this.#changes.push({ kind: "write", position, bytes: Buffer.from(source) });
  }

  /** A write that the disk confirms and forgets: in the cache only, until a power cut. */
  writeAndForget(source: Uint8Array, position: number): void {
    this.cache.write(source, position);
  }

  resize(length: number): void {
    this.cache.resize(length);
    this.#changes.push({ kind: "resize", length });
  }

  sync(): void {
    for (const change of this.#changes) applyChange(this.#durable, change);
    this.#changes = [];
  }

  /**
   * The kernel's answer to a write-back that failed: the dirty pages count as clean from now on. Reads still see them,
   * no later sync writes them. The length is kept by the journal, not by the pages: with `keepLength` it may still
   * survive.
   */
  dropChanges(keepLength: boolean): void {
    const lengthChanged = this.cache.length !== this.#durable.length;
    this.#changes = keepLength && lengthChanged ? [{ kind: "resize", length: this.cache.length }] : [];
  }

  /** The disk's content after a power cut. Open handles don't survive one. */
  replace(content: GrowableBytes): void {
    this.#durable = content;
    this.#changes = [];
    this.cache.resize(0);
    this.cache.write(content.view(), 0);
    this.handles = 0;
  }

  /** Flips one bit of what the disk has, and of what reads see. */
  flipBit(position: number, bit: number): void {
    for (const bytes of [this.cache, this.#durable]) {
      const byte = bytes.view(position, position + 1)[0];
      if (byte !== undefined) bytes.write(Uint8Array.of(byte ^ (1 << bit)), position);
    }
  }

  /** The same content and the same changes, without handles. */
  copy(): Inode {
    const copy = new Inode(this.#durable.view());
    copy.cache.resize(0);
    copy.cache.write(this.cache.view(), 0);
    copy.#changes = [...this.#changes];
    return copy;
  }
}

/** Does to `bytes` what the change did to the file. */
export function applyChange(bytes: GrowableBytes, change: Change): void {
  if (change.kind === "write") bytes.write(change.bytes, change.position);
  else bytes.resize(change.length);
}
