// Reading and writing whole ranges. A write may stop short (a signal, a full disk): libuv then reports the bytes that
// fitted as success, and only the next write tells why it stopped. So a write counts only when every byte has landed.

import { sabotaged } from "../base/sabotage.ts";
import type { File, FileSystem } from "./platform.ts";
import { systemError } from "./system-error.ts";

/**
 * Writes all of `source` at `position`, in as many writes as it takes. On an error any prefix may have been written.
 */
export async function writeFully(file: File, source: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < source.length) {
    const count = await file.write(written === 0 ? source : source.subarray(written), position + written);
    if (count <= 0) {
      throw systemError("EIO", "write", file.path);
    }
    written += sabotaged("short-write-counts-as-whole") ? source.length : count;
  }
}

/** Reads exactly `length` bytes at `position`, or undefined when the file ends before. */
export async function readFully(file: File, position: number, length: number): Promise<Buffer | undefined> {
  const target = Buffer.allocUnsafe(length);
  const count = await file.read(target, position);
  return count === length ? target : undefined;
}

/** Reads a whole file, or undefined when there is none. */
export async function readWholeFile(fs: FileSystem, path: string): Promise<Buffer | undefined> {
  let file: File;
  try {
    file = await fs.open(path, "read");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
  try {
    return await readFully(file, 0, await file.size());
  } finally {
    await file.close();
  }
}

/**
 * Replaces a file atomically: temporary file, write, datasync, rename, directory sync. After a crash at any point the
 * file has the old content or the new one, and after this returns the new one for good.
 */
export async function replaceFile(fs: FileSystem, directory: string, name: string, content: Uint8Array): Promise<void> {
  const temporary = `${directory}/${name}.tmp`;
  if (await fs.exists(temporary)) await fs.unlink(temporary);
  const file = await fs.open(temporary, "create");
  try {
    await writeFully(file, content, 0);
    if (!sabotaged("renamed-before-synced")) await file.datasync();
  } catch (error) {
    await file.close().catch(() => undefined);
    // What was written takes space that may be why it failed.
    await fs.unlink(temporary).catch(() => undefined);
    throw error;
  }
  await file.close();
  await fs.rename(temporary, `${directory}/${name}`);
  if (!sabotaged("skipped-directory-sync")) await fs.syncDirectory(directory);
}

/** Waits for both, even when one fails: a file must not be truncated under a write. Throws the first failure. */
export async function bothSettled(first: Promise<void>, second: Promise<void>): Promise<void> {
  for (const result of await Promise.allSettled([first, second])) {
    if (result.status === "rejected") throw result.reason;
  }
}

/** True when `error` is a system error with this POSIX code. */
export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}
