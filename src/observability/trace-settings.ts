// Whether and how traces are recorded, by the variables that OpenTelemetry has set down for every program, so that an
// operator needs no settings of ours: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
//
// Recording is off unless a variable says where traces go: OTEL_EXPORTER_OTLP_ENDPOINT, its form for traces, or
// OTEL_TRACES_EXPORTER=otlp for the default endpoint. OTEL_SDK_DISABLED=true and OTEL_TRACES_EXPORTER=none keep it off.
// The exporter and the SDK read the rest themselves: endpoint, headers, certificates, time limits, resource.

import type { Sampling } from "./trace-sampling.ts";

export interface TraceSettings {
  readonly protocol: "grpc" | "http/protobuf";
  readonly sampling: Sampling;
  /** OTEL_BSP_*: how spans are gathered before they are sent. Undefined: the SDK's default. */
  readonly batch: Readonly<Partial<Record<BatchLimit, number>>>;
  /** What was set and can't be used, for the log. */
  readonly warnings: readonly string[];
}

type BatchLimit = "scheduledDelayMillis" | "exportTimeoutMillis" | "maxQueueSize" | "maxExportBatchSize";

const batchVariables: Readonly<Record<BatchLimit, string>> = {
  scheduledDelayMillis: "OTEL_BSP_SCHEDULE_DELAY",
  exportTimeoutMillis: "OTEL_BSP_EXPORT_TIMEOUT",
  maxQueueSize: "OTEL_BSP_MAX_QUEUE_SIZE",
  maxExportBatchSize: "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
};

const samplers: Readonly<Record<string, (ratio: number) => Sampling>> = {
  always_on: () => ({ ratio: 1, followsParent: false }),
  always_off: () => ({ ratio: 0, followsParent: false }),
  traceidratio: (ratio) => ({ ratio, followsParent: false }),
  parentbased_always_on: () => ({ ratio: 1, followsParent: true }),
  parentbased_always_off: () => ({ ratio: 0, followsParent: true }),
  parentbased_traceidratio: (ratio) => ({ ratio, followsParent: true }),
};

/** What the variables say; undefined when nothing is to be recorded. */
export function traceSettings(variables: NodeJS.ProcessEnv): TraceSettings | undefined {
  const of = (name: string): string => variables[name]?.trim() ?? "";
  const exporter = of("OTEL_TRACES_EXPORTER").toLowerCase();
  const endpoint = of("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") || of("OTEL_EXPORTER_OTLP_ENDPOINT");
  if (of("OTEL_SDK_DISABLED").toLowerCase() === "true" || exporter === "none") return undefined;
  if (exporter === "" && endpoint === "") return undefined;
  const warnings: string[] = [];
  if (exporter !== "" && exporter !== "otlp") warnings.push(unusable("OTEL_TRACES_EXPORTER", exporter, "otlp is used"));

  const protocol = of("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") || of("OTEL_EXPORTER_OTLP_PROTOCOL") || "http/protobuf";
  const known = protocol === "grpc" || protocol === "http/protobuf";
  if (!known) warnings.push(unusable("OTEL_EXPORTER_OTLP_PROTOCOL", protocol, "http/protobuf is used"));

  const batch: Partial<Record<BatchLimit, number>> = {};
  for (const [limit, variable] of Object.entries(batchVariables)) {
    const text = of(variable);
    if (text === "") continue;
    if (/^\d{1,9}$/.test(text)) batch[limit as BatchLimit] = Number(text);
    else warnings.push(unusable(variable, text, "the default is used"));
  }
  const sampling = samplingOf(of("OTEL_TRACES_SAMPLER"), of("OTEL_TRACES_SAMPLER_ARG"), warnings);
  return { protocol: known ? protocol : "http/protobuf", sampling, batch, warnings };
}

function samplingOf(name: string, argument: string, warnings: string[]): Sampling {
  let ratio = 1;
  if (argument !== "") {
    const given = Number(argument);
    if (given >= 0 && given <= 1) ratio = given;
    else warnings.push(unusable("OTEL_TRACES_SAMPLER_ARG", argument, "1 is used"));
  }
  const sampler = samplers[name === "" ? "parentbased_always_on" : name.toLowerCase()];
  if (sampler !== undefined) return sampler(ratio);
  warnings.push(unusable("OTEL_TRACES_SAMPLER", name, "parentbased_always_on is used"));
  return { ratio: 1, followsParent: true };
}

function unusable(variable: string, value: string, instead: string): string {
  return `${variable} can't be ${JSON.stringify(value)} here: ${instead}`;
}
