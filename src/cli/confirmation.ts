// Asks before something is destroyed.

import { createInterface } from "node:readline/promises";

/**
 * Whether a person at the terminal typed `expected`. Undefined when there is no terminal to ask on: then nobody can
 * have agreed.
 */
export async function confirmed(question: string, expected: string): Promise<boolean | undefined> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await terminal.question(question)).trim() === expected;
  } finally {
    terminal.close();
  }
}
