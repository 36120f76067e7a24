// Runs the real `docdb` command as a process, against a real server in the process of the test.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { ExecutionContext } from "ava";
import { connect, type ConnectedDatabase } from "../../src/client/index.ts";
import { serverIn, temporaryDirectory } from "../server/temporary-server.ts";

const root = join(import.meta.dirname, "..", "..");
const command = join(root, "bin", "docdb.js");
/** Tests leave the user's cache alone. */
const compileCache = join(root, "node_modules", ".cache", "docdb");

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `docdb` with these arguments; stdin has `input`, and ends. Nothing is a terminal. */
export async function runDocdb(args: readonly string[], input = "", socket?: string): Promise<Run> {
  const env = {
    ...process.env,
    ...(socket === undefined ? {} : { DOCDB_SOCKET: socket }),
    NODE_COMPILE_CACHE: compileCache,
    FORCE_COLOR: undefined,
  };
  const child = spawn(process.execPath, [command, ...args], { env, stdio: ["pipe", "pipe", "pipe"] });
  // A command that doesn't read stdin may be gone before it is written.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const closed = new Promise<number | null>((resolve) => child.on("close", resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  return { code, stdout, stderr };
}

export interface Session {
  /** A directory that goes with the test. */
  readonly directory: string;
  readonly socket: string;
  /** The database `app`, which exists. */
  readonly db: ConnectedDatabase;
  /** Runs a command that talks to this session's server. */
  readonly run: (...args: string[]) => Promise<Run>;
  readonly runWith: (input: string, ...args: string[]) => Promise<Run>;
}

/** A server with the empty database `app`. */
export async function session(t: ExecutionContext): Promise<Session> {
  const directory = await temporaryDirectory(t);
  const { socket } = await serverIn(t, directory);
  const db = await connect({ socket, database: "app", createIfMissing: true });
  t.teardown(() => db.close());
  return {
    directory,
    socket,
    db,
    run: (...args) => runDocdb(args, "", socket),
    runWith: (input, ...args) => runDocdb(args, input, socket),
  };
}
