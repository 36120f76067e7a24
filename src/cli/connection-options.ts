// The options that every command which talks to a server takes, and the connection they make.

import { type Command, InvalidArgumentError, Option } from "commander";
import { type Client, connect, defaultSocket } from "../client/index.ts";

export interface ConnectionOptions {
  readonly socket: string;
  readonly deadline: number;
  readonly json?: true;
}

const unitsMs: Readonly<Record<string, number>> = { "": 1, ms: 1, s: 1_000, m: 60_000 };

/** Adds `--socket`, `--deadline` and `--json` to a command. */
export function withConnection(command: Command): Command {
  for (const option of connectionOptions()) command.addOption(option);
  return command;
}

/**
 * Adds the same options to the program, to be given before the command. What the command itself is given comes first.
 */
export function withGlobalConnection(program: Command): Command {
  for (const option of connectionOptions()) program.addOption(option);
  return program.enablePositionalOptions().hook("preAction", (_, command) => {
    for (const option of command.options) {
      const name = option.attributeName();
      if (program.getOptionValueSource(name) !== "cli" || command.getOptionValueSource(name) === "cli") continue;
      command.setOptionValueWithSource(name, program.getOptionValue(name), "cli");
    }
  });
}

function connectionOptions(): Option[] {
  return [
    new Option("--socket <path>", "the server's Unix socket").env("DOCDB_SOCKET").default(defaultSocket),
    new Option("--deadline <time>", "give up a call after this long: 500ms, 30s, 2m")
      .argParser(parseDuration)
      .default(30_000, "30s"),
    new Option("--json", "print what programs read: JSON on stdout, errors as JSON on stderr"),
  ];
}

/**
 * Does some work over a connection, and closes it. Mutations are repeated when their answer was lost, unless there are
 * so many that `requestIds` would cost too much.
 */
export async function withClient<Result>(
  { socket, deadline: deadlineMs }: ConnectionOptions,
  work: (client: Client) => Promise<Result>,
  { requestIds }: { readonly requestIds: boolean } = { requestIds: true },
): Promise<Result> {
  await using client = await connect({ socket, deadlineMs, requestIds });
  return await work(client);
}

/** Reads a positive whole number, for options. */
export function parseCount(text: string): number {
  const count = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (count >= 1) return count;
  throw new InvalidArgumentError("It must be a whole number from 1.");
}

/** Reads a time with its unit, in milliseconds, for options. */
export function parseDuration(text: string): number {
  const [, amount = "", unit = ""] = /^(\d{1,9})(ms|s|m|)$/.exec(text) ?? [];
  if (amount !== "") return Number(amount) * (unitsMs[unit] ?? 1);
  throw new InvalidArgumentError("It must be a time such as 500ms, 30s or 2m.");
}
