// docdb checkpoint, docdb compact: what a server does by itself now and then, done now.

import type { Command } from "commander";
import type { CompactProgress } from "../client/index.ts";
import { type ConnectionOptions, withClient, withConnection } from "./connection-options.ts";
import { print, say } from "./output.ts";
import { ProgressBar } from "./progress-bar.ts";

export function addUpkeepCommands(program: Command): void {
  const checkpoint = program
    .command("checkpoint")
    .description("write a checkpoint, so that a recovery has less to replay")
    .argument("<database>", "name of the database")
    .addHelpText("after", "\nExamples:\n  $ docdb checkpoint app");
  withConnection(checkpoint).action(async (name: string, options: ConnectionOptions) => {
    const { version, durationMs } = await withClient(options, (client) => client.database(name).checkpoint());
    if (options.json) print(JSON.stringify({ version: String(version), durationMs }));
    else say(`Checkpoint of ${name} up to version ${version}, in ${Math.round(durationMs)} ms.`);
  });

  const compact = program
    .command("compact")
    .description("rewrite a database's data file without what nobody reads any more; reads and writes go on")
    .argument("<database>", "name of the database")
    .addHelpText(
      "after",
      "\nExamples:\n  $ docdb compact app\n  $ docdb compact app --json | tail -1 | jq .bytesReclaimed",
    );
  withConnection(compact).action(async (name: string, options: ConnectionOptions) => {
    const bar = new ProgressBar(process.stderr, options.json !== true);
    await withClient(options, async (client) => {
      for await (const progress of client.database(name).compact()) {
        if (options.json) print(JSON.stringify(factsOf(progress)));
        else if (progress.done) bar.clear();
        else bar.show(Number(progress.recordsCopied), partOf(progress));
        if (progress.done && !options.json) say(`Compacted ${name}: ${progress.bytesReclaimed} bytes given back.`);
      }
    });
  });
}

function partOf({ bytesCopied, bytesTotal }: CompactProgress): number {
  return Number(bytesCopied) / Math.max(1, Number(bytesTotal));
}

function factsOf({ done, ...counts }: CompactProgress): object {
  return { ...Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, Number(count)])), done };
}
