// What DocDB asks of the machine: files, time, randomness, and another thread for what takes long. Nothing above this
// folder touches `node:fs`, a timer, a thread or `Math.random`, so that the whole engine runs on a simulated machine
// too (`sim/`), crashes and failing disks included.
//
// Failures are thrown as errors with a POSIX `code` (`ENOENT`, `EEXIST`, `ENOSPC`, `EIO`, ...), as Node throws them.

import type { Jobs } from "./jobs.ts";

/** A machine to run on. `realPlatform()` is the one under the process; `SimulatedMachine` makes deterministic ones. */
export interface Platform {
  readonly fs: FileSystem;
  readonly clock: Clock;
  readonly random: Randomness;
  readonly jobs: Jobs;
}

export interface FileSystem {
  /**
   * Opens a file.
   * - `read`: it must exist and is never changed through this handle.
   * - `write`: it must exist; reads and writes.
   * - `create`: it must not exist (`EEXIST`); reads and writes. Its name is durable only after `syncDirectory`.
   */
  open(path: string, mode: "read" | "write" | "create"): Promise<File>;
  /**
   * Moves a file within one file system, replacing `to`; atomic, durable only after `syncDirectory` of its directory.
   */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file; durable only after `syncDirectory`. */
  unlink(path: string): Promise<void>;
  /** Creates a directory and its missing parents (mode 0700); no error when it exists. */
  mkdir(path: string): Promise<void>;
  /** Names in a directory, sorted by code unit. */
  readdir(path: string): Promise<string[]>;
  exists(path: string): Promise<boolean>;
  /** Makes every creation, rename and removal in this directory so far durable. */
  syncDirectory(path: string): Promise<void>;
  /** Bytes that this process may still write to the file system that holds `path`. */
  freeBytes(path: string): Promise<number>;
  /**
   * Takes an exclusive lock that the kernel releases when the process dies.
   * Rejects with code `ELOCKED` when somebody holds it. `path` is created when missing.
   */
  lock(path: string): Promise<Lock>;
}

/** An open file. Positions are byte offsets from the start; there is no cursor. */
export interface File {
  readonly path: string;
  /**
   * Reads into the whole of `target` starting at `position`; returns the bytes read, fewer than `target.length` only at
   * the end of the file.
   */
  read(target: Uint8Array, position: number): Promise<number>;
  /** Writes some prefix of `source` and returns its length, at least 1: use `writeFully`. */
  write(source: Uint8Array, position: number): Promise<number>;
  /**
   * Makes the content and length durable (fdatasync). After a failure never call it again on this file: see
   * RELIABILITY.
   */
  datasync(): Promise<void>;
  truncate(length: number): Promise<void>;
  /** Length in bytes. */
  size(): Promise<number>;
  close(): Promise<void>;
}

export interface Lock {
  release(): Promise<void>;
}

export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch, at least 0. May jump. */
  now(): number;
  /** Milliseconds since some start; never goes back. */
  monotonicMs(): number;
  /** Calls `action` once after `delayMs`; doesn't keep the process alive. */
  after(delayMs: number, action: () => void): Timer;
  /** Lets other work of the event loop run. */
  yield(): Promise<void>;
}

export interface Timer {
  cancel(): void;
}

export interface Randomness {
  /** A uniformly distributed integer in [0, 2^32). */
  u32(): number;
}
