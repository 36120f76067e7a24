// Which traces are recorded, by OpenTelemetry's variables.

import test from "ava";
import { traceSettings } from "../../src/observability/trace-settings.ts";
import { isSampled } from "../../src/observability/trace-sampling.ts";

const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://localhost:4318" };

test("nothing is recorded unless a variable says where to, and none says that nothing is", (t) => {
  t.is(traceSettings({}), undefined);
  t.is(traceSettings({ OTEL_TRACES_SAMPLER: "always_on" }), undefined);
  t.is(traceSettings({ ...endpoint, OTEL_SDK_DISABLED: "true" }), undefined);
  t.is(traceSettings({ ...endpoint, OTEL_TRACES_EXPORTER: "none" }), undefined);
  t.not(traceSettings(endpoint), undefined);
  t.not(traceSettings({ OTEL_TRACES_EXPORTER: "otlp" }), undefined);
  t.not(traceSettings({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://localhost:4318/v1/traces" }), undefined);
});

test("the defaults are OpenTelemetry's", (t) => {
  t.deepEqual(traceSettings(endpoint), {
    protocol: "http/protobuf",
    sampling: { ratio: 1, followsParent: true },
    batch: {},
    warnings: [],
  });
});

test("sampler, protocol and batches are read, the form for traces before the general one", (t) => {
  const settings = traceSettings({
    ...endpoint,
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "grpc",
    OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
    OTEL_TRACES_SAMPLER_ARG: "0.01",
    OTEL_BSP_MAX_QUEUE_SIZE: "100",
  });
  const sampling = { ratio: 0.01, followsParent: true };
  t.deepEqual(settings, { protocol: "grpc", sampling, batch: { maxQueueSize: 100 }, warnings: [] });
});

test("what can't be used is told, with what is done instead", (t) => {
  const settings = traceSettings({
    ...endpoint,
    OTEL_TRACES_EXPORTER: "zipkin",
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_TRACES_SAMPLER: "jaeger_remote",
    OTEL_TRACES_SAMPLER_ARG: "2",
    OTEL_BSP_SCHEDULE_DELAY: "soon",
  });
  t.is(settings?.protocol, "http/protobuf");
  t.deepEqual(settings?.sampling, { ratio: 1, followsParent: true });
  t.deepEqual(
    settings?.warnings.map((warning) => warning.split(" ")[0]),
    [
      "OTEL_TRACES_EXPORTER",
      "OTEL_EXPORTER_OTLP_PROTOCOL",
      "OTEL_BSP_SCHEDULE_DELAY",
      "OTEL_TRACES_SAMPLER_ARG",
      "OTEL_TRACES_SAMPLER",
    ],
  );
});

const carrierOf = (traceparent: string) => ({ traceparent, tracestate: "" });
const never = (): number => {
  throw new Error("nothing is left to chance");
};

test("a caller's decision holds where it is to hold, and its trace id decides otherwise", (t) => {
  const [low, high] = ["0".repeat(31).concat("1"), "f".repeat(8).concat("0".repeat(24))];
  for (const id of [low, high]) {
    for (const [flags, sampled] of [
      ["01", true],
      ["00", false],
      ["03", true],
    ] as const) {
      const carrier = carrierOf(`00-${id}-${"a".repeat(16)}-${flags}`);
      t.is(isSampled({ ratio: 0.5, followsParent: true }, carrier, never), sampled);
      t.is(isSampled({ ratio: 0.5, followsParent: false }, carrier, never), id === low);
    }
  }
});

test("a header that isn't one counts as none", (t) => {
  const sampling = { ratio: 0.5, followsParent: true };
  const headers = ["", "01", `ff-${"1".repeat(32)}-${"1".repeat(16)}-01`, `00-${"0".repeat(32)}-${"1".repeat(16)}-01`];
  for (const header of headers) {
    t.true(isSampled(sampling, carrierOf(header), () => 0.4));
    t.false(isSampled(sampling, carrierOf(header), () => 0.6));
  }
  t.false(isSampled({ ratio: 0, followsParent: true }, undefined, () => 0));
});
