// A lock on a path for one process, released by the kernel when the process dies, however it dies. Node has no flock,
// but SQLite takes POSIX record locks, which work between containers that share a volume too: a transaction that is
// exclusive and never ends is a lock.
//
// Invariants
// 1. The file stays empty and has no neighbours: the transaction writes nothing, and its journal is in memory.
// 2. Nobody waits: who finds the lock taken is told at once, in the same process too.
// 3. Nothing else may open and close the file while the lock is held: POSIX drops the record locks of a process when it
//    closes *any* descriptor of the file. SQLite knows that of its own; ours is opened only to create the file
//    (O_EXCL).

import { closeSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { isErrno } from "../file-io.ts";
import type { Lock } from "../platform.ts";
import { systemError } from "../system-error.ts";

/** Keeps the connections of held locks reachable: a collected one would close, and release its lock. */
const held = new Set<DatabaseSync>();

/** SQLITE_BUSY and SQLITE_LOCKED; the higher bits of an `errcode` tell their kinds apart (sqlite.org/rescode.html). */
const busyCodes: readonly number[] = [5, 6];

/**
 * Takes the lock, or throws at once: `ELOCKED` when somebody holds it, what `open` gives when the file can't be made.
 * The path must be empty or not exist; a file with other content is refused (`EINVAL`) and not touched.
 */
export function lockForProcess(path: string): Lock {
  createEmpty(path);
  let connection: DatabaseSync | undefined;
  try {
    connection = new DatabaseSync(path, { timeout: 0 });
    connection.exec("PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch (error) {
    connection?.close();
    const code = (error as { readonly errcode?: unknown }).errcode;
    const busy = typeof code === "number" && busyCodes.includes(code & 0xff);
    throw systemError(busy ? "ELOCKED" : "EINVAL", "lock", path, error);
  }
  held.add(connection);
  const owned = connection;
  return {
    async release(): Promise<void> {
      if (held.delete(owned)) owned.close();
    },
  };
}

function createEmpty(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
  }
}
