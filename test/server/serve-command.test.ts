// `docdb serve` as a program: what it prints, how it ends, and with which exit code.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { DatabaseServiceService } from "../../gen/docdb/v1/database.ts";
import { HealthService } from "../../gen/health/v1/health.ts";
import { adviceOnNode } from "../../src/server/node-version.ts";
import { call } from "../rpc/calls.ts";
import { clientOf, temporaryDirectory } from "./temporary-server.ts";

const program = new URL("../../bin/docdb.js", import.meta.url).pathname;

interface Program {
  readonly process: ChildProcess;
  /** Resolves with the first line on stdout. */
  readonly listening: Promise<string>;
  /** Resolves when the program has ended. */
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
}

function serve(t: ExecutionContext, args: readonly string[], cwd = process.cwd()): Program {
  const child = spawn(process.execPath, [program, "serve", ...args], { cwd, stdio: ["ignore", "pipe", "pipe"] });
  t.teardown(() => child.kill("SIGKILL"));
  const [output, errors] = [new Array<string>(), new Array<string>()];
  child.stderr.setEncoding("utf8").on("data", (text: string) => errors.push(text));
  const listening = new Promise<string>((resolve) => {
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output.push(text);
      if (text.includes("\n")) resolve(output.join(""));
    });
  });
  const ended = once(child, "close").then(([code]) => {
    return { code: code as number | null, stdout: output.join(""), stderr: errors.join("") };
  });
  return { process: child, listening, ended };
}

test("it says in one line where it listens, warns of an old Node in another, and SIGTERM ends it with 0", async (t) => {
  const directory = await temporaryDirectory(t);
  const [data, socket] = [join(directory, "data"), join(directory, "s")];
  const server = serve(t, ["--data-dir", data, "--socket", socket, "--fsync-mode", "always"]);
  const line = await server.listening;
  t.regex(line, /^DocDB \d+\.\d+\.\d+ listening on \S+ \(data in \S+, fsync always\)\n$/);
  t.true(line.includes(socket) && line.includes(data));
  const client = clientOf(t, socket);
  await call(client, DatabaseServiceService.createDatabase, { database: "d" });
  server.process.kill("SIGTERM");
  const { code, stdout, stderr } = await server.ended;
  t.is(code, 0);
  t.is(stdout, line);
  t.false(existsSync(socket));
  const warnings = stderr.split("\n").filter((each) => each.includes('"level":"warn"'));
  const messages = warnings.map((each) => (JSON.parse(each) as { message: string }).message);
  t.deepEqual(messages, [adviceOnNode(process.versions.node)].filter(Boolean));
});

for (const signal of ["SIGINT", "SIGHUP"] as const) {
  test(`${signal} ends it with 0 too`, async (t) => {
    const directory = await temporaryDirectory(t);
    const server = serve(t, ["--data-dir", directory, "--socket", join(directory, "s")]);
    await server.listening;
    server.process.kill(signal);
    t.is((await server.ended).code, 0);
  });
}

test("after a SIGKILL the next one replaces the socket that was left", async (t) => {
  const directory = await temporaryDirectory(t);
  const socket = join(directory, "s");
  const args = ["--data-dir", join(directory, "data"), "--socket", socket];
  const first = serve(t, args);
  await first.listening;
  first.process.kill("SIGKILL");
  await first.ended;
  t.true(existsSync(socket));
  const second = serve(t, args);
  await second.listening;
  t.is((await call(clientOf(t, socket), HealthService.check, { service: "" })).status, 1);
});

test("a second one on the same data directory ends with 6 and one clear line", async (t) => {
  const directory = await temporaryDirectory(t);
  const data = join(directory, "data");
  const first = serve(t, ["--data-dir", data, "--socket", join(directory, "s")]);
  await first.listening;
  const second = await serve(t, ["--data-dir", data, "--socket", join(directory, "s2")]).ended;
  t.is(second.code, 6);
  t.is(second.stdout, "");
  t.regex(second.stderr, /^docdb: can't start: Another DocDB server uses the data directory \S+\. .*\n$/);
  t.false(existsSync(join(directory, "s2")));
  first.process.kill("SIGTERM");
  t.is((await first.ended).code, 0);
});

test("one that can't start ends with 1 and one clear line", async (t) => {
  const directory = await temporaryDirectory(t);
  const ended = await serve(t, ["--data-dir", directory, "--socket", join(directory, "none", "s")]).ended;
  t.is(ended.code, 1);
  t.regex(ended.stderr, /^docdb: can't start: The socket's directory \S+ doesn't exist: create it first\.\n$/);
  const socket = join(directory, "s");
  const file = await serve(t, ["--data-dir", import.meta.filename, "--socket", socket]).ended;
  t.is(file.code, 1);
  t.regex(file.stderr, /^docdb: can't start: The data directory \S+ can't be used: EEXIST: [^\n]+\.\n$/);
});

const badFlags: Readonly<Record<string, readonly string[]>> = {
  "--slots": ["0", "1.5", "-1", "many", "1025"],
  "--fsync-mode": ["sometimes"],
  "--fsync-interval-ms": ["0"],
  "--queue-per-database": ["0x10"],
  "--max-connections": [""],
  "--max-concurrent-streams": ["1e3"],
  "--log-level": ["loud"],
  "--log-format": ["xml"],
  "--metrics": ["yes"],
  "--metrics-address": ["9464", "[::1]", "localhost:99999"],
  "--slow-operation-ms": ["-1"],
  "--data-dir": [""],
  "--socket": ["", `/tmp/${"s".repeat(103)}`],
};

for (const [flag, values] of Object.entries(badFlags)) {
  test(`a bad ${flag} ends it with 2, naming the flag, the value and what is allowed`, async (t) => {
    for (const value of values) {
      const { code, stderr, stdout } = await serve(t, [`${flag}=${value}`], await temporaryDirectory(t)).ended;
      t.is(code, 2, stderr);
      t.is(stdout, "");
      t.true(stderr.includes(flag) && stderr.includes(value), stderr);
      t.regex(stderr, /must (be|have|not)/);
    }
  });
}
