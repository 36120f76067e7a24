// docdb create: stores a new document and prints its id.

import type { Command } from "commander";
import { addressHelp, parseAddress, parseId } from "./address.ts";
import { type ConnectionOptions, withClient, withConnection } from "./connection-options.ts";
import { type DocumentOptions, documentInput, withDocument } from "./document-input.ts";
import { print, stampFacts } from "./output.ts";

interface Options extends ConnectionOptions, DocumentOptions {
  readonly id?: string;
}

export function addCreateCommand(program: Command): void {
  const command = program
    .command("create")
    .description("store a new document and print its id")
    .argument("<collection>", addressHelp);
  withDocument(command)
    .option("--id <id>", "id of the document (default: the next free one)")
    .addHelpText(
      "after",
      `
Examples:
  $ docdb create app/users '{"name":"Ada"}'
  $ docdb create app/users --id 7 --file ada.json
  $ curl -s https://example.org/ada.json | docdb create app/users -`,
    );
  withConnection(command).action(
    async (place: string, argument: string | undefined, options: Options, self: Command) => {
      const { database, collection } = parseAddress(place);
      const id = options.id === undefined ? undefined : parseId(options.id);
      const document = await documentInput(argument, options, self);
      const stamp = await withClient(options, (client) =>
        client.database(database).collection(collection).create(document, { id }),
      );
      print(options.json ? JSON.stringify(stampFacts(stamp)) : String(stamp.id));
    },
  );
}
