// docdb db: creates, lists, opens, closes and drops databases.

import type { Command } from "commander";
import type { DatabaseInfo } from "../client/index.ts";
import { confirmed } from "./confirmation.ts";
import { type ConnectionOptions, withClient, withConnection } from "./connection-options.ts";
import { exitCodes } from "./exit-codes.ts";
import { print, say } from "./output.ts";
import { printTable } from "./table.ts";

interface DropOptions extends ConnectionOptions {
  readonly yes?: true;
}

export function addDbCommand(program: Command): void {
  const db = program.command("db").description("create, list, open, close and drop databases");

  const create = db
    .command("create")
    .description("create an empty database")
    .argument("<database>", "name: letters, digits, _ and -")
    .addHelpText("after", "\nExample:\n  $ docdb db create app");
  withConnection(create).action(async (name: string, options: ConnectionOptions) => {
    const info = await withClient(options, (client) => client.databases.create(name));
    if (options.json) print(JSON.stringify(factsOf(info)));
    else say(`Created the database ${info.name}.`);
  });

  const list = db
    .command("list")
    .description("list the databases: name, state, time of creation")
    .addHelpText("after", "\nExamples:\n  $ docdb db list\n  $ docdb db list --json");
  withConnection(list).action(async (options: ConnectionOptions) => {
    const infos = await withClient(options, (client) => Array.fromAsync(client.databases.list()));
    if (options.json) for (const info of infos) print(JSON.stringify(factsOf(info)));
    else printTable(infos.map((info) => [info.name, info.state, info.createTime.toISOString(), info.stateReason]));
  });

  const open = db
    .command("open")
    .description("open a database now; the first call that needs it does so too, but for one that failed to open")
    .argument("<database>", "name of the database")
    .addHelpText("after", "\nExample:\n  $ docdb db open app");
  withConnection(open).action(async (name: string, options: ConnectionOptions) => {
    showState(await withClient(options, (client) => client.databases.open(name)), options);
  });

  const close = db
    .command("close")
    .description("close a database when its calls have ended; the next call opens it again, and recovers what it must")
    .argument("<database>", "name of the database")
    .addHelpText("after", "\nExample:\n  $ docdb db close app");
  withConnection(close).action(async (name: string, options: ConnectionOptions) => {
    showState(await withClient(options, (client) => client.databases.close(name)), options);
  });

  const drop = db
    .command("drop")
    .description("remove a database with all its documents, for good")
    .argument("<database>", "name of the database")
    .option("--yes", "don't ask; needed where there is no terminal to ask on")
    .addHelpText("after", "\nExamples:\n  $ docdb db drop app\n  $ docdb db drop app --yes");
  withConnection(drop).action(async (name: string, options: DropOptions, self: Command) => {
    const dropped = await withClient(options, async (client) => {
      if (options.yes !== true) {
        // Who misspelled the name should hear so before being asked.
        await client.databases.get(name);
        const question = `This removes the database ${name} with all its documents, for good. Type its name to go on: `;
        const agreed = await confirmed(question, name);
        if (agreed === undefined) {
          const message = "error: there is no terminal to ask on: add --yes to drop the database";
          self.error(message, { exitCode: exitCodes.usage });
        }
        if (!agreed) return false;
      }
      await client.databases.drop(name);
      return true;
    });
    if (!dropped) {
      say(`The database ${name} was not dropped.`);
      process.exitCode = exitCodes.failure;
    } else if (options.json) print(JSON.stringify({ dropped: name }));
    else say(`Dropped the database ${name}.`);
  });
}

function showState(info: DatabaseInfo, options: ConnectionOptions): void {
  if (options.json) print(JSON.stringify(factsOf(info)));
  else say(`Database ${info.name} is ${info.state}.`);
}

function factsOf({ name, state, stateReason, createTime }: DatabaseInfo): Record<string, unknown> {
  return { name, state, ...(stateReason === "" ? {} : { stateReason }), createTime };
}
