// `docdb serve` as a child process, to be killed.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const root = join(import.meta.dirname, "..", "..");

export interface ServerChild {
  /** 0 when it could not be started. */
  readonly processId: number;
  /** What it wrote to its log. */
  readonly log: () => string;
  /** Ends it with this signal, and waits until it is gone. Rejects when it has ended otherwise, and says how. */
  readonly end: (signal: "SIGKILL" | "SIGTERM") => Promise<void>;
}

/** Lines of the log that are told when it has ended otherwise: a crash of Node's own prints its stack there. */
const toldLines = 40;

/**
 * Starts a server; `enter` is a command that replaces itself by the one that follows. Connecting with
 * `waitForServerMs` waits until the server answers.
 */
export function startServerChild(
  dataDirectory: string,
  socket: string,
  flags: readonly string[] = [],
  enter: readonly string[] = [],
): ServerChild {
  const serve = [join(root, "bin", "docdb.js"), "serve", "--data-dir", dataDirectory, "--socket", socket, ...flags];
  const [program = process.execPath, ...args] = [...enter, process.execPath, ...serve];
  const env = { ...process.env, NODE_COMPILE_CACHE: join(root, "node_modules", ".cache", "docdb") };
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"], env });
  let log = "";
  child.stderr.on("data", (chunk) => {
    log += String(chunk);
  });
  // Its `close` is after the last of its log.
  const gone = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
  const sent = new Set<NodeJS.Signals>();
  return {
    processId: child.pid ?? 0,
    log: () => log,
    end: async (signal) => {
      if (child.exitCode === null && child.signalCode === null) sent.add(signal);
      child.kill(signal);
      const [exitCode, endedBy] = await gone;
      if (endedBy === null ? exitCode === 0 && sent.has("SIGTERM") : sent.has(endedBy)) return;
      const how = endedBy === null ? `with exit code ${exitCode}` : `by ${endedBy}`;
      const told = log.split("\n").slice(-toldLines).join("\n");
      throw new Error(`The server ended ${how}, and nobody had asked it to. The end of its log:\n${told}`);
    },
  };
}
