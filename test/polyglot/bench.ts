// What a tool of another language is tried on, and how the outcome is told: one line for each thing tried.

import { type Ending, type ProgramOptions, runProgram } from "./program.ts";

export class Bench {
  /** A directory that goes away at the end. */
  readonly directory: string;
  /** Where a server listens that has no database yet. */
  readonly socket: string;
  /** Runs a program, as `runProgram` does; its temporary files go away at the end, and so does it. */
  readonly run: (command: string, args: readonly string[], options?: ProgramOptions) => Promise<Ending>;
  #failures = 0;

  constructor(directory: string, socket: string, signal: AbortSignal) {
    this.directory = directory;
    this.socket = socket;
    this.run = (command, args, options = {}) =>
      runProgram(command, args, { signal, ...options, env: { TMPDIR: directory, ...options.env } });
  }

  /** How many lines said FAIL. */
  get failures(): number {
    return this.#failures;
  }

  ok(name: string, detail = ""): void {
    console.log(`ok   ${name}${detail === "" ? "" : `: ${detail}`}`);
  }

  /** This machine can't try it. */
  skip(name: string, why: string): void {
    console.log(`skip ${name}: ${why}`);
  }

  fail(name: string, output: string): void {
    this.#failures++;
    console.log(`FAIL ${name}\n${output.trimEnd().replaceAll(/^/gm, "     ")}`);
  }

  /** Tries it: `ok` with what it returns, or FAIL with what it throws. Returns whether it was ok. */
  async check(name: string, action: () => Promise<string>): Promise<boolean> {
    try {
      this.ok(name, await action());
      return true;
    } catch (error) {
      this.fail(name, error instanceof Error ? error.message : String(error));
      return false;
    }
  }
}
