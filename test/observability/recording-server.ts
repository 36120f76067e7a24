// A server that records every call, and what it has recorded.

import { join } from "node:path";
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import type { ExecutionContext } from "ava";
import type { Client } from "@grpc/grpc-js";
import { DatabaseServiceService } from "../../gen/docdb/v1/database.ts";
import { RecordingTracer } from "../../src/observability/recording-tracer.ts";
import type { Sampling } from "../../src/observability/trace-sampling.ts";
import { realPlatform } from "../../src/platform/real/real-platform.ts";
import { defaultOptions, type ServerOptions } from "../../src/server/options.ts";
import { startServer } from "../../src/server/server.ts";
import { silentObserver } from "../../src/telemetry/observer.ts";
import { call } from "../rpc/calls.ts";
import { clientOf, temporaryDirectory } from "../server/temporary-server.ts";

export interface RecordingServer {
  readonly socket: string;
  readonly client: Client;
  readonly provider: TracerProvider;
  /** What was recorded since it was asked last, in the order in which it began. */
  readonly spans: () => ReadableSpan[];
}

/** Starts a server with a database `d`. */
export async function recordingServer(
  t: ExecutionContext,
  options: Partial<ServerOptions> = {},
  sampling: Sampling = { ratio: 1, followsParent: true },
): Promise<RecordingServer> {
  const directory = await temporaryDirectory(t);
  const [dataDirectory, socket] = [join(directory, "data"), join(directory, "s")];
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  const tracer = new RecordingTracer(provider.getTracer("docdb"), sampling, realPlatform().clock, Math.random);
  const server = await startServer({ ...defaultOptions, dataDirectory, socket, ...options }, silentObserver, tracer);
  t.teardown(() => server.close());
  const client = clientOf(t, socket);
  await call(client, DatabaseServiceService.createDatabase, { database: "d" });
  exporter.reset();
  const spans = (): ReadableSpan[] => {
    const finished = exporter.getFinishedSpans().toSorted((a, b) => startOf(a) - startOf(b));
    exporter.reset();
    return finished;
  };
  return { socket, client, provider, spans };
}

/** The names of spans as a tree: of those that are children of `parent`, each with its own children. */
export function treeOf(spans: readonly ReadableSpan[], parent: string | undefined): object {
  const children = spans.filter(({ parentSpanContext }) => parentSpanContext?.spanId === parent);
  return Object.fromEntries(children.map((span) => [span.name, treeOf(spans, span.spanContext().spanId)]));
}

/** The one span of this name. */
export function spanNamed(spans: readonly ReadableSpan[], name: string): ReadableSpan {
  const [span, ...others] = spans.filter((each) => each.name === name || each.name.endsWith(`/${name}`));
  if (span === undefined || others.length > 0) throw new Error(`${others.length} others, or none, are called ${name}`);
  return span;
}

/** Milliseconds since the Unix epoch. */
export function startOf({ startTime: [seconds, nanoseconds] }: ReadableSpan): number {
  return seconds * 1_000 + nanoseconds / 1e6;
}

export function endOf({ endTime: [seconds, nanoseconds] }: ReadableSpan): number {
  return seconds * 1_000 + nanoseconds / 1e6;
}
