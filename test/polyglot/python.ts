// A Python client, generated from proto/ with what everybody uses for that: grpcio and grpcio-tools.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Bench } from "./bench.ts";

const client = join(import.meta.dirname, "documents.py");
const protocol = join(import.meta.dirname, "..", "..", "proto");
/** googleapis-common-protos has google.rpc.Status and ErrorInfo. */
const packages = ["grpcio", "grpcio-tools", "googleapis-common-protos"];
/** Writes the version of grpcio, and the directory in which google/rpc/status.proto lies. */
const describePackages = `
import pathlib, grpc, grpc_tools.protoc, google.rpc.status_pb2 as status
print(grpc.__version__, pathlib.Path(status.__file__).parents[2], sep="\\n")`;
/** Milliseconds that making an environment and filling it may take. */
const [environmentMs, installMs] = [30_000, 60_000];

/** Uses the server with a generated Python client. */
export async function tryPython(bench: Bench): Promise<void> {
  const python = await findPython(bench);
  if (typeof python !== "string") return bench.skip("Python client", python.missing);
  const generated = join(bench.directory, "generated");
  if (!(await bench.check("Python client is generated from proto/", () => generate(bench, python, generated)))) return;
  const { code, stdout, stderr } = await bench.run(python, [client, bench.socket], {
    env: { PYTHONPATH: generated, PYTHONIOENCODING: "utf-8" },
  });
  // It writes a line for each thing that worked.
  for (const line of stdout.split("\n").filter((text) => text !== "")) bench.ok(`Python client ${line}`);
  if (code !== 0) bench.fail("Python client", `exit code ${code}\n${stderr}`);
}

/** A Python that has the packages: the one that is here, or one in a virtual environment made for this run. */
async function findPython({ run, directory }: Bench): Promise<string | { readonly missing: string }> {
  if ((await run("python3", ["--version"])).code !== 0) return { missing: "there is no python3 here" };
  if ((await run("python3", ["-c", describePackages])).code === 0) return "python3";
  const environment = join(directory, "venv");
  const made = await run("python3", ["-m", "venv", environment], { timeoutMs: environmentMs });
  if (made.code !== 0) return { missing: `python3 -m venv didn't work: ${lastLine(made.stdout + made.stderr)}` };
  const python = join(environment, "bin", "python");
  // Only packages that are built already: to compile grpcio takes many minutes.
  const patience = ["--no-input", "--disable-pip-version-check", "--retries", "1", "--timeout", "10"];
  const install = ["-m", "pip", "install", "--quiet", "--only-binary", ":all:", "--no-compile", ...patience];
  const installed = await run(python, [...install, ...packages], { timeoutMs: installMs });
  if (installed.code !== 0) return { missing: `pip install didn't work: ${lastLine(installed.stderr)}` };
  return python;
}

async function generate({ run }: Bench, python: string, out: string): Promise<string> {
  await mkdir(out);
  const found = await run(python, ["-c", describePackages]);
  const [version, commonProtos] = found.stdout.trim().split("\n");
  if (commonProtos === undefined) throw new Error(found.stderr);
  const sources = ["database", "document", "operations"].map((name) => `docdb/v1/${name}.proto`);
  const args = ["-m", "grpc_tools.protoc", "-I", protocol, "-I", commonProtos, "--python_out", out];
  const { code, stderr } = await run(python, [...args, "--grpc_python_out", out, ...sources]);
  if (code !== 0) throw new Error(`protoc ended with exit code ${code}:\n${stderr}`);
  return `grpcio ${version}`;
}

function lastLine(output: string): string {
  return output.trim().split("\n").at(-1) ?? "";
}
