// Runs a tool of another language: with a time limit, without a shell, and so that nothing of it outlives us.

import { type ChildProcess, spawn } from "node:child_process";
import { delimiter, dirname } from "node:path";
import { text } from "node:stream/consumers";

export interface Ending {
  /** The exit code; 1 when a signal ended it, it ran too long, or it couldn't be started. */
  readonly code: number;
  readonly stdout: string;
  /** What it wrote on stderr, and a line of ours when we ended it or couldn't start it. */
  readonly stderr: string;
}

export interface ProgramOptions {
  /** Milliseconds after which it is ended, with what it has started. Default: 20,000. */
  readonly timeoutMs?: number;
  /** Environment variables beside those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Ends it when aborted. Default: never. */
  readonly signal?: AbortSignal;
}

/** Runs a program to its end. Never rejects. */
export async function runProgram(
  command: string,
  args: readonly string[],
  { timeoutMs = 20_000, env = {}, signal }: ProgramOptions = {},
): Promise<Ending> {
  if (signal?.aborted) return { code: 1, stdout: "", stderr: `${command} wasn't started: interrupted\n` };
  // A process group of its own: compilers and installers start programs that have to end with them.
  const child = spawn(command, args, {
    detached: true,
    env: { ...process.env, PATH: pathWithOurNode(), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const notes: string[] = [];
  const end = (why: string): void => {
    notes.push(`${command} ${why}\n`);
    killGroup(child);
  };
  const interrupt = (): void => end("was interrupted");
  const timer = setTimeout(() => end(`didn't end within ${timeoutMs / 1_000} s`), timeoutMs);
  signal?.addEventListener("abort", interrupt);
  const ended = new Promise<number>((resolve) => {
    child.on("error", (error) => {
      notes.push(`${command}: ${error.message}\n`);
      resolve(1);
    });
    child.on("close", (code) => resolve(notes.length > 0 ? 1 : (code ?? 1)));
  });
  const [code, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  clearTimeout(timer);
  signal?.removeEventListener("abort", interrupt);
  return { code, stdout, stderr: stderr + notes.join("") };
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // It has just ended by itself.
  }
}

/** The Node.js that runs us comes first: tools from npm start themselves with the first one they find. */
function pathWithOurNode(): string {
  return [dirname(process.execPath), process.env["PATH"] ?? ""].join(delimiter);
}
