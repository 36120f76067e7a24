// A real server as a child process, so that it can be killed like one.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const command = join(import.meta.dirname, "..", "bin", "docdb.js");

/** A running `docdb serve`. */
export interface ServerProcess {
  readonly pid: number;
  /** Ends it as a power switch would, and waits until it is gone. */
  kill(): Promise<void>;
  /** Ends it in good order; resolves to its exit code. */
  stop(): Promise<number | null>;
}

/** Starts a server. Whoever calls waits for it to answer, by connecting. */
export function startServerProcess(dataDirectory: string, socket: string): ServerProcess {
  const args = [command, "serve", "--data-dir", dataDirectory, "--socket", socket];
  const child: ChildProcess = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
  const gone = once(child, "exit") as Promise<[number | null, string | null]>;
  const end = async (signal: "SIGKILL" | "SIGTERM"): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    const [code] = await gone;
    return code;
  };
  return {
    pid: child.pid ?? 0,
    kill: async () => {
      await end("SIGKILL");
    },
    stop: () => end("SIGTERM"),
  };
}
