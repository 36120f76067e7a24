// grpcurl: what most people try first. It is written in Go, with Go's gRPC.

import { homedir } from "node:os";
import { join } from "node:path";
import { callRpcs, rpcs } from "./every-rpc.ts";
import { type JsonCaller, type JsonFailure, messagesIn, told } from "./json-call.ts";
import type { Bench } from "./bench.ts";

/** Milliseconds that building grpcurl may take. */
const installMs = 75_000;

/** Uses the server with grpcurl. */
export async function tryGrpcurl(bench: Bench): Promise<void> {
  const command = await findGrpcurl(bench);
  if (typeof command !== "string") return bench.skip("grpcurl", command.missing);
  await bench.check("grpcurl lists every service", () => listServices(bench, command));
  await bench.check("grpcurl describes DocumentService", () => describeDocuments(bench, command));
  await bench.check("grpcurl asks for the server's health", () => askHealth(bench, command));
  await bench.check("grpcurl calls every RPC without .proto files", async () => {
    await callRpcs(grpcurlCaller(bench, command));
    return `${rpcs.length} RPCs answer`;
  });
}

/** How to start it: as it is here, or built for this run. */
async function findGrpcurl({ run, directory }: Bench): Promise<string | { readonly missing: string }> {
  for (const command of ["grpcurl", join(homedir(), "go", "bin", "grpcurl")]) {
    if ((await run(command, ["-version"])).code === 0) return command;
  }
  if ((await run("go", ["version"])).code !== 0) return { missing: "neither grpcurl nor go, to build it, is here" };
  const env = { GOBIN: join(directory, "go-bin") };
  const module = "github.com/fullstorydev/grpcurl/cmd/grpcurl@latest";
  const { code, stderr } = await run("go", ["install", module], { env, timeoutMs: installMs });
  if (code === 0) return join(env.GOBIN, "grpcurl");
  return { missing: `go install didn't work: ${stderr.trim().split("\n").at(-1)}` };
}

async function listServices(bench: Bench, command: string): Promise<string> {
  const listed = (await outputOf(bench, command, [bench.socket, "list"])).trim().split("\n");
  const wanted = [
    ...rpcs.map((rpc) => `docdb.v1.${rpc.split("/")[0]}`),
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
  ];
  const missing = new Set(wanted).difference(new Set(listed));
  if (missing.size > 0) throw new Error(`${[...missing].join(", ")} not listed, but\n${listed.join("\n")}`);
  return `${listed.length} services`;
}

async function describeDocuments(bench: Bench, command: string): Promise<string> {
  const text = await outputOf(bench, command, [bench.socket, "describe", "docdb.v1.DocumentService"]);
  const described = [...text.matchAll(/^ {2}rpc (\w+) /gm)].map((match) => `DocumentService/${match[1]}`);
  const wanted = rpcs.filter((rpc) => rpc.startsWith("DocumentService/"));
  const missing = new Set(wanted).difference(new Set(described));
  if (missing.size > 0) throw new Error(`${[...missing].join(", ")} not described, but\n${text}`);
  if (!text.includes("// Stores a new document.")) throw new Error(`the comments are missing:\n${text}`);
  return `${described.length} RPCs, with their comments`;
}

async function askHealth(bench: Bench, command: string): Promise<string> {
  for (const service of ["", "docdb.v1.DocumentService"]) {
    const request = ["-d", JSON.stringify({ service }), bench.socket, "grpc.health.v1.Health/Check"];
    const text = await outputOf(bench, command, request);
    if (!text.includes('"SERVING"')) throw new Error(`${service === "" ? "the server" : service}: ${text}`);
  }
  return "SERVING";
}

function grpcurlCaller({ run, socket }: Bench, command: string): JsonCaller {
  return async (rpc, request) => {
    const options = ["-plaintext", "-unix", "-format-error", "-d", JSON.stringify(request)];
    const ending = await run(command, [...options, socket, `docdb.v1.${rpc}`]);
    if (ending.code === 0) return { messages: messagesIn(ending.stdout), failure: undefined };
    // A failed call is JSON on stderr; anything else is grpcurl's own trouble.
    if (!ending.stderr.startsWith("{")) throw new Error(told(rpc, request, ending));
    return { messages: messagesIn(ending.stdout), failure: failureIn(ending.stderr) };
  };
}

function failureIn(stderr: string): JsonFailure {
  const { code, details } = JSON.parse(stderr) as { code: number; details: Record<string, string>[] };
  const info = details.find((detail) => detail["@type"] === "type.googleapis.com/google.rpc.ErrorInfo");
  return { status: code, reason: info?.["reason"] ?? "", domain: info?.["domain"] ?? "" };
}

async function outputOf({ run }: Bench, command: string, args: readonly string[]): Promise<string> {
  // Options come before the address.
  const { code, stdout, stderr } = await run(command, ["-plaintext", "-unix", ...args]);
  if (code !== 0) throw new Error(`grpcurl ${args.join(" ")} ended with exit code ${code}:\n${stdout}${stderr}`);
  return stdout;
}
