// The configuration file of `docdb serve`: JSON, one member a setting, named as `--print-config` names them. A flag or
// a DOCDB_* variable that is set goes before it; a name or a value that can't be used is refused, never passed over.

import { readFile } from "node:fs/promises";
import { type Command, InvalidArgumentError, type Option } from "commander";
import { DocDBError } from "../base/errors.ts";

/** Options that say where settings come from or what to do with them, and are none themselves. */
const notSettings: readonly string[] = ["config", "printConfig", "help"];

/** Gives the command what the file says for every option that neither a flag nor a variable has set. */
export async function applyConfigFile(command: Command, path: string): Promise<void> {
  const settings = new Map(settingsOf(command).map((option) => [option.attributeName(), option]));
  for (const [key, value] of Object.entries(await readMembers(path))) {
    const option = settings.get(key);
    if (option === undefined)
      throw unusable(path, `it has no setting ${key}. There are ${[...settings.keys()].join(", ")}`);
    const parsed = parse(path, key, option, value);
    if (command.getOptionValueSource(key) === "default") command.setOptionValueWithSource(key, parsed, "config");
  }
}

/** What is in force, as a configuration file would say it. */
export function printedConfig(command: Command): string {
  const members = settingsOf(command).map((option) => [
    option.attributeName(),
    command.getOptionValue(option.attributeName()) as unknown,
  ]);
  return `${JSON.stringify(Object.fromEntries(members), null, 2)}\n`;
}

function settingsOf(command: Command): Option[] {
  return command.options.filter((option) => !notSettings.includes(option.attributeName()));
}

async function readMembers(path: string): Promise<object> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw unusable(path, `it can't be read: ${(error as Error).message}`, error);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw unusable(path, `it isn't JSON: ${(error as Error).message}`, error);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw unusable(path, "it must hold one JSON object, with a member for each setting");
}

/** Judges a value as the flag would. */
function parse(path: string, key: string, option: Option, value: unknown): unknown {
  const text = typeof value === "string" || typeof value === "number" || typeof value === "boolean";
  try {
    if (!text) throw new InvalidArgumentError("It must be a string, a number or a boolean.");
    return option.parseArg?.(String(value), undefined) ?? String(value);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw unusable(path, `setting ${key} can't be ${JSON.stringify(value)}. ${error.message}`, error);
  }
}

function unusable(path: string, why: string, cause?: unknown): DocDBError {
  const message = `The configuration file ${path} can't be used: ${why}`;
  return new DocDBError("INVALID_SETTING", message.endsWith(".") ? message : `${message}.`, { cause });
}
