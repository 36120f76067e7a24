// docdb inspect: prints what a file of a data directory says, readably. Nothing is changed, and no server is needed.

import { type Command, InvalidArgumentError, Argument } from "commander";
import { type Inspectable, inspectable, inspectFile } from "../offline/inspect-file.ts";
import type { Piece } from "../offline/inspected-piece.ts";
import { exitCodes } from "./exit-codes.ts";
import { standardOutput } from "./output.ts";

interface InspectOptions {
  readonly json?: true;
  readonly from: number;
  readonly limit: number;
  readonly content?: true;
}

/** Characters of a content that are shown. */
const previewLength = 60;

const help = `
Each line has offset, length, kind, and what stands there. \`damage\` is bytes that are no record; \`resumes\` is where
the next sound one begins. Documents are shown only with --content, shortened to ${previewLength} characters. The exit
code is ${exitCodes.damaged} when something that was printed is damaged. A file that a server writes to may end in half
a record.

Examples:
  $ docdb inspect wal /var/lib/docdb/wal/app.wal
  $ docdb inspect data /var/lib/docdb/data/app.data --from 4096 --limit 20 --content
  $ docdb inspect index /var/lib/docdb/data/app.index --json | jq -c 'select(.what == "collection")'
  $ docdb inspect catalog /var/lib/docdb/.catalog`;

export function addInspectCommand(program: Command): void {
  program
    .command("inspect")
    .description("print the records of a file of a data directory")
    .addArgument(new Argument("<kind>", "what kind of file it is").choices(inspectable))
    .argument("<file>", "the file")
    .option("--json", "print JSON, one object a line")
    .option("--from <offset>", "begin with what stands at this offset or behind it", countOf, 0)
    .option("--limit <n>", "print at most so many lines", countOf, Number.POSITIVE_INFINITY)
    .option("--content", "show the beginning of each content")
    .addHelpText("after", help)
    .action(async (kind: Inspectable, path: string, options: InspectOptions) => {
      const output = standardOutput();
      let left = options.limit;
      for await (const piece of inspectFile(kind, path)) {
        if ((piece.offset ?? options.from) < options.from) continue;
        if (left-- <= 0) break;
        if (isDamaged(piece)) process.exitCode = exitCodes.damaged;
        const shown = options.content === true ? previewOf(piece) : undefined;
        await output.write(`${options.json === true ? asJson(piece, shown) : asLine(piece, shown)}\n`);
      }
    });
}

function isDamaged({ what, facts }: Piece): boolean {
  return what === "damage" || (facts["checksum"] ?? "ok") !== "ok";
}

function previewOf({ content }: Piece): string | undefined {
  if (content === undefined || content.length === 0) return undefined;
  // No character takes more than 4 bytes.
  const text = Buffer.from(content.subarray(0, previewLength * 4 + 4)).toString("utf8");
  const characters = Array.from(text);
  return characters.length <= previewLength ? text : `${characters.slice(0, previewLength - 1).join("")}…`;
}

function asJson({ offset, length, what, facts }: Piece, content: string | undefined): string {
  return JSON.stringify({ offset, length, what, ...facts, content });
}

function asLine({ offset, length, what, facts }: Piece, content: string | undefined): string {
  const place = `${String(offset ?? "-").padStart(10)} ${String(length ?? "-").padStart(8)}`;
  const said = Object.entries(facts).map(([name, value]) => `${name}=${quoted(String(value))}`);
  if (content !== undefined) said.push(`content=${JSON.stringify(content)}`);
  return `${place} ${what.padEnd(16)} ${said.join(" ")}`.trimEnd();
}

/** Values with blanks, or with characters that would do something to a terminal, in quotes. */
function quoted(value: string): string {
  return /^[\w.,:-]+$/.test(value) ? value : JSON.stringify(value);
}

function countOf(text: string): number {
  const value = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw new InvalidArgumentError("It must be a whole number of at least 0.");
  return value;
}
