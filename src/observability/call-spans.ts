// The spans of a call, made from what the layers wrote down:
//
//     docdb.v1.DocumentService/CreateDocument      server span, in the caller's trace
//       docdb.queue_wait                           for a slot
//       docdb.engine                               from the slot to the commit's submission, or to the end
//         docdb.disk_read                          from the first read on, as long as reads were under way
//       docdb.group_wait                           for the groups before
//       docdb.wal_append                           the group's write to the WAL and the data file
//       docdb.fsync                                the group's fsync
//
// A group's fsync is one event that many traces share. The fsync span of the first recorded commit that ends stands for
// it: it links to the server spans of all recorded commits in the group, and the fsync spans of the others link to it.
//
// Names are those of OpenTelemetry's semantic conventions where they have one.

import {
  type Attributes,
  type Context,
  type Link,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer as ApiTracer,
} from "@opentelemetry/api";
import type { DocDBError } from "../base/errors.ts";
import type { GroupTimes, OperationTimes } from "../telemetry/operation-times.ts";
import type { CallTrace, CommandFacts } from "../telemetry/tracer.ts";

/** Commands of one call that get spans: a scan of everything has thousands, which look alike. */
const maxCommands = 50;

/** gRPC statuses that are the server's trouble, by the conventions; the others are the caller's. */
const serverErrors: ReadonlySet<string> = new Set([
  "UNKNOWN",
  "DEADLINE_EXCEEDED",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
]);

/** What the spans of all calls share. */
export interface SpanMaker {
  readonly tracer: ApiTracer;
  /** Milliseconds since the Unix epoch at the clock's 0. */
  readonly originMs: number;
  /** The span that stands for a group's fsync, once there is one. */
  readonly fsyncs: WeakMap<GroupTimes, SpanContext>;
}

export class RecordedCall implements CallTrace {
  readonly #maker: SpanMaker;
  readonly #span: Span;
  readonly #context: Context;
  #commands = 0;

  /** Begins the server span; `parent` has the caller's span, if there is one. */
  constructor(maker: SpanMaker, method: string, parent: Context, startMs: number) {
    this.#maker = maker;
    const attributes = {
      "rpc.system.name": "grpc",
      "rpc.method": method,
      "db.system.name": "docdb",
      "db.operation.name": method.slice(method.lastIndexOf("/") + 1),
      "network.transport": "unix",
    };
    const startTime = maker.originMs + startMs;
    this.#span = maker.tracer.startSpan(method, { kind: SpanKind.SERVER, attributes, startTime }, parent);
    this.#context = trace.setSpan(parent, this.#span);
  }

  get traceId(): string {
    return this.spanContext.traceId;
  }

  get spanContext(): SpanContext {
    return this.#span.spanContext();
  }

  command(facts: CommandFacts, times: OperationTimes): void {
    if (this.#commands === 0) this.#span.setAttributes(subjectOf(facts));
    if (++this.#commands > maxCommands) return;
    const { queuedMs, startedMs, submittedMs, endedMs, readMs, firstReadMs, group } = times;
    const attributes = { "docdb.command": facts.op };
    this.#child("docdb.queue_wait", queuedMs, Number.isNaN(startedMs) ? endedMs : startedMs, attributes);
    const engine = this.#child(
      "docdb.engine",
      startedMs,
      Number.isNaN(submittedMs) ? endedMs : submittedMs,
      attributes,
    );
    if (engine !== undefined && readMs > 0) {
      this.#child("docdb.disk_read", firstReadMs, firstReadMs + readMs, {}, [], trace.setSpan(this.#context, engine));
    }
    if (group !== undefined) this.#commit(submittedMs, group);
  }

  end(endMs: number, error: DocDBError | undefined): void {
    this.#span.setAttribute("rpc.response.status_code", error?.status ?? "OK");
    if (error !== undefined) {
      this.#span.setAttributes({ "error.type": error.status, "docdb.reason": error.code });
      if (serverErrors.has(error.status)) this.#span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
    }
    if (this.#commands > maxCommands) this.#span.setAttribute("docdb.commands", this.#commands);
    this.#span.end(this.#maker.originMs + endMs);
  }

  #commit(submittedMs: number, group: GroupTimes): void {
    const { appendMs, appendedMs, syncedMs } = group;
    const attributes = { "docdb.group.commits": group.commits };
    this.#child("docdb.group_wait", submittedMs, appendMs, {});
    this.#child("docdb.wal_append", appendMs, appendedMs, attributes);
    const { fsyncs } = this.#maker;
    const standing = fsyncs.get(group);
    const links: Link[] =
      standing === undefined
        ? group.traced.flatMap((each) => (each instanceof RecordedCall ? [{ context: each.spanContext }] : []))
        : [{ context: standing }];
    const fsync = this.#child("docdb.fsync", appendedMs, syncedMs, attributes, links);
    if (standing === undefined && fsync !== undefined) fsyncs.set(group, fsync.spanContext());
  }

  /** A span that has ended; none when one of its ends never came. */
  #child(
    name: string,
    fromMs: number,
    toMs: number,
    attributes: Attributes,
    links: Link[] = [],
    context: Context = this.#context,
  ): Span | undefined {
    if (!(toMs >= fromMs)) return undefined;
    const { tracer, originMs } = this.#maker;
    const span = tracer.startSpan(name, { attributes, links, startTime: originMs + fromMs }, context);
    span.end(originMs + toMs);
    return span;
  }
}

/** What a call is about. No contents. */
function subjectOf({ database, collection, id, operation, operations, ids }: CommandFacts): Attributes {
  const name = collection ?? operation?.collection;
  const document = id ?? operation?.id;
  const size = operations?.length ?? ids?.length;
  return {
    ...(database === undefined ? {} : { "db.namespace": database }),
    ...(name === undefined ? {} : { "db.collection.name": name === "" ? "_default" : name }),
    ...(document === undefined || document === 0n ? {} : { "docdb.document.id": String(document) }),
    ...(size === undefined || size < 2 ? {} : { "db.operation.batch.size": size }),
  };
}
