// A real server on a disk that damages documents.

import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { connect, type ConnectedDatabase } from "../../src/client/index.ts";
import type { ServerOptions } from "../../src/server/options.ts";
import { serverIn, temporaryDirectory } from "./temporary-server.ts";

export interface DamagedServer {
  readonly socket: string;
  /** The database `app`. Its collection `_default` has documents 1 to 5, the texts "text 1" to "text 5". */
  readonly db: ConnectedDatabase;
  /** Damages a document on the disk, behind the server's back. */
  readonly damage: (id: number) => Promise<void>;
  /** Undoes that. */
  readonly mend: (id: number) => Promise<void>;
}

/** Options under which a checkpoint leaves nothing in the WAL to heal from. */
export const withoutOldWal: Partial<ServerOptions> = { segmentBytes: 1, keepSegments: 0 };

export async function damagedServer(t: ExecutionContext, options: Partial<ServerOptions> = {}): Promise<DamagedServer> {
  const directory = await temporaryDirectory(t);
  const { socket } = await serverIn(t, directory, options);
  const db = await connect({ socket, database: "app", createIfMissing: true });
  t.teardown(() => db.close());
  for (let id = 1; id <= 5; id++) await db.collection().create(`text ${id}`, { id });
  const overwrite = async (from: string, to: string): Promise<void> => {
    const path = join(directory, "data", "data", "app.data");
    const position = (await readFile(path)).indexOf(from);
    if (position < 0) throw new Error(`${from} is not in ${path}`);
    const file = await open(path, "r+");
    await file.write(to, position);
    await file.close();
  };
  return {
    socket,
    db,
    damage: (id) => overwrite(`text ${id}`, `tixt ${id}`),
    mend: (id) => overwrite(`tixt ${id}`, `text ${id}`),
  };
}
