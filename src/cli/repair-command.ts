// docdb repair: mends a data directory that no server uses, after telling what would be lost.

import type { Command } from "commander";
import { type Proposal, repairDirectory, type RepairOutcome } from "../offline/repair-directory.ts";
import { confirmed } from "./confirmation.ts";
import { exitCodes } from "./exit-codes.ts";
import { Findings } from "./findings.ts";
import { print, say } from "./output.ts";

interface RepairOptions {
  readonly database?: string;
  readonly yes?: true;
  readonly json?: true;
}

const help = `
It says what is damaged, what it would do and exactly what would be lost, and asks. Files that it changes are copied
to <directory>/repair-<time>/ before. What it can't mend it leaves alone, and says so. See docs/repair.md.

Examples:
  $ docdb check /var/lib/docdb
  $ docdb repair /var/lib/docdb
  $ docdb repair /var/lib/docdb --database app --yes`;

export function addRepairCommand(program: Command): void {
  program
    .command("repair")
    .description("mend a damaged data directory that no server uses")
    .argument("<directory>", "the data directory")
    .option("--database <name>", "mend only this database")
    .option("--yes", "don't ask; needed where there is no terminal to ask on")
    .option("--json", "print what it does as JSON, one object a line")
    .addHelpText("after", help)
    .action(async (directory: string, options: RepairOptions) => {
      const json = options.json === true;
      const agrees = async (proposal: Proposal): Promise<boolean> => {
        tell(proposal, json);
        if (options.yes === true) return true;
        const agreed = await confirmed("Type yes to do this: ", "yes");
        if (agreed !== undefined) return agreed;
        say("There is no terminal to ask on: add --yes to do this.");
        return false;
      };
      const { proposal, repaired, findings } = await repairDirectory(directory, options.database, agrees);
      if (proposal.steps.length === 0) tell(proposal, json);
      end(directory, proposal, repaired, findings, json);
    });
}

function tell({ findings, steps, refusals, losses, folder }: Proposal, json: boolean): void {
  if (json) {
    for (const finding of findings) printFact({ found: finding });
    for (const step of steps) printFact({ step });
    for (const loss of losses) printFact({ loss });
    for (const refusal of refusals) printFact({ refusal });
    return;
  }
  const printer = new Findings(false);
  for (const finding of findings) if (finding.severity !== "info") printer.add(finding);
  for (const refusal of refusals) print(`refused ${refusal}`);
  for (const step of steps) print(`step    ${step}`);
  for (const loss of losses) print(`loss    ${placeOf(loss)}: ${loss.message}`);
  if (steps.length > 0) print(`Copies of what changes go to ${folder}.`);
}

function placeOf({ database, collection }: Proposal["losses"][number]): string {
  return collection === "" ? database : `${database}/${collection}`;
}

function end(
  directory: string,
  { steps, refusals, folder }: Proposal,
  repaired: boolean,
  findings: RepairOutcome["findings"],
  json: boolean,
): void {
  if (steps.length > 0 && !repaired) {
    say("Nothing was changed.");
    process.exitCode = exitCodes.failure;
    return;
  }
  const after = new Findings(json);
  if (repaired) {
    if (json) printFact({ repaired: directory, copies: folder });
    else say(`Repaired ${directory}. The check after it:`);
    for (const finding of findings) if (json || finding.severity !== "info") after.add(finding);
    process.exitCode = after.end(directory);
  } else if (refusals.length === 0) {
    say(`${directory}: there is nothing to repair.`);
  }
  if (refusals.length > 0) process.exitCode = exitCodes.damaged;
}

function printFact(fact: object): void {
  print(JSON.stringify(fact, (_name, value: unknown) => (typeof value === "bigint" ? String(value) : value)));
}
