// What a call counts as in the metrics and is called in a trace, and how its caller's trace comes to us: in the headers
// of W3C Trace Context, which gRPC carries as metadata.

import type { Metadata } from "@grpc/grpc-js";
import type { OperationMeter } from "../telemetry/call-meters.ts";
import type { Carrier } from "../telemetry/tracer.ts";
import type { CallEnvironment } from "./call-context.ts";

/** The meter of an RPC; health and reflection, which watch, are counted by nobody. */
export function operationOf(
  { watch }: CallEnvironment,
  { path }: { readonly path: string },
): OperationMeter | undefined {
  return path.startsWith("/docdb.") ? watch.operation(path.slice(1)) : undefined;
}

/** The trace that the caller is in, when anybody records traces. */
export function carrierOf({ watch }: CallEnvironment, metadata: Metadata): Carrier | undefined {
  if (!watch.traces) return undefined;
  const [traceparent] = metadata.get("traceparent");
  if (typeof traceparent !== "string") return undefined;
  return { traceparent, tracestate: metadata.get("tracestate").join(",") };
}
