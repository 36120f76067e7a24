// The socket as a file: whose it is, who may use it, and what is never touched.

import { chmod, lstat, mkdir, readFile, readdir, rename, symlink, unlink, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { DocDBError } from "../../src/base/errors.ts";
import { listenOnSocketFile } from "../../src/server/socket-file.ts";
import { temporaryDirectory } from "./temporary-server.ts";

/** A server of sockets that is closed with the test. */
function netServer(t: ExecutionContext): Server {
  const server = createServer((connection) => connection.destroy());
  t.teardown(() => server.close());
  return server;
}

async function refusal(t: ExecutionContext, path: string): Promise<DocDBError> {
  const listening = listenOnSocketFile(netServer(t), path);
  return await t.throwsAsync<DocDBError>(listening, { instanceOf: DocDBError });
}

/** A socket file that nobody listens on, as a killed server leaves it. */
async function leaveStaleSocket(path: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(`${path}.old`, resolve);
  });
  // Closing removes the name that was bound, and not the one it was given since.
  await rename(`${path}.old`, path);
  await new Promise((resolve) => {
    server.close(resolve);
  });
}

test("only the owner can use the socket, whatever the umask", async (t) => {
  const path = join(await temporaryDirectory(t), "docdb.sock");
  const umask = process.umask(0);
  try {
    await listenOnSocketFile(netServer(t), path);
  } finally {
    process.umask(umask);
  }
  const found = await lstat(path);
  t.true(found.isSocket());
  t.is(found.mode & 0o777, 0o600);
});

test("the socket leaves no other file beside it", async (t) => {
  const directory = await temporaryDirectory(t);
  const socket = await listenOnSocketFile(netServer(t), join(directory, "docdb.sock"));
  t.deepEqual(await readdir(directory), ["docdb.sock"]);
  await socket.remove();
  t.deepEqual(await readdir(directory), []);
});

test("a path of 107 bytes works, and one of 108 is refused clearly", async (t) => {
  const directory = await temporaryDirectory(t);
  const path = join(directory, "s".repeat(107 - directory.length - 1));
  t.is(path.length, 107);
  const error = await refusal(t, `${path}s`);
  t.is(error.code, "INVALID_SETTING");
  t.regex(error.message, /has 108 bytes; it must have 1 to 107/);
  t.deepEqual(await readdir(directory), []);
  await listenOnSocketFile(netServer(t), path);
  t.true((await lstat(path)).isSocket());
});

test("a name of one letter works even where the path has no room for more", async (t) => {
  const directory = await temporaryDirectory(t);
  const deep = join(directory, "d".repeat(105 - directory.length - 1));
  await mkdir(deep, { mode: 0o700 });
  const path = join(deep, "s");
  t.is(path.length, 107);
  await listenOnSocketFile(netServer(t), path);
  t.deepEqual(await readdir(deep), ["s"]);
});

test("a socket that nobody listens on is replaced", async (t) => {
  const path = join(await temporaryDirectory(t), "docdb.sock");
  await leaveStaleSocket(path);
  const stale = await lstat(path);
  t.true(stale.isSocket());
  await listenOnSocketFile(netServer(t), path);
  t.is((await refusal(t, path)).code, "ALREADY_RUNNING");
});

test("a socket that somebody listens on is left alone", async (t) => {
  const directory = await temporaryDirectory(t);
  const path = join(directory, "docdb.sock");
  await listenOnSocketFile(netServer(t), path);
  const before = await lstat(path);
  const error = await refusal(t, path);
  t.is(error.code, "ALREADY_RUNNING");
  t.true(error.message.includes(path));
  t.is((await lstat(path)).ino, before.ino);
  t.deepEqual(await readdir(directory), ["docdb.sock"]);
});

test("a file that isn't a socket is refused and not touched", async (t) => {
  const directory = await temporaryDirectory(t);
  const [file, folder, way] = [join(directory, "notes"), join(directory, "folder"), join(directory, "link")];
  await writeFile(file, "mine");
  await mkdir(folder);
  await symlink(file, way);
  for (const path of [file, folder, way]) {
    const error = await refusal(t, path);
    t.is(error.code, "INVALID_SETTING");
    t.regex(error.message, /is not a socket. It was not touched/);
  }
  t.is(await readFile(file, "utf8"), "mine");
  t.deepEqual(await readdir(directory), ["folder", "link", "notes"]);
});

test("the socket's directory must exist, be a directory, and be safe from others", async (t) => {
  const directory = await temporaryDirectory(t);
  const invalid = async (path: string, message: RegExp): Promise<void> => {
    const error = await refusal(t, path);
    t.is(error.code, "INVALID_SETTING");
    t.regex(error.message, message);
  };
  await invalid(join(directory, "none", "s"), /doesn't exist/);
  await writeFile(join(directory, "file"), "");
  await invalid(join(directory, "file", "s"), /isn't a directory/);
  const open = join(directory, "open");
  await mkdir(open);
  await chmod(open, 0o777);
  await invalid(join(open, "s"), /can be written by others.*chmod go-w/);
  await chmod(open, 0o770);
  await invalid(join(open, "s"), /can be written by others/);
  await chmod(open, 0o1777);
  await listenOnSocketFile(netServer(t), join(open, "s"));
});

test("what has taken the socket's place is not removed with it", async (t) => {
  const path = join(await temporaryDirectory(t), "docdb.sock");
  const socket = await listenOnSocketFile(netServer(t), path);
  await unlink(path);
  await socket.remove();
  await writeFile(path, "somebody else's");
  await socket.remove();
  t.is(await readFile(path, "utf8"), "somebody else's");
});
