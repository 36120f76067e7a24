// An open file of the simulated machine. Calls that weren't awaited may be done in any order; `source` and `target` are
// touched only when the machine does them, as a kernel may.
//
// Invariants, the same as the real file's: nothing is done after `close` was called, and `close` waits for what is
// under way.

import type { File } from "../platform.ts";
import { systemError } from "../system-error.ts";
import type { FaultKind } from "./faults.ts";
import type { Inode } from "./inode.ts";
import type { IoHost, Operation } from "./io-host.ts";
import { sectorBytes } from "./power-loss.ts";

export class SimulatedFile implements File {
  /** Set by a write that the full disk cut short: the next one fails. */
  #outOfSpace = false;
  readonly path: string;
  readonly #host: IoHost;
  readonly #inode: Inode;
  readonly #writable: boolean;
  #underway = 0;
  #closed = false;
  #lastCallEnded: (() => void) | undefined;

  constructor(host: IoHost, path: string, inode: Inode, writable: boolean) {
    this.#host = host;
    this.path = path;
    this.#inode = inode;
    this.#writable = writable;
    inode.handles++;
  }

  read(target: Uint8Array, position: number): Promise<number> {
    const detail = `@${position}+${target.length}`;
    const perform = (): number => this.#inode.cache.read(target, position);
    const fail = (fault: FaultKind): number => {
      if (fault !== "bitRot") throw systemError("EIO", "read", this.path);
      const end = Math.min(position + target.length, this.#inode.cache.length);
      const { random } = this.#host;
      if (end > position) this.#inode.flipBit(position + random.below(end - position), random.below(8));
      return perform();
    };
    return this.#call({ call: "read", path: this.path, detail, perform, fail });
  }

  write(source: Uint8Array, position: number): Promise<number> {
    const detail = `@${position}+${source.length}`;
    const perform = (): number => this.#write(source, position);
    const fail = (fault: FaultKind): number => this.#writeBadly(source, position, fault);
    const interrupt = (): void => {
      this.#write(this.#prefix(source), position);
    };
    return this.#call({ call: "write", path: this.path, detail, perform, fail, interrupt });
  }

  datasync(): Promise<void> {
    const perform = (): void => this.#inode.sync();
    const fail = (fault: FaultKind): void => {
      if (fault !== "syncRefusal") this.#inode.dropChanges(this.#host.random.chance(0.5));
      throw systemError("EIO", "fdatasync", this.path);
    };
    return this.#call({ call: "datasync", path: this.path, perform, fail });
  }

  truncate(length: number): Promise<void> {
    const perform = (): void => {
      if (!this.#writable) throw systemError("EINVAL", "ftruncate", this.path);
      this.#host.disk.resize(this.#inode, length);
    };
    return this.#call({ call: "truncate", path: this.path, detail: length, perform });
  }

  size(): Promise<number> {
    return this.#call({ call: "size", path: this.path, perform: () => this.#inode.cache.length });
  }

  async close(): Promise<void> {
    if (this.#closed) throw systemError("EBADF", "close", this.path);
    this.#closed = true;
    if (this.#underway > 0) await new Promise<void>((resolve) => (this.#lastCallEnded = resolve));
    const perform = (): void => this.#host.disk.handleClosed(this.#inode);
    // Linux frees the descriptor even when close reports an error.
    const fail = (): void => {
      perform();
      throw systemError("EIO", "close", this.path);
    };
    await this.#host.issue({ call: "close", path: this.path, perform, fail });
  }

  async #call<T>(operation: Operation<T>): Promise<T> {
    if (this.#closed) throw systemError("EBADF", operation.call, this.path);
    this.#underway++;
    try {
      return await this.#host.issue(operation);
    } finally {
      this.#underway--;
      if (this.#underway === 0) this.#lastCallEnded?.();
    }
  }

  #write(source: Uint8Array, position: number): number {
    if (!this.#writable) throw systemError("EBADF", "write", this.path);
    if (source.length === 0) return 0;
    if (this.#outOfSpace) {
      this.#outOfSpace = false;
      throw systemError("ENOSPC", "write", this.path);
    }
    const room = this.#host.disk.roomFor(this.#inode, position, source.length);
    if (room === 0) throw systemError("ENOSPC", "write", this.path);
    this.#inode.write(source.subarray(0, room), position);
    return room;
  }

  #writeBadly(source: Uint8Array, position: number, fault: FaultKind): number {
    if (!this.#writable) throw systemError("EBADF", "write", this.path);
    switch (fault) {
      case "shortWrite":
        return this.#write(this.#shorter(source), position);
      case "noSpace": {
        if (this.#outOfSpace || source.length <= 1) {
          this.#outOfSpace = false;
          throw systemError("ENOSPC", "write", this.path);
        }
        const written = this.#write(this.#shorter(source), position);
        this.#outOfSpace = true;
        return written;
      }
      case "misdirectedWrite":
        this.#write(source, this.#elsewhere(position));
        return source.length;
      case "lostWrite":
        this.#inode.writeAndForget(source, position);
        return source.length;
      default:
        this.#write(this.#prefix(source), position);
        throw systemError("EIO", "write", this.path);
    }
  }

  /** Any prefix, nothing and all included; nothing half of the time. */
  #prefix(source: Uint8Array): Uint8Array {
    const { random } = this.#host;
    return random.chance(0.5) ? source.subarray(0, 0) : source.subarray(0, random.below(source.length + 1));
  }

  /** A prefix of at least one byte, without at least one unless that is all there is. */
  #shorter(source: Uint8Array): Uint8Array {
    return source.subarray(0, Math.max(1, 1 + this.#host.random.below(source.length - 1)));
  }

  /** Another position in the file or right behind it, off by whole sectors. */
  #elsewhere(position: number): number {
    const sectors = Math.ceil(this.#inode.cache.length / sectorBytes) + 1;
    const right = Math.floor(position / sectorBytes);
    const wrong = this.#host.random.below(sectors);
    return (wrong === right ? wrong + 1 : wrong) * sectorBytes + (position % sectorBytes);
  }
}
