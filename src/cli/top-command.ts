// docdb top: what a server is doing now, drawn anew every second. On a terminal one picture takes the place of the one
// before; into a pipe or a file they follow one another.

import { setTimeout as sleep } from "node:timers/promises";
import { type Command, Option } from "commander";
import type { Client } from "../client/index.ts";
import { type ConnectionOptions, parseCount, parseDuration, withClient, withConnection } from "./connection-options.ts";
import { MetricsChange, MetricsReading } from "./metrics-text.ts";
import { print } from "./output.ts";
import { frameOf } from "./top-frame.ts";

interface TopOptions extends ConnectionOptions {
  readonly interval: number;
  readonly count?: number;
}

const help = `
Rates and latencies are those of the last interval, as the server counted them. q or Ctrl-C ends it.

Examples:
  $ docdb top
  $ docdb top --interval 10s --count 6 > minute.txt`;

/** Control sequences of terminals: another screen without a cursor, and back. */
const [enterScreen, leaveScreen, home, clearRest] = [
  "\u001b[?1049h\u001b[?25l",
  "\u001b[?25h\u001b[?1049l",
  "\u001b[H",
  "\u001b[J",
];

export function addTopCommand(program: Command): void {
  const command = program
    .command("top")
    .description("show what a server is doing: calls, latencies, queues, memory and fsyncs, by database and operation")
    .addOption(
      new Option("--interval <time>", "time between two pictures").argParser(parseDuration).default(1_000, "1s"),
    )
    .addOption(new Option("--count <n>", "pictures after which it ends").argParser(parseCount))
    .addHelpText("after", help);
  withConnection(command).action((options: TopOptions) => withClient(options, (client) => show(client, options)));
}

async function show(client: Client, { interval, count = Number.POSITIVE_INFINITY }: TopOptions): Promise<void> {
  const end = new AbortController();
  const screen = process.stdout.isTTY ? openScreen(end) : undefined;
  try {
    let [before, beforeMs] = [new MetricsReading(await client.metrics()), performance.now()];
    for (let shown = 0; shown < count && !end.signal.aborted; shown++) {
      await sleep(interval, undefined, { signal: end.signal }).catch(() => undefined);
      if (end.signal.aborted) break;
      const [now, nowMs] = [new MetricsReading(await client.metrics()), performance.now()];
      const lines = frameOf(new MetricsChange(before, now, (nowMs - beforeMs) / 1_000));
      if (screen === undefined) print(`${new Date().toISOString()}\n${lines.join("\n")}\n`);
      else screen.draw(lines);
      [before, beforeMs] = [now, nowMs];
    }
  } finally {
    screen?.close();
  }
}

interface Screen {
  draw(lines: readonly string[]): void;
  close(): void;
}

/** Takes the terminal over; `end` is aborted when the user has seen enough. */
function openScreen(end: AbortController): Screen {
  const { stdin, stdout } = process;
  const onKey = (key: Buffer): void => {
    if (["q", "Q", "\u0003"].includes(key.toString())) end.abort();
  };
  const onSignal = (): void => end.abort();
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, onSignal);
  if (stdin.isTTY) stdin.setRawMode(true).on("data", onKey);
  stdout.write(enterScreen);
  return {
    draw(lines) {
      const fitting = lines.slice(0, stdout.rows - 1).map((each) => `${each.slice(0, stdout.columns)}\u001b[K`);
      stdout.write(`${home}${fitting.join("\n")}${clearRest}`);
    },
    close() {
      stdout.write(leaveScreen);
      if (stdin.isTTY) stdin.setRawMode(false).off("data", onKey).pause();
    },
  };
}
