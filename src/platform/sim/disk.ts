// The disk of a simulated machine: names, contents and capacity. It outlives processes and power cuts, and knows
// nothing of promises: a call on it happens at once.

import { systemError } from "../system-error.ts";
import { Directory, DirectoryTree, partsOf, type Place } from "./directory-tree.ts";
import { Inode } from "./inode.ts";
import { contentAfterPowerLoss, survivals, type Leftovers, type Survival } from "./power-loss.ts";
import type { Prng } from "./prng.ts";

/** Old content is remembered up to this size, to appear as leftovers. */
const maxLeftoverBytes = 256 * 1024;

export class Disk {
  readonly tree: DirectoryTree;
  /** Bytes that all files together may have; holes count as written. */
  capacityBytes: number = Number.POSITIVE_INFINITY;
  /** Unlinked files that a handle still holds open: they take space. */
  readonly #unlinked = new Set<Inode>();
  #oldContent: Uint8Array | undefined;

  constructor(tree: DirectoryTree = new DirectoryTree()) {
    this.tree = tree;
  }

  create(path: string): Inode {
    const place = this.tree.place(path, "open");
    if (place.directory.entries.has(place.name)) throw systemError("EEXIST", "open", path);
    const inode = new Inode();
    this.tree.link(place, inode);
    return inode;
  }

  /** The file at `path`; throws when there is none. */
  file(path: string, syscall: string): Inode {
    const place = this.tree.place(path, syscall);
    const node = place.directory.entries.get(place.name);
    if (node === undefined) throw systemError("ENOENT", syscall, path);
    if (node instanceof Directory) throw systemError("EISDIR", syscall, path);
    return node;
  }

  unlink(path: string): void {
    const inode = this.file(path, "unlink");
    this.tree.unlink(this.tree.place(path, "unlink"), inode);
    this.#forget(inode);
  }

  rename(from: string, to: string, lost: boolean): void {
    const source = this.tree.place(from, "rename");
    const node = source.directory.entries.get(source.name);
    if (node === undefined) throw systemError("ENOENT", "rename", from);
    const target = this.tree.place(to, "rename");
    const replaced = target.directory.entries.get(target.name);
    if (replaced === node) return;
    if (replaced instanceof Directory) throw systemError("EISDIR", "rename", to);
    if (replaced !== undefined && node instanceof Directory) throw systemError("ENOTDIR", "rename", to);
    this.tree.rename(source, target, node, lost);
    if (replaced !== undefined) this.#forget(replaced);
  }

  /** Creates the directory and its missing parents; nothing happens when it exists. */
  mkdir(path: string): void {
    let directory = this.tree.root;
    const parts = partsOf(path);
    parts.forEach((name, index) => {
      let next = directory.entries.get(name);
      if (next instanceof Inode) throw systemError(index === parts.length - 1 ? "EEXIST" : "ENOTDIR", "mkdir", path);
      if (next === undefined) {
        next = new Directory();
        this.tree.link({ directory, name }, next);
      }
      directory = next;
    });
  }

  resize(inode: Inode, length: number): void {
    if (length < inode.cache.length) this.#remember(inode);
    inode.resize(length);
  }

  /** How many of `length` bytes at `position` still fit. */
  roomFor(inode: Inode, position: number, length: number): number {
    if (this.capacityBytes === Number.POSITIVE_INFINITY) return length;
    const growth = Math.max(0, position + length - inode.cache.length);
    const missing = Math.max(0, growth - Math.max(0, this.capacityBytes - this.usedBytes()));
    return Math.max(0, length - missing);
  }

  usedBytes(): number {
    let used = 0;
    for (const [, inode] of this.tree.files()) used += inode.cache.length;
    for (const inode of this.#unlinked) used += inode.cache.length;
    return used;
  }

  /** Called when a handle of `inode` was closed. */
  handleClosed(inode: Inode): void {
    inode.handles--;
    if (inode.handles === 0) this.#unlinked.delete(inode);
  }

  /** The process died: its handles are gone, the page cache stays. */
  endProcess(): void {
    for (const [, inode] of this.tree.files()) inode.handles = 0;
    this.#unlinked.clear();
  }

  /** Keeps what is durable, and of the rest what `survival` says, by default drawn apart for names and contents. */
  losePower(random: Prng, survival: Survival | undefined): { names: Survival; contents: Survival } {
    const names = survival ?? random.pick(survivals);
    const contents = survival ?? random.pick(survivals);
    this.endProcess();
    this.tree.losePower(names, random);
    for (const [, inode] of this.tree.files()) {
      const leftovers = this.#leftovers(random);
      inode.replace(contentAfterPowerLoss(inode.durable, inode.changes, contents, random, leftovers));
    }
    return { names, contents };
  }

  /** Puts a file there as if it had always been, or takes it away with `undefined`; makes missing directories. */
  plant(path: string, content: Uint8Array | undefined): void {
    let directory = this.tree.root;
    const parts = partsOf(path);
    const name = parts.pop() as string;
    for (const part of parts) {
      const known = directory.entries.get(part);
      if (known instanceof Inode) throw systemError("ENOTDIR", "plant", path);
      const next = known ?? new Directory();
      this.tree.plant({ directory, name: part }, next);
      directory = next;
    }
    const place: Place = { directory, name };
    this.tree.plant(place, content === undefined ? undefined : new Inode(content));
  }

  /** The same disk, power and page cache included, without open handles. */
  copy(): Disk {
    const copy = new Disk(this.tree.copy());
    copy.capacityBytes = this.capacityBytes;
    copy.#oldContent = this.#oldContent;
    return copy;
  }

  #forget(node: Inode): void {
    this.#remember(node);
    if (node.handles > 0) this.#unlinked.add(node);
  }

  #remember(inode: Inode): void {
    const length = inode.cache.length;
    if (length > 0 && length <= maxLeftoverBytes) this.#oldContent = Buffer.from(inode.cache.view());
  }

  /** What was where a file's lost data should be: mostly zeros, sometimes noise, sometimes a removed file's content. */
  #leftovers(random: Prng): Leftovers {
    const style = random.below(8);
    const old = this.#oldContent;
    if (style === 6) {
      return (target) => {
        for (let index = 0; index < target.length; index++) target[index] = random.u32();
      };
    }
    if (style === 7 && old !== undefined) {
      return (target, position) => target.set(old.subarray(position, position + target.length));
    }
    return () => undefined;
  }
}
