// docdb import: stores the documents of a file or of stdin, a JSON array or NDJSON, of any length.

import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { type Command, Option } from "commander";
import { type Client, DocDBError } from "../client/index.ts";
import { addressHelp, type CollectionAddress, parseAddress } from "./address.ts";
import { type ConnectionOptions, parseCount, withClient, withConnection } from "./connection-options.ts";
import { exitCodeOf } from "./exit-codes.ts";
import { type ImportFailure, ImportRun, type ImportSettings } from "./import-run.ts";
import { type ElementFormat, elementsOf } from "./json-elements.ts";
import { errorFacts, print, say } from "./output.ts";
import { ProgressBar } from "./progress-bar.ts";

interface Options extends ConnectionOptions, ImportSettings {
  readonly format: ElementFormat;
  readonly createMissing?: true;
}

/** Failures that are told one by one; the summary counts them all. */
const failuresTold = 100;

const help = `
A file that starts with [ is taken for one JSON array, anything else for NDJSON, one document per line. Each document
is stored with its exact text. It is read as it comes, so it may be larger than memory.

A document that can't be stored is named on stderr with the reason. The import then ends after the batch it was in,
or goes on with --keep-going. The exit code is that of the first failure.

Examples:
  $ docdb import app/cities cities.json --create-missing
  $ docdb import app/users users.ndjson --id-field id --replace
  $ zcat users.ndjson.gz | docdb import app/users -
  $ docdb export app/users --with-ids | docdb import copy/users - --with-ids`;

export function addImportCommand(program: Command): void {
  const command = program
    .command("import")
    .description("store the documents of a file: a JSON array or NDJSON")
    .argument("<collection>", addressHelp)
    .argument("<file>", "file to read, or - for stdin")
    .addOption(
      new Option("--format <format>", "how the file is laid out").choices(["auto", "array", "ndjson"]).default("auto"),
    )
    .addOption(new Option("--id-field <name>", "take each document's id from this member of it").conflicts("withIds"))
    .option("--with-ids", "read lines as `docdb export --with-ids` writes them")
    .option("--replace", "replace documents whose id exists (default: they fail)")
    .option("--keep-going", "go on after a document that can't be stored")
    .option("--create-missing", "create the database and the collection when they don't exist")
    .option("--batch-size <count>", "documents to send at a time", parseBatchSize, 500)
    .addHelpText("after", help);
  withConnection(command).action(async (place: string, file: string, options: Options) => {
    const address = parseAddress(place);
    // Before anything is created for it.
    const input = file === "-" ? undefined : await open(file);
    try {
      const total = input === undefined ? undefined : (await input.stat()).size || undefined;
      const chunks = input === undefined ? process.stdin : createReadStream("", { fd: input, autoClose: false });
      await withClient(options, (client) => importAll(client, address, chunks, total, options), { requestIds: false });
    } finally {
      await input?.close();
    }
  });
}

async function importAll(
  client: Client,
  address: CollectionAddress,
  chunks: AsyncIterable<Buffer>,
  total: number | undefined,
  options: Options,
): Promise<void> {
  if (options.createMissing) await createMissing(client, address);
  const bar = new ProgressBar(process.stderr, options.json !== true);
  const told: ImportFailure[] = [];
  const run = new ImportRun(client.database(address.database), address.collection, options, (failure) => {
    if (told.length >= failuresTold) return;
    told.push(failure);
    bar.clear();
    if (!options.json) say(`${failure.place}: ${failure.error.message} (${failure.error.code})`);
  });
  const startMs = performance.now();
  let fatal: DocDBError | undefined;
  try {
    await feed(run, chunks, options.format, (bytes) => bar.show(run.stored, total && bytes / total));
  } catch (error) {
    if (!(error instanceof DocDBError)) throw error;
    fatal = error;
  } finally {
    bar.clear();
  }
  summarize(run, address, told, performance.now() - startMs, options);
  if (fatal !== undefined) throw fatal;
  if (run.firstError !== undefined) process.exitCode = exitCodeOf(run.firstError);
}

/** Takes elements from the stream until it ends or the run wants no more. What was taken is stored, whatever comes. */
async function feed(
  run: ImportRun,
  chunks: AsyncIterable<Buffer>,
  format: ElementFormat,
  progress: (bytes: number) => void,
): Promise<void> {
  let bytes = 0;
  const counted = async function* (): AsyncGenerator<Buffer, void, void> {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      yield chunk;
    }
  };
  try {
    for await (const elements of elementsOf(counted(), format)) {
      for (const element of elements) {
        await run.add(element);
        if (!run.wanted) return;
      }
      progress(bytes);
    }
  } catch (error) {
    // Elements that stood before the place where the array breaks are good.
    await run.flush();
    throw error;
  }
  await run.flush();
}

async function createMissing(client: Client, { database, collection }: CollectionAddress): Promise<void> {
  await client.databases.open(database, { createIfMissing: true });
  if (collection === "_default") return;
  try {
    await client.database(database).collections.create(collection);
  } catch (error) {
    if (!(error instanceof DocDBError && error.code === "COLLECTION_EXISTS")) throw error;
  }
}

function summarize(
  run: ImportRun,
  { database, collection }: CollectionAddress,
  told: readonly ImportFailure[],
  elapsedMs: number,
  options: Options,
): void {
  const { stored, failed } = run;
  if (options.json) {
    const failures = told.map(({ place, error }) => ({ place, ...errorFacts(error) }));
    print(JSON.stringify({ stored, failed, elapsedMs: Math.round(elapsedMs), failures }));
    return;
  }
  if (failed > told.length) say(`… and ${figure(failed - told.length)} more that couldn't be stored.`);
  const seconds = `${(elapsedMs / 1000).toFixed(1)} s`;
  const failures = failed === 0 ? "" : `, ${figure(failed)} failed`;
  say(`Stored ${figure(stored)} documents in ${database}/${collection} in ${seconds}${failures}.`);
}

function figure(count: number): string {
  return count.toLocaleString("en-US");
}

function parseBatchSize(text: string): number {
  return Math.min(parseCount(text), 65_535);
}
