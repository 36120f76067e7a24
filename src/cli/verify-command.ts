// docdb verify: has a server read every byte of a database's files, while it goes on serving it.

import type { Command } from "commander";
import { type ConnectionOptions, withClient, withConnection } from "./connection-options.ts";
import { Findings } from "./findings.ts";
import { ProgressBar } from "./progress-bar.ts";

const help = `
It changes nothing. What it finds in documents is healed by \`docdb heal\`, or by the next read of them.

Examples:
  $ docdb verify app
  $ docdb verify app --json | jq -r .message`;

export function addVerifyCommand(program: Command): void {
  const command = program
    .command("verify")
    .description("read every byte of a database's files and tell what is damaged")
    .argument("<database>", "name of the database")
    .addHelpText("after", help);
  withConnection(command).action(async (name: string, options: ConnectionOptions) => {
    const findings = new Findings(options.json === true);
    const bar = new ProgressBar(process.stderr, options.json !== true);
    await withClient(options, async (client) => {
      for await (const progress of client.database(name).verify()) {
        bar.clear();
        for (const finding of progress.findings) findings.add(finding);
        const part = Number(progress.bytesChecked) / Math.max(1, Number(progress.bytesTotal));
        if (!progress.done) bar.show(Number(progress.recordsChecked), part);
      }
    });
    process.exitCode = findings.end(`Database ${name}`);
  });
}
