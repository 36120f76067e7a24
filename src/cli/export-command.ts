// docdb export: writes all documents of a collection, as NDJSON or as one JSON array, with their exact texts.

import { type Command, Option } from "commander";
import type { Document, UnreadableDocument } from "../client/index.ts";
import { addressHelp, parseAddress } from "./address.ts";
import { type ConnectionOptions, withClient, withConnection } from "./connection-options.ts";
import { importEnvelope, oneLine } from "./envelope.ts";
import { exitCodes } from "./exit-codes.ts";
import { type DataSink, fileOutput, incompletePath, print, say, sayError, standardOutput } from "./output.ts";
import { ProgressBar } from "./progress-bar.ts";

interface Options extends ConnectionOptions {
  readonly output?: string;
  readonly withIds?: true;
  readonly allowNewer?: true;
  readonly format: "ndjson" | "array";
}

const help = `
Documents come in the order of their ids, all as of one version: what is written meanwhile is not in it. In NDJSON a
document whose text has line breaks is put on one line, which changes only white space; an array keeps every byte.

A document that can't be read is named on stderr, and the others are written all the same. Then the exit code is 10, and
with --output the file is <file>.incomplete: a whole one of an earlier export stays.

Examples:
  $ docdb export app/users > users.ndjson
  $ docdb export app/users --with-ids --output users.ndjson
  $ docdb export app/users --format array | jq length`;

export function addExportCommand(program: Command): void {
  const command = program
    .command("export")
    .description("write all documents of a collection")
    .argument("<collection>", addressHelp)
    .option("--output <file>", "write to this file, which appears when it is whole (default: stdout)")
    .option("--with-ids", 'write {"id":"7","document":…}, as `docdb import --with-ids` reads it')
    .option("--allow-newer", "if it takes over 5 minutes, go on with what is newer then instead of failing")
    .addOption(new Option("--format <format>", "how to lay it out").choices(["ndjson", "array"]).default("ndjson"))
    .addHelpText("after", help);
  withConnection(command).action(async (place: string, options: Options) => {
    const { database, collection } = parseAddress(place);
    await withClient(options, async (client) => {
      const sink = options.output === undefined ? standardOutput() : await fileOutput(options.output);
      const documents = client.database(database).collection(collection);
      const { documents: total } = await client.database(database).collections.get(collection);
      // A bar between the lines of data would spoil both.
      const bar = new ProgressBar(process.stderr, options.output !== undefined && options.json !== true);
      let unreadable = 0;
      const onUnreadable = ({ error }: UnreadableDocument): void => {
        unreadable++;
        bar.clear();
        sayError(error, options.json === true);
      };
      try {
        const count = await writeAll(
          documents.scan({ allowNewer: options.allowNewer === true, onUnreadable }),
          sink,
          options,
          (written) => bar.show(written, total && written / total),
        );
        await sink.finish(unreadable > 0);
        bar.clear();
        report(count, unreadable, options);
      } catch (error) {
        bar.clear();
        await sink.abandon();
        throw error;
      }
    });
  });
}

async function writeAll(
  documents: AsyncIterable<Document<unknown>>,
  sink: DataSink,
  options: Options,
  progress: (written: number) => void,
): Promise<number> {
  const array = options.format === "array";
  let written = 0;
  if (array) await sink.write("[");
  for await (const document of documents) {
    const text = options.withIds ? importEnvelope(document) : document.json;
    await sink.write(array ? `${written === 0 ? "\n" : ",\n"}${text}` : `${oneLine(text)}\n`);
    progress(++written);
  }
  if (array) await sink.write("\n]\n");
  return written;
}

/** stdout is for the documents: without a file only what is missing is told of. */
function report(count: number, unreadable: number, { output, json }: Options): void {
  if (unreadable > 0) process.exitCode = exitCodes.damaged;
  if (output === undefined && unreadable === 0) return;
  const file = output !== undefined && unreadable > 0 ? incompletePath(output) : output;
  if (json) {
    const facts = JSON.stringify({ exported: count, unreadable, file });
    if (output === undefined) say(facts);
    else print(facts);
    return;
  }
  const wrote = `Wrote ${count.toLocaleString("en-US")} documents${file === undefined ? "" : ` to ${file}`}`;
  say(
    unreadable === 0 ? `${wrote}.` : `${wrote}; ${unreadable.toLocaleString("en-US")} can't be read and are missing.`,
  );
}
