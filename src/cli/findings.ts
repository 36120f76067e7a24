// Findings on the terminal, and the exit code that they lead to. `docdb verify` gets them from a server, `docdb check`
// from the files.

import { exitCodes, type ExitCode } from "./exit-codes.ts";
import { print, say } from "./output.ts";

/** What both have in common. */
interface PrintableFinding {
  readonly severity: string;
  readonly file: string;
  readonly offset: bigint | number;
  readonly message: string;
}

/** Prints findings as they come and remembers the worst. */
export class Findings {
  readonly #json: boolean;
  #errors = 0;
  #warnings = 0;
  #infos = 0;

  constructor(json: boolean) {
    this.#json = json;
  }

  add(finding: PrintableFinding): void {
    if (finding.severity === "error") this.#errors++;
    else if (finding.severity === "info") this.#infos++;
    else this.#warnings++;
    const { severity, file, offset, message } = finding;
    if (this.#json) print(JSON.stringify(asText(finding)));
    else print(`${severity.padEnd(7)} ${file}, offset ${offset}: ${message}`);
  }

  /** Says how it ended, and what the exit code is. */
  end(what: string): ExitCode {
    const count = this.#errors + this.#warnings + this.#infos;
    if (!this.#json) {
      if (count === 0) say(`${what} is sound.`);
      else say(`${what}: ${this.#errors} errors, ${this.#warnings} warnings, ${this.#infos} notes.`);
    }
    if (this.#errors > 0) return exitCodes.damaged;
    return this.#warnings > 0 ? exitCodes.blemished : exitCodes.ok;
  }
}

function asText(finding: object): Record<string, unknown> {
  const texts = Object.entries(finding).map(([name, value]: [string, unknown]) => [
    name,
    typeof value === "bigint" ? String(value) : value,
  ]);
  return Object.fromEntries(texts) as Record<string, unknown>;
}
