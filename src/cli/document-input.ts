// The document that a command stores: an argument, a file, or stdin, in each case its exact text.

import { isUtf8 } from "node:buffer";
import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { type Command, Option } from "commander";
import { DocDBError, type JsonText, jsonText } from "../client/index.ts";
import { exitCodes } from "./exit-codes.ts";

export interface DocumentOptions {
  readonly file?: string;
}

/** Adds the argument `[json]` and the option `--file` to a command. */
export function withDocument(command: Command): Command {
  return command
    .argument("[json]", "the document: any JSON value, or - to read it from stdin")
    .addOption(new Option("--file <path>", "read the document from a file, or from stdin with -"));
}

/**
 * The text of a document, or of `what` is given like one. White space around it, as the newline at a file's end, isn't
 * part of it.
 */
export async function documentInput(
  argument: string | undefined,
  options: DocumentOptions,
  command: Command,
  what = "document",
): Promise<JsonText> {
  if (argument !== undefined && options.file !== undefined) {
    command.error(`error: give the ${what} as an argument or with --file, not both`, { exitCode: exitCodes.usage });
  }
  const source = options.file ?? argument;
  if (source === undefined) {
    const message = `error: missing ${what}: give it as an argument, with --file, or - for stdin`;
    command.error(message, { exitCode: exitCodes.usage });
  }
  if (source !== "-" && options.file === undefined) return jsonText(source);
  const bytes = source === "-" ? await buffer(process.stdin) : await readFile(source);
  if (!isUtf8(bytes)) {
    throw new DocDBError("INVALID_UTF8", `${source === "-" ? "stdin" : source} is not UTF-8 text.`);
  }
  return jsonText(bytes.toString("utf8").trim());
}
