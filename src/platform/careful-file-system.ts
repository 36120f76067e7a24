// A file system as the engine uses it: the machine's, with two rules that hold for every caller.
//
// 1. Calls that write no bytes (opening, reading, renaming, removing, listing) are repeated when they failed for a
//    reason that passes by itself. Writes, truncations and fsyncs never are.
// 2. A directory whose fsync failed is not built upon. The kernel may have dropped the new names, and would report the
//    next fsync as a success: so from then on nothing is created, renamed, removed or synced in it. What was durable
//    before stays so, and only a new process looks at the directory afresh.
//
// The second rule is for file systems that go on after they failed to write a directory. Those that stop (ext4, XFS and
// Btrfs then refuse all writes until they are mounted again) keep it by themselves.

import { dirname } from "node:path";
import { sabotaged } from "../base/sabotage.ts";
import type { File, FileSystem, Lock, Platform } from "./platform.ts";
import { isTransient, Retry } from "./retry.ts";

/** Names in a directory may not be durable, and nothing can make them so before the process starts anew. */
export class NamesInDoubt extends Error {
  override readonly name = "NamesInDoubt";
  readonly code = "EIO";
  readonly syscall = "fsync";
  readonly path: string;

  constructor(path: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`an fsync of the directory ${path} failed (${reason}); restart the server when the disk is sound`, { cause });
    this.path = path;
  }
}

/** Whether an error is such a doubt, or follows from one. */
export function isFromNamesInDoubt(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) if (at instanceof NamesInDoubt) return true;
  return false;
}

/** The same machine with a careful file system. */
export function carefulPlatform(platform: Platform): Platform {
  const { fs, clock, random } = platform;
  return { ...platform, fs: new CarefulFileSystem(fs, new Retry(clock, random)) };
}

class CarefulFileSystem implements FileSystem {
  readonly #fs: FileSystem;
  readonly #retry: Retry;
  /** Directories whose fsync failed, with the failure. */
  readonly #inDoubt = new Map<string, NamesInDoubt>();

  constructor(fs: FileSystem, retry: Retry) {
    this.#fs = fs;
    this.#retry = retry;
  }

  async open(path: string, mode: "read" | "write" | "create"): Promise<File> {
    if (mode === "create") this.#refuseDoubt(dirname(path));
    const file = await this.#retry.run(() => this.#fs.open(path, mode));
    return new CarefulFile(file, this.#retry);
  }

  async rename(from: string, to: string): Promise<void> {
    this.#refuseDoubt(dirname(from));
    this.#refuseDoubt(dirname(to));
    await this.#retry.run(() => this.#fs.rename(from, to));
  }

  async unlink(path: string): Promise<void> {
    this.#refuseDoubt(dirname(path));
    await this.#retry.run(() => this.#fs.unlink(path));
  }

  async syncDirectory(path: string): Promise<void> {
    this.#refuseDoubt(path);
    // Opening the directory may be repeated; its fsync may not.
    const passes = (error: unknown): boolean => isTransient(error) && !isFsync(error);
    try {
      await this.#retry.run(() => this.#fs.syncDirectory(path), passes);
    } catch (error) {
      if (!isFsync(error) || sabotaged("directory-trusted-after-failed-sync")) throw error;
      const doubt = new NamesInDoubt(path, error);
      this.#inDoubt.set(path, doubt);
      throw doubt;
    }
  }

  mkdir(path: string): Promise<void> {
    return this.#fs.mkdir(path);
  }

  readdir(path: string): Promise<string[]> {
    return this.#retry.run(() => this.#fs.readdir(path));
  }

  exists(path: string): Promise<boolean> {
    return this.#retry.run(() => this.#fs.exists(path));
  }

  freeBytes(path: string): Promise<number> {
    return this.#retry.run(() => this.#fs.freeBytes(path));
  }

  lock(path: string): Promise<Lock> {
    return this.#fs.lock(path);
  }

  #refuseDoubt(directory: string): void {
    const doubt = this.#inDoubt.get(directory);
    if (doubt !== undefined) throw doubt;
  }
}

class CarefulFile implements File {
  readonly #file: File;
  readonly #retry: Retry;

  constructor(file: File, retry: Retry) {
    this.#file = file;
    this.#retry = retry;
  }

  get path(): string {
    return this.#file.path;
  }

  read(target: Uint8Array, position: number): Promise<number> {
    return this.#retry.run(() => this.#file.read(target, position));
  }

  write(source: Uint8Array, position: number): Promise<number> {
    return this.#file.write(source, position);
  }

  datasync(): Promise<void> {
    return this.#file.datasync();
  }

  truncate(length: number): Promise<void> {
    return this.#file.truncate(length);
  }

  size(): Promise<number> {
    return this.#retry.run(() => this.#file.size());
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

function isFsync(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).syscall === "fsync";
}
