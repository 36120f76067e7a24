// The names of the simulated disk: directories, and which of their entries a power cut may take back.
//
// Invariants
// 1. `entries` of a directory is what every program sees; `durable` is what the disk surely has.
// 2. A change is durable only after the directory that it happened in was synced; a rename counts for the directory of
//    its new name, and is one change: a power cut leaves the old name or the new one.
// 3. A name says nothing about the content behind it: both are lost and kept apart.

import { systemError, type SystemErrorCode } from "../system-error.ts";
import { Inode } from "./inode.ts";
import type { Prng } from "./prng.ts";
import type { Survival } from "./power-loss.ts";

export class Directory {
  entries: Map<string, Node> = new Map();
  durable: Map<string, Node> = new Map();
}

export type Node = Directory | Inode;

/** An entry of a directory: the place, not what is there. */
export interface Place {
  readonly directory: Directory;
  readonly name: string;
}

type NameChange =
  | { readonly kind: "link"; readonly at: Place; readonly node: Node }
  | { readonly kind: "unlink"; readonly at: Place; readonly node: Node }
  | { readonly kind: "rename"; readonly from: Place; readonly at: Place; readonly node: Node };

export class DirectoryTree {
  readonly root: Directory = new Directory();
  #changes: NameChange[] = [];

  /** What is at `path`, or undefined. */
  find(path: string): Node | undefined {
    let node: Node | undefined = this.root;
    for (const name of partsOf(path)) {
      if (!(node instanceof Directory)) return undefined;
      node = node.entries.get(name);
    }
    return node;
  }

  /** The entry that `path` names, there or not; throws when its directory is missing or isn't one. */
  place(path: string, syscall: string): Place {
    const parts = partsOf(path);
    const name = parts.pop();
    if (name === undefined) throw systemError("EISDIR", syscall, path);
    return { directory: this.#descend(parts, syscall, path), name };
  }

  /** The directory at `path`; throws when it is missing or isn't one. */
  directory(path: string, syscall: string): Directory {
    return this.#descend(partsOf(path), syscall, path);
  }

  link(at: Place, node: Node): void {
    at.directory.entries.set(at.name, node);
    this.#changes.push({ kind: "link", at, node });
  }

  unlink(at: Place, node: Node): void {
    at.directory.entries.delete(at.name);
    this.#changes.push({ kind: "unlink", at, node });
  }

  /** With `lost` the disk never hears of it: programs see the new name until the power fails, whatever they sync. */
  rename(from: Place, at: Place, node: Node, lost: boolean): void {
    from.directory.entries.delete(from.name);
    at.directory.entries.set(at.name, node);
    if (!lost) this.#changes.push({ kind: "rename", from, at, node });
  }

  /** Links and syncs in one, as if it had always been there. */
  plant(at: Place, node: Node | undefined): void {
    for (const names of [at.directory.entries, at.directory.durable]) {
      if (node === undefined) names.delete(at.name);
      else names.set(at.name, node);
    }
    this.#changes = this.#changes.filter((change) => !isSame(change.at, at));
  }

  /** Makes the changes in this directory durable, and earlier ones to the old names of files that moved into it. */
  sync(directory: Directory): void {
    const oldNames: Place[] = [];
    const synced = new Set<NameChange>();
    for (const change of this.#changes.toReversed()) {
      if (change.at.directory !== directory && !oldNames.some((name) => isSame(name, change.at))) continue;
      synced.add(change);
      if (change.kind === "rename") oldNames.push(change.from);
    }
    for (const change of this.#changes) if (synced.has(change)) applyDurably(change);
    this.#changes = this.#changes.filter((change) => !synced.has(change));
  }

  /** What a failed sync may do: the changes stay visible, and no later sync writes them. */
  dropChanges(directory: Directory): void {
    this.#changes = this.#changes.filter((change) => change.at.directory !== directory);
  }

  /** Goes back to the durable names and the survivors of the changes, in order; what can't be done is skipped. */
  losePower(survival: Survival, random: Prng): void {
    const prefix = random.below(this.#changes.length + 1);
    this.#changes.forEach((change, index) => {
      const survives =
        survival === "keep" || (survival === "prefix" ? index < prefix : survival !== "drop" && random.chance(0.5));
      if (survives && isPossible(change)) applyDurably(change);
    });
    this.#changes = [];
    forEachDirectory(this.root, (directory) => (directory.entries = new Map(directory.durable)));
  }

  /** Every file with its path, in a fixed order. */
  *files(): Generator<[string, Inode]> {
    yield* filesUnder(this.root, "");
  }

  /** The same tree with the same changes pending; every inode is replaced by its copy. */
  copy(): DirectoryTree {
    const tree = new DirectoryTree();
    const copies = new Map<Node, Node>([[this.root, tree.root]]);
    const copyOf = (node: Node): Node => {
      const known = copies.get(node);
      if (known !== undefined) return known;
      const made = node instanceof Inode ? node.copy() : new Directory();
      copies.set(node, made);
      if (node instanceof Directory) copyEntries(node, made as Directory);
      return made;
    };
    const copyEntries = (from: Directory, to: Directory): void => {
      for (const [name, node] of from.entries) to.entries.set(name, copyOf(node));
      for (const [name, node] of from.durable) to.durable.set(name, copyOf(node));
    };
    const placeOf = (at: Place): Place => ({ directory: copyOf(at.directory) as Directory, name: at.name });
    copyEntries(this.root, tree.root);
    tree.#changes = this.#changes.map((change) => {
      const moved = { ...change, at: placeOf(change.at), node: copyOf(change.node) };
      return moved.kind === "rename" ? { ...moved, from: placeOf(moved.from) } : moved;
    });
    return tree;
  }

  #descend(parts: readonly string[], syscall: string, path: string): Directory {
    let directory = this.root;
    for (const name of parts) {
      const next = directory.entries.get(name);
      const code: SystemErrorCode = next === undefined ? "ENOENT" : "ENOTDIR";
      if (!(next instanceof Directory)) throw systemError(code, syscall, path);
      directory = next;
    }
    return directory;
  }
}

/** The names on the way to `path`, from the root; a relative path starts at the root too. */
export function partsOf(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

function isSame(one: Place, other: Place): boolean {
  return one.directory === other.directory && one.name === other.name;
}

function isPossible(change: NameChange): boolean {
  const present = change.at.directory.durable.get(change.at.name);
  if (change.kind === "link") return present === undefined;
  if (change.kind === "unlink") return present === change.node;
  return change.from.directory.durable.get(change.from.name) === change.node;
}

function applyDurably(change: NameChange): void {
  const names = change.at.directory.durable;
  if (change.kind === "unlink") {
    names.delete(change.at.name);
    return;
  }
  if (change.kind === "rename" && change.from.directory.durable.get(change.from.name) === change.node) {
    change.from.directory.durable.delete(change.from.name);
  }
  names.set(change.at.name, change.node);
}

function forEachDirectory(directory: Directory, action: (directory: Directory) => void): void {
  action(directory);
  for (const node of directory.entries.values()) if (node instanceof Directory) forEachDirectory(node, action);
}

function* filesUnder(directory: Directory, path: string): Generator<[string, Inode]> {
  const names = [...directory.entries.keys()].sort();
  for (const name of names) {
    const node = directory.entries.get(name) as Node;
    if (node instanceof Inode) yield [`${path}/${name}`, node];
    else yield* filesUnder(node, `${path}/${name}`);
  }
}
