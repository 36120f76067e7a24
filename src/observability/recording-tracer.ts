// The tracer that records: decides which calls, and begins their spans in their callers' traces.

import { defaultTextMapGetter, ROOT_CONTEXT, type Tracer as ApiTracer } from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import type { TrackerClock } from "../telemetry/error-tracker.ts";
import type { CallTrace, Carrier, Tracer } from "../telemetry/tracer.ts";
import { RecordedCall, type SpanMaker } from "./call-spans.ts";
import { isSampled, type Sampling } from "./trace-sampling.ts";

export class RecordingTracer implements Tracer {
  readonly isOn = true;
  readonly #sampling: Sampling;
  readonly #random: () => number;
  readonly #maker: SpanMaker;
  readonly #propagator = new W3CTraceContextPropagator();

  /** `tracer` records every span that it is given. `random` gives numbers in [0, 1). */
  constructor(tracer: ApiTracer, sampling: Sampling, clock: TrackerClock, random: () => number) {
    this.#sampling = sampling;
    this.#random = random;
    this.#maker = { tracer, originMs: clock.now() - clock.monotonicMs(), fsyncs: new WeakMap() };
  }

  begin(method: string, carrier: Carrier | undefined, startMs: number): CallTrace | undefined {
    if (!isSampled(this.#sampling, carrier, this.#random)) return undefined;
    const parent =
      carrier === undefined ? ROOT_CONTEXT : this.#propagator.extract(ROOT_CONTEXT, carrier, defaultTextMapGetter);
    return new RecordedCall(this.#maker, method, parent, startMs);
  }
}
