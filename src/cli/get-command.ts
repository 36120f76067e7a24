// docdb get: prints one document.

import type { Command } from "commander";
import { addressHelp, parseAddress, parseId } from "./address.ts";
import { type ConnectionOptions, withClient, withConnection } from "./connection-options.ts";
import { envelope } from "./envelope.ts";
import { print } from "./output.ts";

export function addGetCommand(program: Command): void {
  const command = program
    .command("get")
    .description("print a document, byte for byte as it was stored")
    .argument("<collection>", addressHelp)
    .argument("<id>", "id of the document")
    .addHelpText(
      "after",
      `
With --json it prints id, version and times around the document.

Examples:
  $ docdb get app/users 7
  $ docdb get app/users 7 --json | jq .version`,
    );
  withConnection(command).action(async (place: string, idText: string, options: ConnectionOptions) => {
    const { database, collection } = parseAddress(place);
    const id = parseId(idText);
    const document = await withClient(options, (client) =>
      client.database(database).collection(collection).getOrThrow(id),
    );
    print(options.json ? envelope(document) : document.json);
  });
}
