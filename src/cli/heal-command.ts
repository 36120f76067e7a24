// docdb heal, docdb healing-stats: has documents checked for damage and healed, and tells what was found.

import type { Command } from "commander";
import type { Client, HealingStats, HealProgress } from "../client/index.ts";
import { parseAddress, parseId } from "./address.ts";
import { type ConnectionOptions, withClient, withConnection } from "./connection-options.ts";
import { exitCodes } from "./exit-codes.ts";
import { print, say } from "./output.ts";
import { ProgressBar } from "./progress-bar.ts";
import { printTable } from "./table.ts";

const help = `
Without an id it checks all documents of a database, however long that takes. Exit code 1: a document is damaged and no
intact copy of it was found. Write it again, delete it, or start the server with --backup-dir and repeat this.

Examples:
  $ docdb heal app
  $ docdb heal app/users 7
  $ docdb heal app --json | jq .quarantined`;

export function addHealCommands(program: Command): void {
  const heal = program
    .command("heal")
    .description("check documents for damage of the disk, and heal them from an intact copy")
    .argument("<place>", "a database; with an id, the document's collection: database/collection, or database alone")
    .argument("[id]", "id of the one document to check")
    .addHelpText("after", help);
  withConnection(heal).action(
    async (place: string, id: string | undefined, options: ConnectionOptions, self: Command) => {
      if (id === undefined && place.includes("/")) {
        const message = "error: add the document's id, or name the database alone to check all of it";
        self.error(message, { exitCode: exitCodes.usage });
      }
      const whole = await withClient(options, (client) =>
        id === undefined ? healDatabase(client, place, options) : healDocument(client, place, id, options),
      );
      if (!whole) process.exitCode = exitCodes.failure;
    },
  );

  const stats = program
    .command("healing-stats")
    .description("tell what was found damaged and healed since the server opened a database")
    .argument("[database]", "name of the database (default: all that are open)")
    .addHelpText("after", "\nExamples:\n  $ docdb healing-stats app\n  $ docdb healing-stats --json");
  withConnection(stats).action(async (name: string | undefined, options: ConnectionOptions) => {
    const all = await withClient(options, async (client) =>
      name === undefined ? await client.databases.healingStats() : [await client.database(name).healing.stats()],
    );
    if (options.json) for (const one of all) print(JSON.stringify(factsOf(one)));
    else printTable(all.map(rowOf));
  });
}

/** Checks one document; whether it is whole now. */
async function healDocument(
  client: Client,
  place: string,
  idText: string,
  options: ConnectionOptions,
): Promise<boolean> {
  const { database, collection } = parseAddress(place);
  const { outcome, version, source } = await client.database(database).healing.heal(collection, parseId(idText));
  if (options.json) print(JSON.stringify({ outcome, version: String(version), source }));
  else {
    const what = { healed: `was damaged and is healed (${source})`, intact: "is intact" } as const;
    const lost = "is damaged, and no intact copy was found: it is in quarantine";
    say(`Document ${idText} of ${place} ${outcome === "healed" || outcome === "intact" ? what[outcome] : lost}.`);
  }
  return outcome === "healed" || outcome === "intact";
}

/** Checks all documents; whether all of them are whole now. */
async function healDatabase(client: Client, name: string, options: ConnectionOptions): Promise<boolean> {
  const bar = new ProgressBar(process.stderr, options.json !== true);
  let last: HealProgress | undefined;
  try {
    for await (const progress of client.database(name).healing.healAll()) {
      last = progress;
      bar.show(Number(progress.checked), Number(progress.checked) / Math.max(1, Number(progress.total)));
    }
  } finally {
    bar.clear();
  }
  const { checked = 0n, corrupt = 0n, healed = 0n, quarantined = 0n } = last ?? {};
  if (options.json) print(JSON.stringify(asText({ checked, corrupt, healed, quarantined })));
  else if (corrupt === 0n) say(`All ${checked} documents of ${name} are intact.`);
  else say(`Of ${checked} documents of ${name} ${corrupt} were damaged: ${healed} healed, ${quarantined} quarantined.`);
  return healed === corrupt;
}

function factsOf(stats: HealingStats): Record<string, unknown> {
  return asText({ ...stats });
}

/** Counts as texts: a JSON number can't hold them everywhere. */
function asText(facts: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(facts).map(([name, value]) => [name, typeof value === "bigint" ? String(value) : value]),
  );
}

function rowOf(stats: HealingStats): string[] {
  const healed = stats.healedFromMemory + stats.healedFromWal + stats.healedFromBackup;
  const scrub =
    stats.lastScrubTime === undefined ? "not scrubbed yet" : `scrubbed ${stats.lastScrubTime.toISOString()}`;
  const found = `${stats.corrupt} damaged`;
  return [
    stats.database,
    `${stats.checked} checked`,
    found,
    `${healed} healed`,
    `${stats.quarantined} quarantined`,
    scrub,
  ];
}
