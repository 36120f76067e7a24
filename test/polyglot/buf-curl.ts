// `buf curl`, which comes with the development dependencies.

import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { ErrorInfo } from "../../gen/google/rpc/error_details.ts";
import { type JsonCaller, type JsonFailure, messagesIn, told } from "./json-call.ts";
import { runProgram } from "./program.ts";

const buf = join(import.meta.dirname, "..", "..", "node_modules", ".bin", "buf");

/** Calls with `buf curl` and server reflection. */
export function bufCurl(socket: string): JsonCaller {
  return async (rpc, request) => {
    const address = ["--unix-socket", socket, "--protocol", "grpc", `http://localhost/docdb.v1.${rpc}`];
    const ending = await runProgram(buf, ["curl", ...address, "-d", JSON.stringify(request)]);
    if (ending.code === 0) return { messages: messagesIn(ending.stdout), failure: undefined };
    // A failed call is JSON on stderr; anything else is buf's own trouble.
    if (!ending.stderr.startsWith("{")) throw new Error(told(rpc, request, ending));
    return { messages: messagesIn(ending.stdout), failure: failureIn(ending.stderr) };
  };
}

function failureIn(stderr: string): JsonFailure {
  const { code, details } = JSON.parse(stderr) as { code: string; details: { type: string; value: string }[] };
  const detail = details.find(({ type }) => type === "google.rpc.ErrorInfo");
  const { reason, domain } = ErrorInfo.decode(Buffer.from(detail?.value ?? "", "base64"));
  return { status: status[code.toUpperCase() as keyof typeof status], reason, domain };
}
