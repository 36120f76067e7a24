// The Unix socket as a file. Two servers must never share a path, a file that isn't ours is never touched, and nobody
// but the owner can connect, not even for a moment.
//
// Invariants
// 1. The socket is bound under a temporary name and linked to its path when it listens: whoever sees it can connect, so
//    one that can't be connected to is stale. It also keeps libuv, which removes the name that it bound, off the path.
// 2. Its mode is 0600 from the start: the umask is set while it is bound, which happens in one turn.
// 3. The data directory's lock is taken before, so that servers of one directory never get here together.

import { link, lstat, stat, unlink } from "node:fs/promises";
import { createConnection, type Server } from "node:net";
import { basename, dirname, join } from "node:path";
import { DocDBError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import { isErrno } from "../platform/file-io.ts";

/** A socket that listens. */
export interface SocketFile {
  /** Removes the file, unless something else has taken its place. */
  remove(): Promise<void>;
}

/** INVALID_SETTING when the path is too long for a socket. */
export function checkSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes > 0 && bytes <= limits.socketPathBytes && !path.includes("\0")) return;
  const allowed = `1 to ${limits.socketPathBytes} bytes`;
  const message = `The socket path ${JSON.stringify(path)} has ${bytes} bytes; it must have ${allowed}.`;
  throw new DocDBError("INVALID_SETTING", message, { metadata: { bytes: String(bytes) } });
}

/**
 * Makes `server` listen on `path`. A socket that nobody listens on is replaced; ALREADY_RUNNING when somebody does,
 * INVALID_SETTING when the path or its directory can't be used.
 */
export async function listenOnSocketFile(server: Server, path: string): Promise<SocketFile> {
  checkSocketPath(path);
  await checkDirectory(dirname(path));
  await removeStale(path);
  const temporary = await bindTemporary(server, path);
  try {
    await link(temporary, path);
  } catch (error) {
    await closed(server);
    if (isErrno(error, "EEXIST")) throw alreadyRunning(path);
    throw unusable(path, error);
  }
  await unlink(temporary);
  const own = await lstat(path);
  return {
    async remove(): Promise<void> {
      const now = await lstat(path).catch(() => undefined);
      if (now !== undefined && now.ino === own.ino && now.dev === own.dev) await unlink(path);
    },
  };
}

/** Who can write into the directory can replace the socket: that must be us, root, or nobody. */
async function checkDirectory(directory: string): Promise<void> {
  const found = await stat(directory).catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) throw invalid(directory, "doesn't exist: create it first");
    throw unusable(directory, error);
  });
  if (!found.isDirectory()) throw invalid(directory, "isn't a directory");
  const user = process.geteuid?.() ?? found.uid;
  if (found.uid !== user && found.uid !== 0) {
    throw invalid(directory, `belongs to another user (${found.uid}), who could replace the socket`);
  }
  const [writableByOthers, sticky] = [(found.mode & 0o022) !== 0, (found.mode & 0o1000) !== 0];
  if (writableByOthers && !sticky) {
    throw invalid(directory, `can be written by others, who could replace the socket: chmod go-w ${directory}`);
  }
}

async function removeStale(path: string): Promise<void> {
  const existing = await lstat(path).catch((error: unknown) => {
    if (!isErrno(error, "ENOENT")) throw unusable(path, error);
  });
  if (existing === undefined) return;
  if (!existing.isSocket()) {
    const message = `${path} is not a socket. It was not touched: choose another socket path, or remove it.`;
    throw new DocDBError("INVALID_SETTING", message);
  }
  if (await answers(path)) throw alreadyRunning(path);
  const now = await lstat(path).catch(() => undefined);
  if (now?.ino === existing.ino) await unlink(path).catch((error: unknown) => Promise.reject(unusable(path, error)));
}

/** Whether somebody listens: a connection is refused when nobody does. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const connection = createConnection(path);
    connection.once("connect", () => {
      connection.destroy();
      resolve(true);
    });
    connection.once("error", (error) => {
      if (isErrno(error, "ECONNREFUSED") || isErrno(error, "ENOENT")) resolve(false);
      // The queue of a busy server is full.
      else if (isErrno(error, "EAGAIN")) resolve(true);
      else reject(unusable(path, error));
    });
  });
}

/** Binds under a name beside the path, no longer than it. */
async function bindTemporary(server: Server, path: string): Promise<string> {
  const length = Math.min(basename(path).length, 12);
  for (let attempt = 0; ; attempt++) {
    const name = Array.from({ length }, () => Math.floor(Math.random() * 36).toString(36)).join("");
    const temporary = join(dirname(path), name);
    if (name === basename(path)) continue;
    try {
      await listen(server, temporary);
      return temporary;
    } catch (error) {
      if (!isErrno(error, "EADDRINUSE") || attempt === 100) throw unusable(path, error);
    }
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    const umask = process.umask(0o177);
    try {
      server.listen(path, () => {
        server.off("error", reject);
        resolve();
      });
    } finally {
      process.umask(umask);
    }
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

function alreadyRunning(path: string): DocDBError {
  const message = `Another server is listening on ${path}. Stop it, or choose another socket path.`;
  return new DocDBError("ALREADY_RUNNING", message, { metadata: { socket: path } });
}

function invalid(directory: string, why: string): DocDBError {
  return new DocDBError("INVALID_SETTING", `The socket's directory ${directory} ${why}.`);
}

function unusable(path: string, cause: unknown): DocDBError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new DocDBError("INVALID_SETTING", `The socket path ${path} can't be used: ${why}.`, { cause });
}
