// docdb check: verifies a data directory that no server uses, and changes none of its bytes.

import type { Command } from "commander";
import { checkDirectory } from "../offline/check-directory.ts";
import { Findings } from "./findings.ts";

const help = `
It reads the catalog and every byte of every database's files. A directory that a server uses is refused: use
\`docdb verify\` there.

Examples:
  $ docdb check /var/lib/docdb
  $ docdb check /var/lib/docdb --json | jq -r 'select(.severity == "error").file'`;

export function addCheckCommand(program: Command): void {
  program
    .command("check")
    .description("read every byte of a data directory that no server uses, and tell what is damaged")
    .argument("<directory>", "the data directory")
    .option("--json", "print findings as JSON, one a line")
    .addHelpText("after", help)
    .action(async (directory: string, options: { readonly json?: true }) => {
      const findings = new Findings(options.json === true);
      const found = (finding: Parameters<Findings["add"]>[0]): Promise<void> => Promise.resolve(findings.add(finding));
      await checkDirectory(directory, { found, checked: () => undefined });
      process.exitCode = findings.end(directory);
    });
}
