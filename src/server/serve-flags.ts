// The flags of `docdb serve`. A value that can't be used is refused with the flag's name, the value and what is
// allowed.

import { InvalidArgumentError, Option } from "commander";
import { DocDBError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import type { FsyncMode } from "../storage/group-commit.ts";
import { type LogLevel, logLevels } from "./log.ts";
import { defaultOptions as byDefault, fsyncModes } from "./options.ts";
import { checkSocketPath } from "./socket-file.ts";

/** What the flags say. */
export interface ServeFlags {
  readonly dataDir: string;
  readonly socket: string;
  readonly fsyncMode: FsyncMode;
  readonly fsyncIntervalMs: number;
  readonly slots: number;
  readonly queuePerDatabase: number;
  readonly maxConnections: number;
  readonly maxConcurrentStreams: number;
  readonly logLevel: LogLevel;
}

/** The exit code for a command line that makes no sense. */
const usageExitCode = 2;

/** All flags, in the order of the help text. */
export function serveFlags(): Option[] {
  const socketHelp = `Unix socket to listen on, at most ${limits.socketPathBytes} bytes`;
  return [
    flag(
      "--data-dir <directory>",
      "directory of the databases, created when missing",
      byDefault.dataDirectory,
      nonEmpty,
    ),
    flag("--socket <path>", socketHelp, byDefault.socket, socketPath),
    flag(
      "--fsync-mode <mode>",
      `when a write is acknowledged: ${list(fsyncModes)}`,
      byDefault.fsyncMode,
      oneOf(fsyncModes),
    ),
    number("--fsync-interval-ms <ms>", "time between fsyncs in mode interval", byDefault.fsyncIntervalMs, 60_000),
    number("--slots <n>", "commands that execute at the same time", byDefault.slots, 1_024),
    number(
      "--queue-per-database <n>",
      "commands that may wait for one database",
      byDefault.queuePerDatabase,
      1_000_000,
    ),
    number("--max-connections <n>", "connections at the same time", byDefault.maxConnections, 100_000),
    number(
      "--max-concurrent-streams <n>",
      "calls in flight on one connection",
      byDefault.maxConcurrentStreams,
      100_000,
    ),
    flag("--log-level <level>", `least level that is logged: ${list(logLevels)}`, "info", oneOf(logLevels)),
  ];
}

function flag(flags: string, help: string, value: string, parse: (text: string) => string): Option {
  return new Option(flags, help).default(value).argParser(parse);
}

/** A flag for an integer from 1 to `max`. */
function number(flags: string, help: string, value: number, max: number): Option {
  const parse = (text: string): number => {
    const parsed = /^\d{1,9}$/.test(text) ? Number(text) : 0;
    if (parsed >= 1 && parsed <= max) return parsed;
    throw new BadValue(`It must be an integer from 1 to ${max}.`);
  };
  return new Option(flags, help).default(value).argParser(parse);
}

function nonEmpty(text: string): string {
  if (text !== "" && !text.includes("\0")) return text;
  throw new BadValue("It must not be empty.");
}

function socketPath(text: string): string {
  try {
    checkSocketPath(text);
    return text;
  } catch (error) {
    if (error instanceof DocDBError) throw new BadValue(error.message);
    throw error;
  }
}

function oneOf(values: readonly string[]): (text: string) => string {
  return (text) => {
    if (values.includes(text)) return text;
    throw new BadValue(`It must be ${list(values)}.`);
  };
}

function list(values: readonly string[]): string {
  return `${values.slice(0, -1).join(", ")} or ${values.at(-1)}`;
}

/** What commander turns into its message about the flag, ended with our exit code. */
class BadValue extends InvalidArgumentError {
  constructor(message: string) {
    super(message);
    this.exitCode = usageExitCode;
  }
}
