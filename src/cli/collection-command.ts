// docdb collection: creates, lists and drops the collections of a database.

import type { Command } from "commander";
import type { CollectionInfo } from "../client/index.ts";
import { parseAddress } from "./address.ts";
import { type ConnectionOptions, withClient, withConnection } from "./connection-options.ts";
import { print, say } from "./output.ts";
import { printTable } from "./table.ts";

const addressArgument = "database/collection, as in app/users";

interface DropOptions extends ConnectionOptions {
  readonly force?: true;
}

export function addCollectionCommand(program: Command): void {
  const group = program.command("collection").description("create, list and drop collections of a database");

  const create = group
    .command("create")
    .description("create an empty collection")
    .argument("<collection>", addressArgument)
    .addHelpText("after", "\nExample:\n  $ docdb collection create app/users");
  withConnection(create).action(async (place: string, options: ConnectionOptions) => {
    const { database, collection } = parseAddress(place);
    const info = await withClient(options, (client) => client.database(database).collections.create(collection));
    if (options.json) print(JSON.stringify(factsOf(info)));
    else say(`Created the collection ${database}/${info.name}.`);
  });

  const list = group
    .command("list")
    .description("list a database's collections: name, documents, bytes of JSON")
    .argument("<database>", "name of the database")
    .addHelpText("after", "\nExamples:\n  $ docdb collection list app\n  $ docdb collection list app --json");
  withConnection(list).action(async (name: string, options: ConnectionOptions) => {
    const infos = await withClient(options, (client) => Array.fromAsync(client.database(name).collections.list()));
    if (options.json) for (const info of infos) print(JSON.stringify(factsOf(info)));
    else printTable(infos.map((info) => [info.name, `${info.documents} documents`, `${info.jsonBytes} bytes`]));
  });

  const drop = group
    .command("drop")
    .description("remove a collection")
    .argument("<collection>", addressArgument)
    .option("--force", "remove it with its documents; without it, only an empty one goes")
    .addHelpText(
      "after",
      "\nExamples:\n  $ docdb collection drop app/users\n  $ docdb collection drop app/users --force",
    );
  withConnection(drop).action(async (place: string, options: DropOptions) => {
    const { database, collection } = parseAddress(place);
    await withClient(options, (client) =>
      client.database(database).collections.drop(collection, { force: options.force === true }),
    );
    if (options.json) print(JSON.stringify({ dropped: `${database}/${collection}` }));
    else say(`Dropped the collection ${database}/${collection}.`);
  });
}

function factsOf({ name, documents, jsonBytes, createTime }: CollectionInfo): Record<string, unknown> {
  return { name, documents, jsonBytes, ...(createTime === undefined ? {} : { createTime }) };
}
