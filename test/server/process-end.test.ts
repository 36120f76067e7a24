// How the process of a server ends when something goes wrong, or somebody is in a hurry.

import { spawn } from "node:child_process";
import { once } from "node:events";
import test from "ava";

const url = (path: string): string => JSON.stringify(new URL(`../../src/server/${path}`, import.meta.url).href);

/** Runs a program that has imported both ends, and returns its exit code and stderr; `signals` are sent as it asks. */
async function run(body: string, signals: readonly NodeJS.Signals[] = []) {
  const code = `
    import { endOnDefects, firstSignal } from ${url("process-end.ts")};
    import { openLog } from ${url("../observability/log.ts")};
    const log = await openLog("info", "json");
    ${body}`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: ["ignore", "pipe", "pipe"] });
  const errors: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (text: string) => errors.push(text));
  const waiting = [...signals];
  child.stdout.on("data", () => {
    const signal = waiting.shift();
    if (signal !== undefined) child.kill(signal);
  });
  const [exitCode] = (await once(child, "close")) as [number | null];
  return { exitCode, stderr: errors.join("") };
}

const waits = `
  setInterval(() => undefined, 1000);
  const first = firstSignal();
  console.log("ready");
  console.log(await first);`;

test("a second signal ends the process at once, with the code of that signal", async (t) => {
  t.is((await run(waits, ["SIGTERM", "SIGTERM"])).exitCode, 143);
  t.is((await run(waits, ["SIGTERM", "SIGINT"])).exitCode, 130);
  t.is((await run(waits, ["SIGHUP", "SIGHUP"])).exitCode, 129);
});

test("an exception that nobody caught is logged and ends the process with 1", async (t) => {
  const body = 'endOnDefects(log); setTimeout(() => { throw new TypeError("a defect"); }, 1);';
  const { exitCode, stderr } = await run(body);
  t.is(exitCode, 1);
  const line = JSON.parse(stderr) as Record<string, string>;
  t.like(line, { level: "error", message: "uncaught exception" });
  t.regex(line["error"] ?? "", /TypeError: a defect/);
});

test("a rejection that nobody handled is logged and ends the process with 1", async (t) => {
  const { exitCode, stderr } = await run('endOnDefects(log); Promise.reject(new Error("lost"));');
  t.is(exitCode, 1);
  t.regex(stderr, /"level":"error".*"error":"Error: lost.*"message":"unhandled rejection"/);
});
