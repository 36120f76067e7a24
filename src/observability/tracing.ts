// Traces on their way out of the process: OpenTelemetry's SDK and an OTLP exporter. They are loaded only when traces
// are recorded, and so is this file: a server that records none starts as fast and as small as without them.

import { diag, DiagLogLevel } from "@opentelemetry/api";
import type { SpanExporter } from "@opentelemetry/sdk-trace";
import type { Clock } from "../platform/platform.ts";
import type { Observer } from "../telemetry/observer.ts";
import type { Tracer } from "../telemetry/tracer.ts";
import type { TraceSettings } from "./trace-settings.ts";

export interface Tracing {
  readonly tracer: Tracer;
  /** Sends what was recorded, for some seconds at most. */
  close(): Promise<void>;
}

/** Milliseconds that the last spans get to leave when the server stops. */
const flushMs = 3_000;

/** Starts to record traces. `version` is DocDB's. */
export async function startTracing(
  settings: TraceSettings,
  version: string,
  clock: Clock,
  observer: Observer,
): Promise<Tracing> {
  const [
    sdk,
    { defaultResource, detectResources, envDetector, resourceFromAttributes },
    exporter,
    { RecordingTracer },
  ] = await Promise.all([
    import("@opentelemetry/sdk-trace"),
    import("@opentelemetry/resources"),
    exporterFor(settings.protocol),
    import("./recording-tracer.ts"),
  ]);
  logTo(observer);
  for (const warning of settings.warnings) observer.event("warn", warning);
  const resource = defaultResource()
    .merge(resourceFromAttributes({ "service.name": "docdb", "service.version": version }))
    .merge(detectResources({ detectors: [envDetector] }));
  const provider = new sdk.TracerProvider({
    resource,
    // What isn't to be recorded never comes here.
    sampler: new sdk.AlwaysOnSampler(),
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter, ...settings.batch })],
  });
  const { protocol, sampling } = settings;
  observer.event("info", "recording traces", { protocol, ...sampling });
  const close = async (): Promise<void> => {
    const late = new Promise<void>((resolve) => {
      setTimeout(resolve, flushMs).unref();
    });
    await Promise.race([late, provider.shutdown().catch((error: unknown) => diag.warn(String(error)))]);
  };
  return { tracer: new RecordingTracer(provider.getTracer("docdb", version), sampling, clock, Math.random), close };
}

async function exporterFor(protocol: TraceSettings["protocol"]): Promise<SpanExporter> {
  if (protocol === "grpc") return new (await import("@opentelemetry/exporter-trace-otlp-grpc")).OTLPTraceExporter();
  return new (await import("@opentelemetry/exporter-trace-otlp-proto")).OTLPTraceExporter();
}

/** What the SDK has to say, such as that nobody takes its spans, goes to the log. */
function logTo(observer: Observer): void {
  const say = (message: string): void => observer.event("warn", `OpenTelemetry: ${plain(message)}`);
  const silent = (): void => undefined;
  const logger = { error: say, warn: say, info: silent, debug: silent, verbose: silent };
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
}

/** The SDK tells of errors as JSON, stack and all; what a person wants is the message. */
function plain(told: string): string {
  try {
    const { message } = JSON.parse(told) as { readonly message?: unknown };
    return typeof message === "string" ? message : told;
  } catch {
    return told;
  }
}
