// `docdb serve`: the server as a program. It says on stdout, in one line, that it listens; everything else goes to the
// log.
//
// Exit codes: 0 stopped by a signal; 1 can't start, or a defect; 2 settings that make no sense; 6 another server is in
// the way; 130 and 143 ended by a second signal.

import { type Command, Option } from "commander";
import { DocDBError } from "../base/errors.ts";
import { openLog } from "../observability/log.ts";
import { type TraceSettings, traceSettings } from "../observability/trace-settings.ts";
import type { Tracing } from "../observability/tracing.ts";
import { RealClock } from "../platform/real/real-clock.ts";
import type { Observer } from "../telemetry/observer.ts";
import { applyConfigFile, printedConfig } from "./config-file.ts";
import { adviceOnNode } from "./node-version.ts";
import { endOnDefects, firstSignal } from "./process-end.ts";
import { optionsOf, type ServeFlags, serveFlags } from "./serve-flags.ts";
import { type RunningServer, startServer } from "./server.ts";
import { version } from "./version.ts";

const exitCode = { failed: 1, usage: 2, alreadyRunning: 6 } as const;

const examples = `
Examples:
  $ docdb serve
  $ docdb serve --data-dir /var/lib/docdb --socket /run/docdb/docdb.sock
  $ docdb serve --fsync-mode interval --fsync-interval-ms 50
  $ docdb serve --checkpoint-interval-mb 256 --wal-keep-segments 0
  $ docdb serve --print-config > docdb.json
  $ docdb serve --config docdb.json

Every flag can be set by its variable or in the configuration file too; a flag goes before a variable, and a variable
before the file.

Stop it with SIGTERM or Ctrl-C: it finishes what it is doing and checkpoints. A second one ends it at once.`;

/** Adds the command `serve` to the program. */
export function addServeCommand(program: Command): void {
  const command = program.command("serve").description("start the server").addHelpText("after", examples);
  for (const option of serveFlags()) command.addOption(option);
  command.addOption(new Option("--config <file>", "JSON file with settings").env("DOCDB_CONFIG"));
  command.addOption(new Option("--print-config", "print the settings in force as such a file, and end"));
  command.action(async ({ config, printConfig }: SourceFlags) => {
    try {
      if (config !== undefined) await applyConfigFile(command, config);
      optionsOf(command.opts<ServeFlags>());
    } catch (error) {
      process.exitCode = refuse(error, exitCode.usage);
      return;
    }
    if (printConfig === true) process.stdout.write(printedConfig(command));
    else process.exitCode = await serve(command.opts<ServeFlags>());
  });
}

interface SourceFlags {
  readonly config?: string;
  readonly printConfig?: boolean;
}

/** Runs a server until a signal stops it; returns the exit code. */
async function serve(flags: ServeFlags): Promise<number> {
  const log = await openLog(flags.logLevel, flags.logFormat);
  endOnDefects(log);
  const options = optionsOf(flags);
  const tracing = await tracingBy(traceSettings(process.env), log);
  const stopping = firstSignal();
  let server: RunningServer;
  try {
    server = await startServer(options, log, tracing?.tracer);
  } catch (error) {
    const running = error instanceof DocDBError && error.code === "ALREADY_RUNNING";
    return refuse(error, running ? exitCode.alreadyRunning : exitCode.failed);
  }
  process.stdout.write(
    `DocDB ${version} listening on ${options.socket} (data in ${options.dataDirectory}, fsync ${options.fsyncMode})\n`,
  );
  const advice = adviceOnNode(process.versions.node);
  if (advice !== undefined) log.event("warn", advice);
  log.event("info", "stopping", { signal: await stopping });
  const code = await stop(server, log);
  await tracing?.close();
  return code;
}

/** Records traces, if that is asked for. */
async function tracingBy(settings: TraceSettings | undefined, log: Observer): Promise<Tracing | undefined> {
  if (settings === undefined) return undefined;
  const { startTracing } = await import("../observability/tracing.ts");
  return await startTracing(settings, version, new RealClock(), log);
}

function refuse(error: unknown, code: number): number {
  process.stderr.write(`docdb: can't start: ${error instanceof Error ? error.message : String(error)}\n`);
  return code;
}

async function stop(server: RunningServer, log: Observer): Promise<number> {
  try {
    await server.close();
    log.event("info", "stopped");
    return 0;
  } catch (error) {
    log.failure("stopping", DocDBError.from(error));
    return exitCode.failed;
  }
}
