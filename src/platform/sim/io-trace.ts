// The last I/Os of a simulated machine, for the report of a failed run. Kept as data and made into text only when asked
// for: most runs pass.

import type { FaultKind, IoKind } from "./faults.ts";

interface Entry {
  readonly io: number;
  readonly call: IoKind;
  readonly path: string;
  readonly detail: string | number | undefined;
  readonly outcome: unknown;
  readonly fault: FaultKind | undefined;
}

export class IoTrace {
  readonly #ring: (Entry | string)[] = [];
  readonly #capacity: number;
  #next = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Notes an I/O; `detail` is what it was asked (a range, a mode, a new name), `outcome` its result or error. */
  add(entry: Entry): void {
    this.#put(entry);
  }

  /** Notes something that isn't an I/O: a boot, a crash. */
  note(text: string): void {
    this.#put(text);
  }

  /** Oldest first. */
  lines(): string[] {
    const oldestFirst = [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)];
    return oldestFirst.map((entry) => (typeof entry === "string" ? `-- ${entry}` : lineOf(entry)));
  }

  #put(entry: Entry | string): void {
    this.#ring[this.#next] = entry;
    this.#next = (this.#next + 1) % this.#capacity;
  }
}

function lineOf({ io, call, path, detail, outcome, fault }: Entry): string {
  const asked = detail === undefined ? "" : ` ${detail}`;
  const struck = fault === undefined ? "" : ` [${fault}]`;
  return `#${io} ${call} ${path}${asked}${outcomeOf(outcome)}${struck}`;
}

function outcomeOf(outcome: unknown): string {
  if (outcome instanceof Error) return ` => ${(outcome as NodeJS.ErrnoException).code ?? outcome.message}`;
  if (typeof outcome === "number" || typeof outcome === "boolean") return ` => ${outcome}`;
  return "";
}
