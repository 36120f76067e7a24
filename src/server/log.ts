// The server's log: one line an event on stderr, for people.
//
//     2026-01-31T12:00:00.000Z error database shop: DATABASE_READ_ONLY The disk failed. database=shop

import type { DocDBError } from "../base/errors.ts";
import type { Observer } from "../telemetry/observer.ts";

/** Levels of a log, the least important first. */
export const logLevels = ["debug", "info", "warn", "error"] as const;

export type LogLevel = (typeof logLevels)[number];

/** Errors of these kinds are the server's trouble; the others are the client's, who has been told. */
const levelOfCategory: Readonly<Record<DocDBError["category"], LogLevel>> = {
  critical: "error",
  permanent: "debug",
  transient: "warn",
  validation: "debug",
  network: "debug",
};

export class Log implements Observer {
  readonly #minimum: number;
  readonly #write: (line: string) => void;

  /** Drops events below `level`. `write` gets whole lines; by default they go to stderr. */
  constructor(level: LogLevel, write: (line: string) => void = (line) => process.stderr.write(line)) {
    this.#minimum = logLevels.indexOf(level);
    this.#write = write;
  }

  event(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    if (logLevels.indexOf(level) < this.#minimum) return;
    const facts = Object.entries(fields).map(([key, value]) => ` ${key}=${shown(value)}`);
    this.#write(`${new Date().toISOString()} ${level.padEnd(5)} ${oneLine(message)}${facts.join("")}\n`);
  }

  failure(where: string, error: DocDBError): void {
    const cause = error.cause === undefined ? {} : { cause: causeOf(error.cause) };
    const fields = { ...error.metadata, ...cause };
    this.event(levelOfCategory[error.category], `${where}: ${error.code} ${error.message}`, fields);
  }
}

/** What led to an error: for a defect that is the stack. */
function causeOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return "code" in cause ? cause.message : (cause.stack ?? cause.message);
}

function shown(value: unknown): string {
  const plain = typeof value === "string" || typeof value === "bigint";
  const text = plain ? String(value) : (JSON.stringify(value, bigintsAsText) ?? "undefined");
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}

function bigintsAsText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}

function oneLine(text: string): string {
  return text.replaceAll(/[\r\n]+/g, " ");
}
