// The `docdb` command as a whole: puts the subcommands together, one file each, runs one, and says how the process
// ends.

import { Command, CommanderError } from "commander";
import { version } from "../server/version.ts";
import { addCollectionCommand } from "./collection-command.ts";
import { withGlobalConnection } from "./connection-options.ts";
import { addCreateCommand } from "./create-command.ts";
import { addDbCommand } from "./db-command.ts";
import { addDeleteCommand } from "./delete-command.ts";
import { exitCodeOf, exitCodes, exitCodesHelp } from "./exit-codes.ts";
import { addExportCommand } from "./export-command.ts";
import { addGetCommand } from "./get-command.ts";
import { addHealCommands } from "./heal-command.ts";
import { addImportCommand } from "./import-command.ts";
import { addListCommand } from "./list-command.ts";
import { asDocDBError, endWithReader, sayError } from "./output.ts";
import { addPatchCommand } from "./patch-command.ts";
import { addStatsCommand } from "./stats-command.ts";
import { addTopCommand } from "./top-command.ts";
import { addUpdateCommand } from "./update-command.ts";
import { addUpkeepCommands } from "./upkeep-commands.ts";
import { addVerifyCommand } from "./verify-command.ts";

const help = `
A server must run: start one with \`docdb serve\`, and read \`docdb serve --help\`.

Examples:
  $ docdb db create app
  $ docdb collection create app/users
  $ docdb create app/users '{"name":"Ada"}'
  $ docdb get app/users 1
  $ docdb import app/cities cities.json --create-missing
${exitCodesHelp}`;

async function programFor(args: readonly string[]): Promise<Command> {
  const program = new Command("docdb")
    .description("DocDB, a document database: the server, and what there is to do with it.")
    .version(version)
    .showHelpAfterError("(add --help for what it takes)")
    .exitOverride()
    .addHelpText("after", help);
  withGlobalConnection(program);
  // Only who starts a server, or asks for all commands, loads the server's code.
  if (args.every((arg) => arg.startsWith("-")) || args.includes("serve") || args.includes("help")) {
    const { addServeCommand } = await import("../server/serve-command.ts");
    addServeCommand(program);
  }
  addDbCommand(program);
  addCollectionCommand(program);
  addCreateCommand(program);
  addGetCommand(program);
  addUpdateCommand(program);
  addPatchCommand(program);
  addDeleteCommand(program);
  addListCommand(program);
  addStatsCommand(program);
  addTopCommand(program);
  addImportCommand(program);
  addExportCommand(program);
  addUpkeepCommands(program);
  addVerifyCommand(program);
  await addOfflineCommands(program, args);
  addHealCommands(program);
  return program;
}

const offlineCommands = ["check", "inspect", "repair"];

/** Only who works on files loads the code for them. */
async function addOfflineCommands(program: Command, args: readonly string[]): Promise<void> {
  const wanted = [...offlineCommands, "help"];
  if (!args.every((arg) => arg.startsWith("-")) && !args.some((arg) => wanted.includes(arg))) return;
  const { addCheckCommand } = await import("./check-command.ts");
  const { addInspectCommand } = await import("./inspect-command.ts");
  addCheckCommand(program);
  const { addRepairCommand } = await import("./repair-command.ts");
  addInspectCommand(program);
  addRepairCommand(program);
}

function endOf(error: unknown, json: boolean): number {
  if (error instanceof CommanderError) {
    // Commander has written what was wrong. A wrong usage is 1 to it, asking for help is 0; the rest is ours.
    return error.code === "commander.error" || error.exitCode !== 1 ? error.exitCode : exitCodes.usage;
  }
  const known = asDocDBError(error);
  sayError(known, json);
  return exitCodeOf(known);
}

/** Runs the command that these arguments name, and sets the process's exit code. */
export async function run(args: readonly string[]): Promise<void> {
  endWithReader();
  try {
    const program = await programFor(args);
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    process.exitCode = endOf(error, args.includes("--json"));
  }
}
