// The server's log, on stderr: one line an event, as JSON for programs or as text for people.
//
//     {"level":"error","time":"2026-01-31T12:00:00.000Z","database":"shop","code":"DATABASE_READ_ONLY","message":"…"}
//     [2026-01-31 12:00:00.000] ERROR: database shop: DATABASE_READ_ONLY The disk failed. {"database":"shop"}
//
// Fields name databases, collections, ids, files and times. Nothing of documents' contents is ever logged.

import pino, { type DestinationStream, type Logger } from "pino";
import type { DocDBError } from "../base/errors.ts";
import type { Facts, Observer } from "../telemetry/observer.ts";

/** Levels of a log, the least important first. */
export const logLevels = ["debug", "info", "warn", "error"] as const;

export type LogLevel = (typeof logLevels)[number];

/** `auto` is `pretty` on a terminal and `json` elsewhere. */
export const logFormats = ["auto", "json", "pretty"] as const;

export type LogFormat = (typeof logFormats)[number];

/** Errors of these kinds are the server's trouble; the others are the client's, who has been told. */
const levelOfCategory: Readonly<Record<DocDBError["category"], LogLevel>> = {
  critical: "error",
  permanent: "debug",
  transient: "warn",
  validation: "debug",
  network: "debug",
};

const stderr = 2;

export class Log implements Observer {
  readonly #logger: Logger;

  /** Drops events below `level`. `destination` gets whole lines of JSON. */
  constructor(level: LogLevel, destination: DestinationStream) {
    const formatters = { level: (label: string) => ({ level: label }) };
    const timestamp = (): string => `,"time":"${new Date().toISOString()}"`;
    this.#logger = pino({ level, base: null, messageKey: "message", formatters, timestamp }, destination);
  }

  event(level: LogLevel, message: string, facts: Facts = {}): void {
    if (!this.#logger.isLevelEnabled(level)) return;
    this.#logger[level](
      Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, shown(value)])),
      oneLine(message),
    );
  }

  failure(where: string, error: DocDBError, facts: Facts = {}): void {
    const cause = error.cause === undefined ? {} : { cause: causeOf(error.cause) };
    const { code, category, metadata, message } = error;
    this.event(levelOfCategory[category], `${where}: ${code} ${message}`, { code, ...metadata, ...facts, ...cause });
  }
}

/** The log of this process. Every line is written before the event's teller goes on: the last ones matter most. */
export async function openLog(level: LogLevel, format: LogFormat): Promise<Log> {
  const pretty = format === "pretty" || (format === "auto" && process.stderr.isTTY);
  return new Log(level, pretty ? await readable() : pino.destination({ dest: stderr, sync: true }));
}

/** Loaded only when there is somebody to read. */
async function readable(): Promise<DestinationStream> {
  const { default: pretty } = await import("pino-pretty");
  const translateTime = "SYS:yyyy-mm-dd HH:MM:ss.l";
  return pretty({ messageKey: "message", singleLine: true, translateTime, destination: stderr, sync: true });
}

/** What led to an error: for a defect that is the stack. */
function causeOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return "code" in cause ? cause.message : (cause.stack ?? cause.message);
}

function shown(value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  return value instanceof Error ? causeOf(value) : value;
}

function oneLine(text: string): string {
  return text.replaceAll(/[\r\n]+/g, " ");
}
