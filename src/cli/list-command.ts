// docdb list: prints documents in the order of their ids.

import type { Command } from "commander";
import { addressHelp, parseAddress } from "./address.ts";
import { type ConnectionOptions, parseCount, withClient, withConnection } from "./connection-options.ts";
import { envelope, oneLine } from "./envelope.ts";
import { say, standardOutput } from "./output.ts";

interface Options extends ConnectionOptions {
  readonly limit: number;
  readonly all?: true;
}

export function addListCommand(program: Command): void {
  const command = program
    .command("list")
    .description("print documents in the order of their ids: id, tab, document")
    .argument("<collection>", addressHelp)
    .option("--limit <count>", "print at most this many", parseCount, 100)
    .option("--all", "print all of them")
    .addHelpText(
      "after",
      `
With --json each line is an object with id, version, times and document.

Examples:
  $ docdb list app/users
  $ docdb list app/users --limit 5 --json
  $ docdb list app/users --all | cut -f1 | tail -1`,
    );
  withConnection(command).action(async (place: string, options: Options) => {
    const { database, collection } = parseAddress(place);
    const limit = options.all ? Number.POSITIVE_INFINITY : options.limit;
    const out = standardOutput();
    await withClient(options, async (client) => {
      let printed = 0;
      const documents = client.database(database).collection(collection);
      for await (const document of documents.list({ pageSize: Math.min(limit + 1, 1_000) })) {
        if (printed === limit) {
          say(`There are more than ${limit} documents: --all prints them all.`);
          break;
        }
        await out.write(`${options.json ? envelope(document) : `${document.id}\t${oneLine(document.json)}`}\n`);
        printed++;
      }
    });
  });
}
