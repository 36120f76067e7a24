// The servers that are measured, each a process of its own in a directory of its own.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");

export interface ServerProcess {
  readonly pid: number;
  /** Path of its Unix socket. */
  readonly socket: string;
  /** Ends it with a signal, and waits until it is gone. */
  end(signal: "SIGTERM" | "SIGKILL"): Promise<void>;
  /** Asks the server's process how late its event loop was since the last time; only DocDB's answers. */
  loopDelay(): Promise<LoopDelay>;
}

/** Milliseconds that the event loop was late. */
export interface LoopDelay {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** Nothing is left running, however the benchmark ends. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** What a server is told beyond its default settings. */
export interface Told {
  readonly flags?: readonly string[];
  /** Variables of its environment. */
  readonly variables?: Readonly<Record<string, string>>;
}

/**
 * Starts DocDB from source, with its default settings but for what it is told. It answers when a client with
 * `waitForServerMs` has connected.
 */
export function startDocdb(directory: string, verbose: boolean, { flags = [], variables }: Told = {}): ServerProcess {
  mkdirSync(directory, { recursive: true });
  const socket = join(directory, "docdb.sock");
  const watch = join(import.meta.dirname, "loop-delay.ts");
  const serve = [join(root, "bin", "docdb.js"), "serve", "--data-dir", join(directory, "data"), "--socket", socket];
  return start(process.execPath, ["--import", watch, ...serve, ...flags], socket, verbose, variables);
}

/** Starts a bare grpc-js server that sends back what it gets, call by call or message by message. */
export function startEcho(directory: string, verbose: boolean): ServerProcess {
  mkdirSync(directory, { recursive: true });
  const socket = join(directory, "echo.sock");
  return start(process.execPath, [join(import.meta.dirname, "echo-server.ts"), socket], socket, verbose);
}

/** Starts Redis so that it acknowledges what is on the disk, as DocDB does. */
export function startRedis(directory: string, verbose: boolean): ServerProcess {
  mkdirSync(directory, { recursive: true });
  const socket = join(directory, "redis.sock");
  const durable = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""];
  const place = ["--dir", directory, "--port", "0", "--unixsocket", socket];
  return start("redis-server", [...durable, ...place], socket, verbose);
}

/** The version of the installed Redis; undefined when there is none. */
export function redisVersion(): string | undefined {
  const { status, stdout } = spawnSync("redis-server", ["--version"], { encoding: "utf8" });
  return status === 0 ? (/v=(\S+)/.exec(stdout)?.[1] ?? "unknown") : undefined;
}

/** Memory that a process has, in bytes: what it shares with others is counted in part (Pss). */
export function memoryBytesOf(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0) * 1024;
}

export /**
 * CPU time that a process has used, in microseconds: the 14th and 15th field of its stat, in hundredths of a second.
 */
function cpuMicrosOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

function start(
  command: string,
  args: readonly string[],
  socket: string,
  verbose: boolean,
  variables: Told["variables"] = {},
): ServerProcess {
  const stdio = verbose ? "inherit" : "ignore";
  const env = { ...process.env, ...variables };
  const child = spawn(command, args, { env, stdio: ["ignore", stdio, stdio, "ipc"] });
  running.add(child);
  const gone = once(child, "exit").then(() => running.delete(child));
  return {
    pid: child.pid ?? 0,
    socket,
    async end(signal) {
      child.kill(signal);
      await gone;
    },
    async loopDelay() {
      const answered = once(child, "message") as Promise<[LoopDelay]>;
      child.send("loop delay");
      const [delay] = await answered;
      return delay;
    },
  };
}
