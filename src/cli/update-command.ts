// docdb update: replaces a document and prints its new version.

import type { Command } from "commander";
import { addressHelp, parseAddress, parseId, parseVersion } from "./address.ts";
import { type ConnectionOptions, withClient, withConnection } from "./connection-options.ts";
import { type DocumentOptions, documentInput, withDocument } from "./document-input.ts";
import { print, stampFacts } from "./output.ts";

interface Options extends ConnectionOptions, DocumentOptions {
  readonly ifVersion?: string;
  readonly allowMissing?: true;
}

export function addUpdateCommand(program: Command): void {
  const command = program
    .command("update")
    .description("replace a whole document and print its new version")
    .argument("<collection>", addressHelp)
    .argument("<id>", "id of the document");
  withDocument(command)
    .option("--if-version <version>", "only if the document is at this version (otherwise exit code 6)")
    .option("--allow-missing", "create the document when there is none")
    .addHelpText(
      "after",
      `
Examples:
  $ docdb update app/users 7 '{"name":"Ada Lovelace"}'
  $ docdb update app/users 7 --if-version 12 --file ada.json
  $ docdb update app/users 8 --allow-missing '{"name":"Grace"}'`,
    );
  withConnection(command).action(
    async (place: string, idText: string, argument: string | undefined, options: Options, self: Command) => {
      const { database, collection } = parseAddress(place);
      const id = parseId(idText);
      const ifVersion = options.ifVersion === undefined ? undefined : parseVersion(options.ifVersion);
      const document = await documentInput(argument, options, self);
      const stamp = await withClient(options, (client) =>
        client
          .database(database)
          .collection(collection)
          .update(id, document, { ifVersion, allowMissing: options.allowMissing }),
      );
      print(options.json ? JSON.stringify(stampFacts(stamp)) : String(stamp.version));
    },
  );
}
