// The client in a program that uses OpenTelemetry: each call has a span, and the server goes on with its trace.

import { context, propagation, SpanKind, trace } from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { StackContextManager } from "@opentelemetry/sdk-trace";
import test from "ava";
import { connect } from "../../src/client/index.ts";
import { recordingServer, spanNamed, treeOf } from "../observability/recording-server.ts";

const serverSpan = "docdb.v1.DocumentService";

test("client and server are in the program's trace, pipelined and alone, and a failure is in its span", async (t) => {
  const { socket, spans, provider } = await recordingServer(t);
  for (const pipeline of [true, false]) {
    await using untraced = await connect({ socket, database: "d", pipeline });
    await untraced.collection("_default").create({});
    t.true(
      spans().every(({ kind }) => kind !== SpanKind.CLIENT),
      "without an SDK the client makes no spans",
    );
  }

  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new StackContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  const program = provider.getTracer("program");
  for (const pipeline of [true, false]) {
    await using db = await connect({ socket, database: "d", pipeline });
    const items = db.collection("_default");
    spans();
    const root = program.startSpan("the program's work");
    const inWork = <T>(work: () => T): T => context.with(trace.setSpan(context.active(), root), work);
    await inWork(() => items.create({ a: 1 }));
    await t.throwsAsync(
      inWork(() => items.update(99n, {})),
      { code: "DOCUMENT_NOT_FOUND" },
    );
    const scanning = inWork(() => items.scan()[Symbol.asyncIterator]());
    await inWork(() => scanning.next());
    await scanning.return?.();
    root.end();
    const recorded = spans();
    const found = treeOf(recorded, root.spanContext().spanId) as Record<string, Record<string, object>>;
    t.deepEqual(
      Object.entries(found).map(([name, children]) => [name, Object.keys(children)]),
      [
        ["CreateDocument _default", [`${serverSpan}/CreateDocument`]],
        ["UpdateDocument _default", [`${serverSpan}/UpdateDocument`]],
        ["ScanDocuments _default", [`${serverSpan}/ScanDocuments`]],
      ],
      `pipeline: ${pipeline}`,
    );
    t.true(recorded.every((span) => span.spanContext().traceId === root.spanContext().traceId));
    const create = spanNamed(recorded, "CreateDocument _default");
    t.is(create.kind, SpanKind.CLIENT);
    t.like(create.attributes, {
      "db.system.name": "docdb",
      "db.namespace": "d",
      "db.collection.name": "_default",
      "db.operation.name": "CreateDocument",
      "server.address": socket,
    });
    t.is(spanNamed(recorded, "UpdateDocument _default").attributes["error.type"], "DOCUMENT_NOT_FOUND");
  }
});
