// Where settings come from: flags, variables, a configuration file, defaults, in this order.

import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { temporaryDirectory } from "./temporary-server.ts";

const program = new URL("../../bin/docdb.js", import.meta.url).pathname;

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function serve(args: readonly string[], variables: Readonly<Record<string, string>> = {}): Ended {
  const env = { ...process.env, ...variables };
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, "serve", ...args], {
    env,
    encoding: "utf8",
  });
  return { code: status, stdout, stderr };
}

function printed(args: readonly string[], variables: Readonly<Record<string, string>> = {}): Record<string, unknown> {
  return JSON.parse(serve([...args, "--print-config"], variables).stdout) as Record<string, unknown>;
}

async function configFile(t: ExecutionContext, content: string): Promise<string> {
  const path = join(await temporaryDirectory(t), "docdb.json");
  await writeFile(path, content);
  return path;
}

test("a flag goes before a variable, a variable before the file, and the file before the default", async (t) => {
  const config = await configFile(t, JSON.stringify({ slots: 5, queuePerDatabase: 50, maxConnections: 500 }));
  const variables = { DOCDB_SLOTS: "6", DOCDB_QUEUE_PER_DATABASE: "60", DOCDB_CONFIG: config };
  const settings = printed(["--slots", "7"], variables);
  t.like(settings, { slots: 7, queuePerDatabase: 60, maxConnections: 500, fsyncMode: "group" });
});

test("what --print-config prints is a configuration file that says the same", async (t) => {
  const settings = printed(["--fsync-mode", "interval", "--trim-after-checkpoint", "false"]);
  const config = await configFile(t, JSON.stringify(settings));
  t.deepEqual(printed(["--config", config]), settings);
});

test("every setting has a variable, which is judged as the flag is", (t) => {
  for (const key of Object.keys(printed([]))) {
    if (key === "dataDir") continue;
    const variable = `DOCDB_${key.replaceAll(/[A-Z]/g, "_$&").toUpperCase()}`;
    const { code, stderr } = serve([], { [variable]: key === "socket" ? "x".repeat(200) : "nonsense" });
    t.is(code, 2, key);
    t.true(stderr.includes(variable), stderr);
  }
});

test("a file that can't be used is refused with the setting, the value and what is allowed", async (t) => {
  const cases: [string, RegExp][] = [
    ['{"slots": 0}', /setting slots can't be 0\. It must be an integer from 1 to 1024\./],
    [
      '{"fsyncMode": "sometimes"}',
      /setting fsyncMode can't be "sometimes"\. It must be group, always, interval or none\./,
    ],
    ['{"slots": [4]}', /setting slots can't be \[4\]\. It must be a string, a number or a boolean\./],
    ['{"slot": 4}', /it has no setting slot\. There are dataDir, socket, /],
    ["[]", /it must hold one JSON object/],
    ["{", /it isn't JSON/],
  ];
  for (const [content, message] of cases) {
    const { code, stdout, stderr } = serve(["--config", await configFile(t, content)]);
    t.is(code, 2);
    t.is(stdout, "");
    t.regex(stderr, message);
    t.regex(stderr, /docdb\.json can't be used/);
  }
  t.regex(serve(["--config", "/nowhere/docdb.json"]).stderr, /\/nowhere\/docdb\.json can't be used: it can't be read/);
});
