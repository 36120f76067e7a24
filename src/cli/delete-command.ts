// docdb delete: deletes a document and prints the version of the deletion.

import type { Command } from "commander";
import { addressHelp, parseAddress, parseId, parseVersion } from "./address.ts";
import { type ConnectionOptions, withClient, withConnection } from "./connection-options.ts";
import { print, say, stampFacts } from "./output.ts";

interface Options extends ConnectionOptions {
  readonly ifVersion?: string;
  readonly allowMissing?: true;
}

export function addDeleteCommand(program: Command): void {
  const command = program
    .command("delete")
    .description("delete a document and print the version of the deletion")
    .argument("<collection>", addressHelp)
    .argument("<id>", "id of the document")
    .option("--if-version <version>", "only if the document is at this version (otherwise exit code 6)")
    .option("--allow-missing", "succeed when there is no such document")
    .addHelpText(
      "after",
      `
Examples:
  $ docdb delete app/users 7
  $ docdb delete app/users 7 --if-version 12
  $ docdb delete app/users 7 --allow-missing`,
    );
  withConnection(command).action(async (place: string, idText: string, options: Options) => {
    const { database, collection } = parseAddress(place);
    const id = parseId(idText);
    const ifVersion = options.ifVersion === undefined ? undefined : parseVersion(options.ifVersion);
    const stamp = await withClient(options, (client) =>
      client.database(database).collection(collection).delete(id, { ifVersion, allowMissing: options.allowMissing }),
    );
    if (options.json)
      print(JSON.stringify(stamp === undefined ? { id: String(id), missing: true } : stampFacts(stamp)));
    else if (stamp === undefined) say(`There is no document ${id} in ${place}.`);
    else print(String(stamp.version));
  });
}
