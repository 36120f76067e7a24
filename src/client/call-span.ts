// The client's part in a trace: a span for each call, and the header that lets the server go on with it. It knows
// OpenTelemetry's API alone. In a program that has registered no SDK there is nothing to do, and next to nothing is
// done.

import {
  type Attributes,
  context,
  propagation,
  ProxyTracerProvider,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from "@opentelemetry/api";
import { Metadata } from "@grpc/grpc-js";
import { DocDBError } from "../base/errors.ts";

/** A call's span. */
export interface CallSpan {
  /** What goes with the call, by name: `traceparent` and what else the program's propagator says. */
  readonly headers: Readonly<Record<string, string>>;
  /** The call has ended: well, or in this error. */
  end(error?: unknown): void;
}

/** What a call's request may have, of which its span tells. */
interface Subject {
  readonly database?: string;
  readonly collection?: string;
}

/** The headers as gRPC takes them. */
export function metadataOf(headers: CallSpan["headers"]): Metadata {
  const metadata = new Metadata();
  for (const name in headers) metadata.set(name, headers[name] as string);
  return metadata;
}

const scope = "docdb-client";
const noHeaders: Readonly<Record<string, string>> = {};
const untraced: CallSpan = { headers: noHeaders, end: () => undefined };

/** Begins the span of a call, as a child of what the program is doing. `method` is the RPC's name. */
export function startCallSpan(method: string, request: unknown, socket: string): CallSpan {
  const tracer = registeredTracer();
  return tracer === undefined ? untraced : new RecordedSpan(tracer, method, request as Subject, socket);
}

/** The tracer of the program's SDK; undefined when there is none. */
function registeredTracer(): Tracer | undefined {
  const provider = trace.getTracerProvider();
  if (provider instanceof ProxyTracerProvider) return provider.getDelegateTracer(scope);
  return provider.getTracer(scope);
}

class RecordedSpan implements CallSpan {
  readonly #span: Span;
  readonly headers: Readonly<Record<string, string>>;

  constructor(tracer: Tracer, method: string, { database, collection }: Subject, socket: string) {
    const name = collection === "" ? "_default" : collection;
    const attributes: Attributes = {
      "db.system.name": "docdb",
      "db.operation.name": method,
      "server.address": socket,
      "network.transport": "unix",
      ...(database === undefined || database === "" ? {} : { "db.namespace": database }),
      ...(name === undefined ? {} : { "db.collection.name": name }),
    };
    const title = name === undefined ? method : `${method} ${name}`;
    this.#span = tracer.startSpan(title, { kind: SpanKind.CLIENT, attributes });
    const headers: Record<string, string> = {};
    propagation.inject(trace.setSpan(context.active(), this.#span), headers);
    this.headers = headers;
  }

  end(error?: unknown): void {
    if (error !== undefined) {
      const code = error instanceof DocDBError ? error.code : "INTERNAL";
      this.#span.setAttributes({ "error.type": code, "db.response.status_code": code });
      this.#span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.message : code });
    }
    this.#span.end();
  }
}
