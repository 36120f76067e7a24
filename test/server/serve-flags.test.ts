// What the flags of `docdb serve` mean, and that docs/configuration.md has them all.

import { readFile } from "node:fs/promises";
import test from "ava";
import { Command, CommanderError } from "commander";
import { defaultOptions } from "../../src/server/options.ts";
import { optionsOf, type ServeFlags, serveFlags } from "../../src/server/serve-flags.ts";

const mebibyte = 1024 * 1024;

/** What a command line says; throws commander's error when it makes no sense. */
function parse(...args: string[]): ServeFlags {
  const command = new Command("serve").exitOverride().configureOutput({ writeErr: () => undefined });
  for (const option of serveFlags()) command.addOption(option);
  return command.parse(args, { from: "user" }).opts<ServeFlags>();
}

test("without flags a server gets the defaults", (t) => {
  t.deepEqual(optionsOf(parse()), defaultOptions);
  t.is(defaultOptions.segmentBytes, 64 * mebibyte);
  t.is(defaultOptions.checkpointBytes, 64 * mebibyte);
  t.true(defaultOptions.trimAfterCheckpoint);
  t.is(defaultOptions.keepSegments, 2);
  t.is(defaultOptions.compactionBytes, 100 * mebibyte);
  t.is(defaultOptions.compactionDeadRatio, 0.3);
});

test("the settings of the WAL and of compaction reach the server in bytes", (t) => {
  const wal = ["--wal-max-file-size-mb=1", "--checkpoint-interval-mb=256", "--trim-after-checkpoint=false"];
  const rest = ["--wal-keep-segments=0", "--compaction-min-size-mb=5", "--compaction-dead-ratio=.5"];
  const options = optionsOf(parse(...wal, ...rest));
  t.like(options, {
    segmentBytes: mebibyte,
    checkpointBytes: 256 * mebibyte,
    trimAfterCheckpoint: false,
    keepSegments: 0,
    compactionBytes: 5 * mebibyte,
    compactionDeadRatio: 0.5,
  });
});

const bad: Readonly<Record<string, readonly string[]>> = {
  "--wal-max-file-size-mb": ["0", "1025", "64MB", "1.5"],
  "--checkpoint-interval-mb": ["0", "65537", ""],
  "--trim-after-checkpoint": ["yes", "TRUE", "1"],
  "--wal-keep-segments": ["-1", "10001", "two"],
  "--compaction-min-size-mb": ["0", "1048577"],
  "--compaction-dead-ratio": ["0", "1.1", "30%", "NaN", "-0.3", "1e-1"],
};

for (const [flag, values] of Object.entries(bad)) {
  test(`a bad ${flag} is refused with the flag, the value and what is allowed`, (t) => {
    for (const value of values) {
      const error = t.throws(() => parse(`${flag}=${value}`), { instanceOf: CommanderError }, value);
      t.true(error.message.includes(flag) && error.message.includes(`'${value}'`), error.message);
      t.regex(error.message, /It must be (an integer|a number) from \S+ to \S+\.$|It must be true or false\.$/);
      t.is(error.exitCode, 2);
    }
  });
}

test("docs/configuration.md has every flag with its default", async (t) => {
  const text = await readFile(new URL("../../docs/configuration.md", import.meta.url), "utf8");
  for (const option of serveFlags()) {
    const row = text.split("\n").find((line) => line.startsWith(`| \`${option.long}\` |`));
    const shown = option.defaultValue === undefined ? "none" : `\`${String(option.defaultValue)}\``;
    t.true(row?.includes(`| ${shown} |`), `${option.long} ${String(option.defaultValue)}`);
  }
});
