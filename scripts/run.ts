// Starts the programs that the scripts need: those of our development dependencies, on the Node.js that runs this
// script.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";

/** The repository's root, as an absolute path. */
export const root: string = dirname(import.meta.dirname);

export interface RunResult {
  /** The exit code; 1 for a program that was killed by a signal or couldn't be started. */
  readonly code: number;
  /** What it wrote on stdout and stderr, in that order. */
  readonly output: string;
}

/** Runs a program in the repository's root and collects what it writes. Never rejects. */
export function run(command: string, args: readonly string[]): Promise<RunResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, env: environment(), stdio: ["ignore", "pipe", "pipe"] });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    child.on("error", (error) => resolve({ code: 1, output: `${command}: ${error.message}\n` }));
    child.on("close", (code) => resolve({ code: code ?? 1, output: Buffer.concat([...stdout, ...stderr]).toString() }));
  });
}

/** As `run`, but rejects with what the program wrote when it fails. */
export async function runOrThrow(command: string, args: readonly string[]): Promise<string> {
  const { code, output } = await run(command, args);
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} failed with exit code ${code}:\n${output}`);
  return output;
}

/** The first of these paths, relative to the repository's root, that exist. */
export function existing(paths: readonly string[]): string[] {
  return paths.filter((path) => existsSync(join(root, path)));
}

// A script may be started without npm: then our own tools and this very Node.js must still come first.
function environment(): NodeJS.ProcessEnv {
  const path = [dirname(process.execPath), join(root, "node_modules", ".bin"), process.env["PATH"] ?? ""];
  return { ...process.env, PATH: path.join(delimiter) };
}
