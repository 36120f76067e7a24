// The file system of the simulated machine, as one process sees it. See io-host.ts for when things happen, disk.ts for
// what.

import type { File, FileSystem, Lock } from "../platform.ts";
import { systemError } from "../system-error.ts";
import { Directory } from "./directory-tree.ts";
import type { FaultKind } from "./faults.ts";
import type { Inode } from "./inode.ts";
import type { IoHost } from "./io-host.ts";
import { SimulatedFile } from "./simulated-file.ts";

export class SimulatedFileSystem implements FileSystem {
  readonly #host: IoHost;

  constructor(host: IoHost) {
    this.#host = host;
  }

  open(path: string, mode: "read" | "write" | "create"): Promise<File> {
    const { disk } = this.#host;
    const perform = (): File => {
      const inode = mode === "create" ? disk.create(path) : disk.file(path, "open");
      return new SimulatedFile(this.#host, path, inode, mode !== "read");
    };
    return this.#host.issue({ call: mode === "create" ? "create" : "open", path, detail: mode, perform });
  }

  rename(from: string, to: string): Promise<void> {
    const { disk } = this.#host;
    const perform = (): void => disk.rename(from, to, false);
    const fail = (fault: FaultKind): void => {
      if (fault !== "lostRename") throw systemError(fault === "noNameSpace" ? "ENOSPC" : "EIO", "rename", from);
      disk.rename(from, to, true);
    };
    return this.#host.issue({ call: "rename", path: from, detail: `-> ${to}`, perform, fail });
  }

  unlink(path: string): Promise<void> {
    return this.#host.issue({ call: "unlink", path, perform: () => this.#host.disk.unlink(path) });
  }

  mkdir(path: string): Promise<void> {
    return this.#host.issue({ call: "mkdir", path, perform: () => this.#host.disk.mkdir(path) });
  }

  readdir(path: string): Promise<string[]> {
    const perform = (): string[] => [...this.#host.disk.tree.directory(path, "scandir").entries.keys()].sort();
    return this.#host.issue({ call: "readdir", path, perform });
  }

  exists(path: string): Promise<boolean> {
    return this.#host.issue({ call: "exists", path, perform: () => this.#host.disk.tree.find(path) !== undefined });
  }

  syncDirectory(path: string): Promise<void> {
    const { tree } = this.#host.disk;
    const perform = (): void => tree.sync(tree.directory(path, "open"));
    const fail = (fault: FaultKind): void => {
      const directory = tree.directory(path, "open");
      if (fault !== "syncRefusal") tree.dropChanges(directory);
      throw systemError("EIO", "fsync", path);
    };
    return this.#host.issue({ call: "syncDirectory", path, perform, fail });
  }

  freeBytes(path: string): Promise<number> {
    const { disk } = this.#host;
    return this.#host.issue({
      call: "statfs",
      path,
      perform: () => Math.max(0, disk.capacityBytes - disk.usedBytes()),
    });
  }

  lock(path: string): Promise<Lock> {
    const { locked } = this.#host;
    const perform = (): Lock => {
      const inode = this.#fileForLock(path);
      if (locked.has(inode)) throw systemError("ELOCKED", "lock", path);
      locked.add(inode);
      let released = false;
      const release = async (): Promise<void> => {
        if (released) return;
        released = true;
        await this.#host.issue({ call: "unlock", path, perform: () => void locked.delete(inode) });
      };
      return { release };
    };
    return this.#host.issue({ call: "lock", path, perform });
  }

  #fileForLock(path: string): Inode {
    const { disk } = this.#host;
    const place = disk.tree.place(path, "lock");
    const node = place.directory.entries.get(place.name);
    if (node instanceof Directory) throw systemError("EISDIR", "lock", path);
    return node ?? disk.create(path);
  }
}
