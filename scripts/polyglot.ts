// npm run test:polyglot: uses a real server with the tools and clients of other languages. What this machine lacks is
// skipped, and the output says so. Exit code 1 when anything that ran has failed.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { existing, root, run } from "./run.ts";

/** What a tool is used for, once it is found and a server listens on the socket. Throws when something is wrong. */
interface Check {
  readonly name: string;
  /** How to start the tool, or why it can't be used here. */
  readonly find: () => Promise<{ readonly command: string } | { readonly missing: string }>;
  readonly run: (command: string, socket: string) => Promise<void>;
}

const grpcurlModule = "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3";

const checks: readonly Check[] = [{ name: "grpcurl lists every service", find: findGrpcurl, run: listServices }];

const entry = existing(["src/cli/main.ts", "dist/src/cli/main.js"]);
if (entry.length === 0) {
  console.log("skip everything: there is no server yet (src/cli/main.ts)");
} else {
  process.exitCode = await runChecks();
}
await reportPython();

async function runChecks(): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), "docdb-polyglot-"));
  const socket = join(directory, "docdb.sock");
  const server = startServer(join(directory, "data"), socket);
  let failures = 0;
  try {
    await waitForServer(server, socket);
    for (const check of checks) failures += (await runCheck(check, socket)) ? 0 : 1;
    failures += (await stopServer(server)) ? 0 : 1;
  } catch (error) {
    console.log(`FAIL ${String(error)}`);
    failures++;
  } finally {
    server.kill("SIGKILL");
    await rm(directory, { recursive: true, force: true });
  }
  return failures > 0 ? 1 : 0;
}

async function runCheck(check: Check, socket: string): Promise<boolean> {
  const tool = await check.find();
  if ("missing" in tool) {
    console.log(`skip ${check.name}: ${tool.missing}`);
    return true;
  }
  try {
    await check.run(tool.command, socket);
    console.log(`ok   ${check.name}`);
    return true;
  } catch (error) {
    console.log(`FAIL ${check.name}\n${String(error)}`);
    return false;
  }
}

async function findGrpcurl(): Promise<{ command: string } | { missing: string }> {
  const built = join(tmpdir(), "docdb-tools");
  for (const command of ["grpcurl", join(homedir(), "go", "bin", "grpcurl"), join(built, "grpcurl")]) {
    if ((await run(command, ["-version"])).code === 0) return { command };
  }
  const go = await run("go", ["version"]);
  if (go.code !== 0) return { missing: "neither grpcurl nor go, which could build it, is here" };
  const install = await run("env", [`GOBIN=${built}`, "go", "install", grpcurlModule]);
  if (install.code === 0) return { command: join(built, "grpcurl") };
  return { missing: `go install failed: ${install.output.trim().split("\n").at(-1)}` };
}

async function listServices(grpcurl: string, socket: string): Promise<void> {
  const { code, output } = await run(grpcurl, ["-plaintext", "-unix", socket, "list"]);
  if (code !== 0) throw new Error(`grpcurl ended with exit code ${code}:\n${output}`);
  const listed = output.trim().split("\n");
  const ours = ["Collection", "Database", "Document", "Healing", "Operations", "Transaction"];
  const wanted = [
    ...ours.map((name) => `docdb.v1.${name}Service`),
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
  ];
  const missing = wanted.filter((name) => !listed.includes(name));
  if (missing.length > 0) throw new Error(`not listed: ${missing.join(", ")}; listed:\n${output}`);
}

async function reportPython(): Promise<void> {
  const { code, output } = await run("python3", ["-c", "import grpc, grpc_tools; print(grpc.__version__)"]);
  const lacking = "python3 has no grpcio with grpcio-tools";
  console.log(`skip the Python client: ${code === 0 ? `no test uses grpcio ${output.trim()} yet` : lacking}`);
}

function startServer(dataDirectory: string, socket: string): ChildProcess {
  const args = [join(root, "bin", "docdb.js"), "serve", "--data-dir", dataDirectory, "--socket", socket];
  return spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
}

async function waitForServer(server: ChildProcess, socket: string): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (performance.now() < deadline) {
    if (server.exitCode !== null) throw new Error(`the server ended with exit code ${server.exitCode}`);
    if (existsSync(socket)) return;
    await sleep(50);
  }
  throw new Error("the server didn't listen within 30 s");
}

async function stopServer(server: ChildProcess): Promise<boolean> {
  const exited = once(server, "exit");
  server.kill("SIGTERM");
  const [code] = (await Promise.race([exited, sleep(15_000, ["no exit"], { ref: false })])) as [unknown];
  if (code !== 0) console.log(`FAIL the server stops on SIGTERM with exit code 0: ${String(code)}`);
  return code === 0;
}
