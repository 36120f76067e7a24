// docdb patch: changes parts of a document and prints its new version.

import { type Command, Option } from "commander";
import { DocDBError, jsonText, type Patch, type PatchOperations } from "../client/index.ts";
import { addressHelp, parseAddress, parseId, parseVersion } from "./address.ts";
import { type ConnectionOptions, withClient, withConnection } from "./connection-options.ts";
import { type DocumentOptions, documentInput } from "./document-input.ts";
import { exitCodes } from "./exit-codes.ts";
import { print, stampFacts } from "./output.ts";

/** Adds one operation to a patch. */
type Step = (patch: PatchOperations) => unknown;

interface Options extends ConnectionOptions, DocumentOptions {
  readonly ifVersion?: string;
  readonly merge?: true;
  readonly jsonPatch?: true;
}

export function addPatchCommand(program: Command): void {
  // Options of different names, in the order in which they were given.
  const steps: Step[] = [];
  const step = (flags: string, description: string, parse: (text: string) => Step): Option =>
    new Option(flags, description).argParser((text: string) => void steps.push(parse(text)));

  const command = program
    .command("patch")
    .description("change parts of a document, all or nothing, and print its new version")
    .argument("<collection>", addressHelp)
    .argument("<id>", "id of the document")
    .argument("[patch]", "with --merge or --json-patch: the patch, or - to read it from stdin")
    .addOption(step("--set <path=json>", "put a value at a path; objects on the way are created", parseSet))
    .addOption(step("--delete <path>", "remove what is at a path", (path) => (patch) => patch.delete(path)))
    .addOption(step("--insert <path=json>", "put a value into an array before an element, or at its end", parseInsert))
    .option("--merge", "the patch is a JSON Merge Patch (RFC 7396)")
    .option("--json-patch", "the patch is a JSON Patch (RFC 6902)")
    .option("--file <path>", "read the patch from a file, or from stdin with -")
    .option("--if-version <version>", "only if the document is at this version (otherwise exit code 6)")
    .addHelpText(
      "after",
      `
Paths are JSON Pointers; --set, --delete and --insert may be repeated and apply in the order given.

Examples:
  $ docdb patch app/users 7 --set '/address/city="London"' --delete /draft
  $ docdb patch app/users 7 --insert '/tags/-="new"' --if-version 12
  $ docdb patch app/users 7 --merge '{"name":"Ada","draft":null}'
  $ docdb patch app/users 7 --json-patch --file changes.json`,
    );
  withConnection(command).action(
    async (place: string, idText: string, argument: string | undefined, options: Options, self: Command) => {
      const { database, collection } = parseAddress(place);
      const id = parseId(idText);
      const ifVersion = options.ifVersion === undefined ? undefined : parseVersion(options.ifVersion);
      const patch = await patchOf(steps, argument, options, self);
      const stamp = await withClient(options, (client) =>
        client.database(database).collection(collection).patch(id, patch, { ifVersion }),
      );
      print(options.json ? JSON.stringify(stampFacts(stamp)) : String(stamp.version));
    },
  );
}

async function patchOf(
  steps: readonly Step[],
  argument: string | undefined,
  options: Options,
  command: Command,
): Promise<Patch> {
  const forms = Number(steps.length > 0) + Number(options.merge === true) + Number(options.jsonPatch === true);
  const hasInput = argument !== undefined || options.file !== undefined;
  if (forms !== 1 || (steps.length > 0 && hasInput)) {
    const message = "error: a patch is either --set, --delete and --insert, or --merge, or --json-patch";
    command.error(message, { exitCode: exitCodes.usage });
  }
  if (steps.length > 0) {
    return (patch) => {
      for (const add of steps) add(patch);
    };
  }
  const text = await documentInput(argument, options, command, "patch");
  return options.merge === true ? { merge: text } : { jsonPatch: text };
}

function parseSet(text: string): Step {
  const [path, value] = parsePair(text);
  return (patch) => patch.set(path, jsonText(value));
}

function parseInsert(text: string): Step {
  const [path, value] = parsePair(text);
  return (patch) => patch.insert(path, jsonText(value));
}

function parsePair(text: string): [path: string, json: string] {
  const at = text.indexOf("=");
  if (at !== -1) return [text.slice(0, at), text.slice(at + 1)];
  const message = `${JSON.stringify(text)} has no "=": write the path, "=" and the JSON value, as in '/name="Ada"'.`;
  throw new DocDBError("INVALID_PATH", message);
}
