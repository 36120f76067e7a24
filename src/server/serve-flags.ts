// The settings of a server, in one table: each is a flag of `docdb serve`, a variable DOCDB_*, and a member of the
// configuration file. A value that can't be used is refused with the setting's name, the value and what is allowed.

import { InvalidArgumentError, Option } from "commander";
import { DocDBError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import { type LogFormat, logFormats, type LogLevel, logLevels } from "../observability/log.ts";
import { metricsAddress } from "../observability/metrics-endpoint.ts";
import type { FsyncMode } from "../storage/fsync-mode.ts";
import { defaultOptions as byDefault, fsyncModes, mebibyte, type ServerOptions } from "./options.ts";
import { checkSocketPath } from "./socket-file.ts";

/** What the flags say. */
export interface ServeFlags {
  readonly dataDir: string;
  readonly socket: string;
  readonly fsyncMode: FsyncMode;
  readonly fsyncIntervalMs: number;
  readonly walMaxFileSizeMb: number;
  readonly checkpointIntervalMb: number;
  readonly trimAfterCheckpoint: boolean;
  readonly walKeepSegments: number;
  readonly compactionMinSizeMb: number;
  readonly compactionDeadRatio: number;
  readonly backupDir?: string;
  readonly scrubIntervalMs: number;
  readonly scrubRateMb: number;
  readonly memoryMb: number;
  readonly databaseMemoryMb: number;
  readonly cacheMb?: number;
  readonly maxOpenDatabases: number;
  readonly idleCloseMinutes: number;
  readonly slots: number;
  readonly queuePerDatabase: number;
  readonly queueTotal: number;
  readonly backgroundShare: number;
  readonly maxConnections: number;
  readonly maxConcurrentStreams: number;
  readonly slowClientTimeoutMs: number;
  readonly drainTimeoutMs: number;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  readonly slowOperationMs: number;
  readonly metrics: boolean;
  readonly metricsAddress?: string;
}

const minuteMs = 60_000;

/** The exit code for a command line that makes no sense. */
const usageExitCode = 2;

/** All settings, in the order of the help text. */
export function serveFlags(): Option[] {
  return settings().map((option) => option.env(variableOf(option)));
}

/** The variable that sets an option: DOCDB_DATA_DIR for --data-dir. */
function variableOf(option: Option): string {
  return `DOCDB_${option.name().toUpperCase().replaceAll("-", "_")}`;
}

function settings(): Option[] {
  const slowClientHelp = "time that a client has to send a whole request, or to take a message of an answer";
  const drainHelp = "time that calls in flight get to end when the server stops";
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
    ...storageFlags(),
    ...healingFlags(),
    ...memoryFlags(),
    ...poolFlags(),
    ...schedulerFlags(),
    number("--max-connections <n>", "connections at the same time", byDefault.maxConnections, 100_000),
    number(
      "--max-concurrent-streams <n>",
      "calls in flight on one connection",
      byDefault.maxConcurrentStreams,
      100_000,
    ),
    number("--slow-client-timeout-ms <ms>", slowClientHelp, byDefault.slowClientMs, 86_400_000, 1_000),
    number("--drain-timeout-ms <ms>", drainHelp, byDefault.drainMs, 3_600_000),
    ...observingFlags(),
  ];
}

/** How the write-ahead log and the data files are kept. Documented in docs/configuration.md, as all flags are. */
function storageFlags(): Option[] {
  const mebibytes = (bytes: number): number => bytes / mebibyte;
  const segmentHelp = "size of a WAL segment after which a new one is started, in MiB";
  const trimHelp = "whether a checkpoint removes WAL segments that no recovery needs any more: true or false";
  const keepHelp = "older WAL segments that are kept all the same";
  const minHelp = "size of a database's data files from which on it is compacted by itself, in MiB,";
  const ratioHelp = "when at least this share of them is dead";
  return [
    number("--wal-max-file-size-mb <mib>", segmentHelp, mebibytes(byDefault.segmentBytes), 1_024),
    number(
      "--checkpoint-interval-mb <mib>",
      "WAL after which a checkpoint is written, in MiB",
      mebibytes(byDefault.checkpointBytes),
      65_536,
    ),
    new Option("--trim-after-checkpoint <bool>", trimHelp).default(byDefault.trimAfterCheckpoint).argParser(truth),
    number("--wal-keep-segments <n>", keepHelp, byDefault.keepSegments, 10_000, 0),
    number("--compaction-min-size-mb <mib>", minHelp, mebibytes(byDefault.compactionBytes), 1_048_576),
    new Option("--compaction-dead-ratio <share>", ratioHelp).default(byDefault.compactionDeadRatio).argParser(share),
  ];
}

/** How many requests run and wait, and what is left for work in the background. */
function schedulerFlags(): Option[] {
  const queueHelp = "commands that may wait for one database";
  const shareHelp = "share of the time that checkpoints, compactions and scrubs take at most while requests come";
  return [
    number("--slots <n>", "commands that execute at the same time", byDefault.slots, 1_024),
    number("--queue-per-database <n>", queueHelp, byDefault.queuePerDatabase, 1_000_000),
    number("--queue-total <n>", "commands that may wait altogether", byDefault.queueTotal, 10_000_000),
    new Option("--background-share <share>", shareHelp).default(byDefault.backgroundShare).argParser(share),
  ];
}

/** Which databases are open. */
function poolFlags(): Option[] {
  const maxHelp = "databases open at the same time; the one used least recently gives way to another";
  const idleHelp = "minutes after its last use at which a database is closed; 0 for never";
  return [
    number("--max-open-databases <n>", maxHelp, byDefault.maxOpenDatabases, 100_000),
    number("--idle-close-minutes <n>", idleHelp, byDefault.idleCloseMs / minuteMs, 10_000, 0),
  ];
}

/** How damaged documents are found and healed. */
function healingFlags(): Option[] {
  const backupHelp = "copy of the data directory, from which damaged documents are healed; it is only read";
  const intervalHelp = "time between two rounds of checking all documents of a database; 0 for none";
  const rateHelp = "what these checks read a second, in MiB, of all databases together";
  return [
    new Option("--backup-dir <directory>", backupHelp).argParser(nonEmpty),
    number("--scrub-interval-ms <ms>", intervalHelp, byDefault.scrubIntervalMs, 999_999_999, 0),
    number("--scrub-rate-mb <mib>", rateHelp, byDefault.scrubBytesPerSecond / mebibyte, 100_000),
  ];
}

/** What a server tells of itself. */
function observingFlags(): Option[] {
  const formatHelp = `${list(logFormats)}: JSON or text for people; auto is pretty on a terminal and json elsewhere`;
  const slowHelp = "how long a call takes that is logged as slow, with where its time went; 0 for none";
  const countHelp = "whether calls are counted and timed, for metrics: true or false";
  const addressHelp = "host:port to serve metrics on over HTTP, for a Prometheus server";
  return [
    flag("--log-level <level>", `least level that is logged: ${list(logLevels)}`, "info", oneOf(logLevels)),
    flag("--log-format <format>", formatHelp, "auto", oneOf(logFormats)),
    number("--slow-operation-ms <ms>", slowHelp, byDefault.slowOperationMs, 999_999_999, 0),
    new Option("--metrics <bool>", countHelp).default(byDefault.metrics).argParser(truth),
    new Option("--metrics-address <address>", addressHelp).argParser(hostAndPort),
  ];
}

/** What memory may be held for. */
function memoryFlags(): Option[] {
  const memoryHelp = "memory for indexes, documents, writes, transactions and calls, in MiB; 0 for no limit";
  const databaseHelp = "of that, what one database may hold, in MiB; 0 for no limit of its own";
  const cacheHelp = "documents that are kept in memory, in MiB; 0 for none (default: 160 of each 1,024 of --memory-mb)";
  return [
    number("--memory-mb <mib>", memoryHelp, byDefault.memoryBytes / mebibyte, 1_048_576, 0),
    number("--database-memory-mb <mib>", databaseHelp, byDefault.databaseMemoryBytes / mebibyte, 1_048_576, 0),
    new Option("--cache-mb <mib>", cacheHelp).argParser(integer(0, 1_048_576)),
  ];
}

/** The cache's share of the memory when nobody names another. */
const cacheShare = byDefault.cacheBytes / byDefault.memoryBytes;

function cacheBytesOf({ memoryMb, cacheMb }: ServeFlags): number {
  if (cacheMb === undefined) return memoryMb === 0 ? byDefault.cacheBytes : memoryMb * mebibyte * cacheShare;
  if (memoryMb === 0 || cacheMb <= memoryMb) return cacheMb * mebibyte;
  const message = `cache-mb can't be ${cacheMb}: it must be at most memory-mb, which is ${memoryMb}.`;
  throw new DocDBError("INVALID_SETTING", message);
}

/** What a server is told by these flags. INVALID_SETTING when two of them contradict each other. */
export function optionsOf(flags: ServeFlags): ServerOptions {
  const { dataDir, socket, fsyncMode, fsyncIntervalMs, trimAfterCheckpoint, compactionDeadRatio } = flags;
  const { slots, queuePerDatabase, queueTotal, backgroundShare, maxConnections, maxConcurrentStreams } = flags;
  return {
    ...byDefault,
    dataDirectory: dataDir,
    socket,
    fsyncMode,
    fsyncIntervalMs,
    segmentBytes: flags.walMaxFileSizeMb * mebibyte,
    checkpointBytes: flags.checkpointIntervalMb * mebibyte,
    trimAfterCheckpoint,
    keepSegments: flags.walKeepSegments,
    compactionBytes: flags.compactionMinSizeMb * mebibyte,
    compactionDeadRatio,
    backupDirectory: flags.backupDir,
    scrubIntervalMs: flags.scrubIntervalMs,
    scrubBytesPerSecond: flags.scrubRateMb * mebibyte,
    memoryBytes: flags.memoryMb * mebibyte,
    databaseMemoryBytes: flags.databaseMemoryMb * mebibyte,
    cacheBytes: cacheBytesOf(flags),
    maxOpenDatabases: flags.maxOpenDatabases,
    idleCloseMs: flags.idleCloseMinutes * minuteMs,
    slots,
    queuePerDatabase,
    queueTotal,
    backgroundShare,
    maxConnections,
    maxConcurrentStreams,
    slowClientMs: flags.slowClientTimeoutMs,
    drainMs: flags.drainTimeoutMs,
    metrics: flags.metrics,
    metricsAddress: flags.metricsAddress === undefined ? undefined : metricsAddress(flags.metricsAddress),
    slowOperationMs: flags.slowOperationMs === 0 ? Number.POSITIVE_INFINITY : flags.slowOperationMs,
  };
}

function flag(flags: string, help: string, value: string, parse: (text: string) => string): Option {
  return new Option(flags, help).default(value).argParser(parse);
}

/** A flag for an integer from `min` to `max`. */
function number(flags: string, help: string, value: number, max: number, min = 1): Option {
  return new Option(flags, help).default(value).argParser(integer(min, max));
}

function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const parsed = /^\d{1,9}$/.test(text) ? Number(text) : -1;
    if (parsed >= min && parsed <= max) return parsed;
    throw new BadValue(`It must be an integer from ${min} to ${max}.`);
  };
}

function truth(text: string): boolean {
  if (text === "true" || text === "false") return text === "true";
  throw new BadValue("It must be true or false.");
}

/** A share of a whole. Below a hundredth a compaction would follow the one before at once, or not end in a day. */
function share(text: string): number {
  const parsed = /^(0?\.\d{1,6}|1(\.0{1,6})?)$/.test(text) ? Number(text) : 0;
  if (parsed >= 0.01 && parsed <= 1) return parsed;
  throw new BadValue("It must be a number from 0.01 to 1.");
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

function hostAndPort(text: string): string {
  if (metricsAddress(text) !== undefined) return text;
  throw new BadValue("It must be host:port, as 127.0.0.1:9464 or [::1]:9464.");
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
