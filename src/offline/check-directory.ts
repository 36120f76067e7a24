// Verifies a whole data directory that no server uses: the catalog, every database that it names, and files that belong
// to none. Not a byte is changed, and nothing is created.

import { DocDBError } from "../base/errors.ts";
import { type CatalogEntry, decodeCatalog } from "../engine/catalog.ts";
import { isErrno, readWholeFile } from "../platform/file-io.ts";
import type { FileSystem, Lock, Platform } from "../platform/platform.ts";
import { realPlatform } from "../platform/real/real-platform.ts";
import { databaseOf, layoutOf } from "../storage/layout.ts";
import { planCatalog } from "./repair-catalog.ts";
import { checkDatabase } from "../storage/verify/check-database.ts";
import { type Finding, finding, type VerifySink } from "../storage/verify/finding.ts";

/**
 * Reports what isn't as it should be. ALREADY_RUNNING when a server uses the directory, INVALID_SETTING when it is no
 * data directory.
 */
export async function checkDirectory(
  directory: string,
  sink: VerifySink,
  platform: Platform = realPlatform(),
): Promise<void> {
  const lock = await lockIfThere(platform.fs, directory);
  try {
    await checkLocked(directory, sink, platform);
  } finally {
    await lock?.release();
  }
}

/** The same, for who has the directory's lock. */
export async function checkLocked(directory: string, sink: VerifySink, platform: Platform): Promise<void> {
  const entries = await checkCatalog(platform, directory, sink);
  for (const entry of entries) {
    if (entry.state === "ready") await checkDatabase(platform, layoutOf(directory, entry.name), entry.id, sink);
  }
  await checkOrphans(platform.fs, directory, entries, sink);
}

/** The lock, as long as there is a file for it: making one would change the directory. */
async function lockIfThere(fs: FileSystem, directory: string): Promise<Lock | undefined> {
  if (!(await fs.exists(`${directory}/data`))) {
    throw new DocDBError("INVALID_SETTING", `${directory} is no data directory: it has no folder named data.`);
  }
  return (await fs.exists(`${directory}/LOCK`)) ? await takeLock(fs, directory) : undefined;
}

/** The lock of a directory that no server uses; ALREADY_RUNNING. */
export async function takeLock(fs: FileSystem, directory: string): Promise<Lock> {
  try {
    return await fs.lock(`${directory}/LOCK`);
  } catch (error) {
    if (!isErrno(error, "ELOCKED")) throw error;
    const message = `A server uses ${directory}, and its files change. Stop it, or use docdb verify and heal.`;
    throw new DocDBError("ALREADY_RUNNING", message, { cause: error });
  }
}

async function checkCatalog(platform: Platform, directory: string, sink: VerifySink): Promise<readonly CatalogEntry[]> {
  const bytes = await readWholeFile(platform.fs, `${directory}/.catalog`);
  const decoded = bytes === undefined ? "it is missing" : decodeCatalog(bytes);
  sink.checked(bytes?.length ?? 0, 1);
  if (typeof decoded !== "string") return decoded.entries;
  const advice = "docdb repair rebuilds it from the files of the databases.";
  const message = `The catalog can't be used: ${decoded}. No database opens with it; ${advice}`;
  await sink.found(at("error", ".catalog", "CATALOG_CORRUPT", message));
  try {
    // What it would say: databases are checked all the same.
    return (await planCatalog(platform, directory)).entries;
  } catch (error) {
    if (error instanceof DocDBError && error.code === "DATABASE_CORRUPT") return [];
    throw error;
  }
}

async function checkOrphans(
  fs: FileSystem,
  directory: string,
  entries: readonly CatalogEntry[],
  sink: VerifySink,
): Promise<void> {
  const known = new Map(entries.map((entry) => [entry.name, entry.state]));
  for (const folder of ["data", "wal"]) {
    if (!(await fs.exists(`${directory}/${folder}`))) continue;
    for (const name of await fs.readdir(`${directory}/${folder}`)) {
      const state = known.get(databaseOf(name));
      if (state === "ready") continue;
      const why =
        state === undefined
          ? "No database of the catalog owns this file. It is never touched; move it away when you don't need it."
          : "What is left of a database that was being made or deleted: the next start removes it.";
      await sink.found(at("info", `${folder}/${name}`, "FILE_UNKNOWN", why));
    }
  }
}

function at(severity: Finding["severity"], file: string, reason: Finding["reason"], message: string): Finding {
  return finding({ severity, file, offset: 0, length: 0, reason, message });
}
