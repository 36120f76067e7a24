// Taking a data directory at a start: its lock, its catalog, and what a crash left of databases that were being created
// or deleted. Nothing is served before this is done.

import { DocDBError } from "../base/errors.ts";
import { isErrno } from "../platform/file-io.ts";
import type { FileSystem, Lock } from "../platform/platform.ts";
import { diskError } from "../storage/disk-errors.ts";
import { Catalog } from "./catalog.ts";
import { removeFiles } from "./database-files.ts";
import { makeDirectory, syncPath } from "./directory.ts";
import type { EngineOptions } from "./engine-options.ts";

export interface DataDirectory {
  readonly lock: Lock;
  readonly catalog: Catalog;
}

/**
 * Locks the data directory, which is created when missing, and loads its catalog. ALREADY_RUNNING when another process
 * has it, DATABASE_CORRUPT when the catalog is damaged.
 */
export async function takeDataDirectory(options: EngineOptions): Promise<DataDirectory> {
  const { directory, platform } = options;
  await makeDirectory(platform.fs, directory);
  const lock = await takeLock(platform.fs, directory);
  try {
    const catalog = await Catalog.load(platform.fs, directory);
    await makeDirectory(platform.fs, `${directory}/data`);
    await makeDirectory(platform.fs, `${directory}/wal`);
    // What an earlier process renamed and was killed over may not be durable: build on nothing that can still be
    // undone.
    await syncPath(platform.fs, `${directory}/data`);
    for (const folder of ["data", "wal"]) await platform.fs.syncDirectory(`${directory}/${folder}`);
    await lookForBackup(options);
    await removeUnfinished(options, catalog);
    return { lock, catalog };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** Ends creations and deletions that a crash cut short. */
async function removeUnfinished({ directory, platform, observer }: EngineOptions, catalog: Catalog): Promise<void> {
  for (const entry of catalog.entries) {
    if (entry.state === "ready") continue;
    observer.event("info", "removing what is left of a database", { database: entry.name, was: entry.state });
    try {
      await removeFiles(platform.fs, directory, entry.name);
      await catalog.remove(entry);
    } catch (error) {
      // The others must not suffer; whoever creates a database of this name comes back to it.
      const where = `removing what is left of database ${entry.name}`;
      observer.failure(where, DocDBError.from(diskError("Its files are still there", error)));
    }
  }
}

/** A backup that isn't there is no reason not to serve, but whoever named it should hear of it before it is needed. */
async function lookForBackup({ backupDirectory, platform, observer }: EngineOptions): Promise<void> {
  if (backupDirectory === undefined) return;
  const there = await platform.fs.exists(`${backupDirectory}/data`).catch(() => false);
  if (there) return;
  const message = "the backup directory has no readable directory `data`: no document can be healed from it";
  observer.event("warn", message, { backupDirectory });
}

async function takeLock(fs: FileSystem, directory: string): Promise<Lock> {
  try {
    return await fs.lock(`${directory}/LOCK`);
  } catch (error) {
    if (!isErrno(error, "ELOCKED")) throw error;
    const message = `Another DocDB server uses the data directory ${directory}. Stop it, or choose another directory.`;
    throw new DocDBError("ALREADY_RUNNING", message, { cause: error, metadata: { directory } });
  }
}
