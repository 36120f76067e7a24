// `docdb serve`: the server as a program. It says on stdout, in one line, that it listens; everything else goes to the
// log.
//
// Exit codes: 0 stopped by a signal; 1 can't start, or a defect; 2 flags that make no sense; 6 another server is in the
// way; 130 and 143 ended by a second signal.

import type { Command } from "commander";
import { DocDBError } from "../base/errors.ts";
import type { Observer } from "../telemetry/observer.ts";
import { Log } from "./log.ts";
import { endOnDefects, firstSignal } from "./process-end.ts";
import { optionsOf, type ServeFlags, serveFlags } from "./serve-flags.ts";
import { type RunningServer, startServer } from "./server.ts";
import { version } from "./version.ts";

const exitCode = { failed: 1, alreadyRunning: 6 } as const;

const examples = `
Examples:
  $ docdb serve
  $ docdb serve --data-dir /var/lib/docdb --socket /run/docdb/docdb.sock
  $ docdb serve --fsync-mode interval --fsync-interval-ms 50
  $ docdb serve --checkpoint-interval-mb 256 --wal-keep-segments 0

Stop it with SIGTERM or Ctrl-C: it finishes what it is doing and checkpoints. A second one ends it at once.`;

/** Adds the command `serve` to the program. */
export function addServeCommand(program: Command): void {
  const command = program.command("serve").description("start the server").addHelpText("after", examples);
  for (const option of serveFlags()) command.addOption(option);
  command.action(async (flags: ServeFlags) => {
    process.exitCode = await serve(flags);
  });
}

/** Runs a server until a signal stops it; returns the exit code. */
async function serve(flags: ServeFlags): Promise<number> {
  const log = new Log(flags.logLevel);
  endOnDefects(log);
  const options = optionsOf(flags);
  const stopping = firstSignal();
  let server: RunningServer;
  try {
    server = await startServer(options, log);
  } catch (error) {
    return cannotStart(error);
  }
  process.stdout.write(
    `DocDB ${version} listening on ${options.socket} (data in ${options.dataDirectory}, fsync ${options.fsyncMode})\n`,
  );
  log.event("info", "stopping", { signal: await stopping });
  return await stop(server, log);
}

function cannotStart(error: unknown): number {
  process.stderr.write(`docdb: can't start: ${error instanceof Error ? error.message : String(error)}\n`);
  return error instanceof DocDBError && error.code === "ALREADY_RUNNING" ? exitCode.alreadyRunning : exitCode.failed;
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
