// npm run test:polyglot: uses a real server with the tools and clients of other languages. A line each says ok; skip,
// and why this machine can't try it; or FAIL, and what came instead. Exit code 1 when any line says FAIL.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Bench } from "../test/polyglot/bench.ts";
import { tryGrpcurl } from "../test/polyglot/grpcurl.ts";
import { tryPorcupine } from "../test/polyglot/porcupine.ts";
import { tryPrometheus } from "../test/polyglot/prometheus.ts";
import { tryPython } from "../test/polyglot/python.ts";
import { root } from "./run.ts";

/** All at once: most of their time goes into waiting for what they install. */
const languages = [tryGrpcurl, tryPython, tryPorcupine, tryPrometheus];

const startMs = 20_000;
const stopMs = 15_000;

const interruption = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => interruption.abort());

const directory = await mkdtemp(join(tmpdir(), "docdb-polyglot-"));
try {
  process.exitCode = (await tryLanguages()) > 0 || interruption.signal.aborted ? 1 : 0;
} finally {
  await rm(directory, { recursive: true, force: true, maxRetries: 3 });
}

/** How many lines said FAIL. */
async function tryLanguages(): Promise<number> {
  const socket = join(directory, "docdb.sock");
  const bench = new Bench(directory, socket, interruption.signal);
  const server = startServer(socket);
  try {
    await waitForServer(server.process, socket);
    await Promise.all(languages.map((tryLanguage) => tryLanguage(bench)));
    await bench.check("the server stops in good order", () => stopServer(server.process));
  } catch (error) {
    bench.fail("the server", String(error));
  } finally {
    server.process.kill("SIGKILL");
  }
  if (bench.failures > 0) console.log(`What the server wrote:\n${server.log()}`);
  return bench.failures;
}

function startServer(socket: string): { process: ChildProcess; log: () => string } {
  const args = [join(root, "bin", "docdb.js"), "serve", "--data-dir", join(directory, "data"), "--socket", socket];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  child.stderr.on("data", (chunk) => {
    log += String(chunk);
  });
  return { process: child, log: () => log };
}

async function waitForServer(server: ChildProcess, socket: string): Promise<void> {
  const deadline = performance.now() + startMs;
  while (performance.now() < deadline) {
    if (server.exitCode !== null) throw new Error(`it ended with exit code ${server.exitCode}`);
    if (existsSync(socket)) return;
    await sleep(50);
  }
  throw new Error(`it didn't listen within ${startMs / 1_000} s`);
}

async function stopServer(server: ChildProcess): Promise<string> {
  const exited = once(server, "exit");
  server.kill("SIGTERM");
  const [code] = (await Promise.race([exited, sleep(stopMs, ["no exit"], { ref: false })])) as [unknown];
  if (code !== 0) throw new Error(`on SIGTERM it must end with exit code 0: ${String(code)}`);
  return "exit code 0";
}
