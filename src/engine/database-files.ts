// The files of a database as the engine sees them: all those under its name in the directories `data` and `wal`.

import { DocDBError } from "../base/errors.ts";
import type { FileSystem } from "../platform/platform.ts";
import { databaseOf } from "../storage/layout.ts";

/** Removes every file of a database, durably. */
export async function removeFiles(fs: FileSystem, directory: string, database: string): Promise<void> {
  for (const folder of [`${directory}/wal`, `${directory}/data`]) {
    for (const name of await fs.readdir(folder)) {
      if (databaseOf(name) === database) await fs.unlink(`${folder}/${name}`);
    }
    await fs.syncDirectory(folder);
  }
}

/** Files that the catalog doesn't know may be somebody's data: they are never overwritten or removed. */
export async function refuseForeignFiles(fs: FileSystem, directory: string, database: string): Promise<void> {
  for (const folder of [`${directory}/wal`, `${directory}/data`]) {
    for (const name of await fs.readdir(folder)) {
      if (databaseOf(name).toLowerCase() !== database.toLowerCase()) continue;
      const path = `${folder}/${name}`;
      const message = `${path} is in the way of a new database ${database}: the catalog doesn't know it. Move it away.`;
      throw new DocDBError("DATABASE_EXISTS", message, { metadata: { database, path } });
    }
  }
}
