// Copies of the files that a repair is going to change, durable before it changes the first one.

import { writeFully } from "../platform/file-io.ts";
import type { FileSystem } from "../platform/platform.ts";

const chunkBytes = 4 * 1024 * 1024;

/** The folder of a repair that begins now: `<data-dir>/repair-2026-11-24T22-38-07-123Z`. */
export function repairFolder(directory: string, nowMs: number): string {
  return `${directory}/repair-${new Date(nowMs).toISOString().replace(/[:.]/g, "-")}`;
}

/** Copies these files, which are under the data directory, to the folder, each at the same relative path. */
export async function copyFiles(
  fs: FileSystem,
  directory: string,
  folder: string,
  paths: readonly string[],
): Promise<void> {
  const folders = new Set<string>([folder]);
  for (const path of paths) {
    const target = `${folder}${path.slice(directory.length)}`;
    const parent = target.slice(0, target.lastIndexOf("/"));
    await fs.mkdir(parent);
    folders.add(parent);
    await copyFile(fs, path, target);
  }
  for (const each of folders) if (await fs.exists(each)) await fs.syncDirectory(each);
  await fs.syncDirectory(directory);
}

async function copyFile(fs: FileSystem, from: string, to: string): Promise<void> {
  const source = await fs.open(from, "read");
  try {
    const target = await fs.open(to, "create");
    try {
      const buffer = Buffer.allocUnsafe(chunkBytes);
      for (let position = 0; ; ) {
        const count = await source.read(buffer, position);
        if (count === 0) break;
        await writeFully(target, buffer.subarray(0, count), position);
        position += count;
      }
      await target.datasync();
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}
