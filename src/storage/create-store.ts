// A database's first files: a data file with nothing but its header, and an empty WAL segment.

import { createDataFile } from "./data-file.ts";
import type { StoreOptions } from "./store-options.ts";
import { WalLog } from "./wal-log.ts";

/** Creates the files of an empty database. Their directories exist; durable when this returns. */
export async function createStore(options: StoreOptions): Promise<void> {
  const { platform, layout, databaseId } = options;
  await createDataFile(platform.fs, layout.data, { databaseId, generation: 1, salt: platform.random.u32() });
  await platform.fs.syncDirectory(layout.dataDirectory);
  const wal = new WalLog(platform, layout, databaseId, false, new Map());
  await wal.start({ firstVersion: 1, baseVersion: 0 });
  await wal.close();
}
