// Making directories that survive a power cut.

import { dirname } from "node:path";
import { isErrno } from "../platform/file-io.ts";
import type { FileSystem } from "../platform/platform.ts";

/** Creates a directory and its missing parents, durably. */
export async function makeDirectory(fs: FileSystem, path: string): Promise<void> {
  const created: string[] = [];
  for (let at = path; !(await fs.exists(at)); at = dirname(at)) created.push(at);
  await fs.mkdir(path);
  for (const directory of created.reverse()) await fs.syncDirectory(dirname(directory));
}

/**
 * Makes the name of a directory and of all above it durable. An earlier process may have made them and died before
 * that; parents that we may not read were not made by one of us.
 */
export async function syncPath(fs: FileSystem, path: string): Promise<void> {
  for (let at = path; at !== dirname(at); at = dirname(at)) {
    try {
      await fs.syncDirectory(dirname(at));
    } catch (error) {
      if (!isErrno(error, "EACCES") && !isErrno(error, "EPERM")) throw error;
    }
  }
}
