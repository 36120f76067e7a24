// Metrics of a real server: what is exposed is documented, well-formed, bounded, and agrees with what was done.

import test from "ava";
import type { Client } from "@grpc/grpc-js";
import { DatabaseServiceService } from "../../gen/docdb/v1/database.ts";
import {
  BatchWriteRequest,
  CreateDocumentRequest,
  DocumentServiceService as Documents,
} from "../../gen/docdb/v1/document.ts";
import { OperationsServiceService as Operations } from "../../gen/docdb/v1/operations.ts";
import { TransactionServiceService as Transactions } from "../../gen/docdb/v1/transaction.ts";
import { connect } from "../../src/client/index.ts";
import { readText } from "../../scripts/source-tree.ts";
import { call, failureOf } from "../rpc/calls.ts";
import { getCall, PipelineCaller } from "../rpc/pipeline-calls.ts";
import { clientOf, serverIn, temporaryDirectory, temporaryServer } from "../server/temporary-server.ts";

async function textOf(client: Client): Promise<string> {
  const { text } = await call(client, Operations.getMetrics, {});
  return text;
}

/** The labels of each metric, by docs/metrics.md. */
function documentedLabels(): Map<string, string[]> {
  const rows = readText("docs/metrics.md").matchAll(/^\| `([\w:]+)` \| \w+ \| (.*?) \| .* \|$/gm);
  const labelsIn = (cell: string): string[] => [...cell.matchAll(/`(\w+)`/g)].map(([, label]) => label ?? "");
  return new Map([...rows].map(([, name = "", cell = ""]) => [name, labelsIn(cell)]));
}

/** The value of one series; undefined when there is none. */
function valueOf(text: string, series: string): number | undefined {
  const line = text.split("\n").find((each) => each.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

test("every metric that is exposed is documented, with its type and meaning, and no other", async (t) => {
  const text = await textOf(await temporaryServer(t));
  const helps = [...text.matchAll(/^# HELP (\S+) (.*)$/gm)].map(([, name, help]) => [name, help] as const);
  const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]));
  const rows = readText("docs/metrics.md").matchAll(/^\| `([\w:]+)` \| (\w+) \| .* \| (.*) \|$/gm);
  t.deepEqual(
    helps.map(([name, help]) => [name, types.get(name), help]),
    [...rows].map(([, name, type, meaning]) => [name, type, meaning]),
  );
});

test("the text keeps the format's rules: HELP and TYPE before a metric's samples, no series twice", async (t) => {
  const server = await serverIn(t, await temporaryDirectory(t), { metricsAddress: { host: "127.0.0.1", port: 0 } });
  const client = clientOf(t, server.socket);
  await call(client, DatabaseServiceService.createDatabase, { database: "d" });
  const response = await fetch(server.metricsUrl ?? "");
  t.is(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  const series = new Set<string>();
  const documented = documentedLabels();
  let family = "";
  for (const line of (await response.text()).trimEnd().split("\n")) {
    const described = /^# (?:HELP|TYPE) (\S+) \S/.exec(line);
    if (described !== null) {
      family = described[1] ?? "";
      continue;
    }
    const sample = /^([a-z_0-9]+)(\{(?:[a-z_0-9]+="[^"\\]*",?)+\})? (?:[\d.e+-]+|\+Inf)$/.exec(line);
    t.not(sample, null, line);
    const [, name = "", labels = ""] = sample ?? [];
    t.regex(name, new RegExp(`^${family}(_bucket|_sum|_count)?$`));
    t.false(series.has(name + labels), `${line} stands there twice`);
    const names = [...labels.matchAll(/([a-z_]+)="/g)].map(([, label]) => label ?? "");
    t.deepEqual(
      names.filter((label) => label !== "le"),
      documented.get(family) ?? [],
      line,
    );
    series.add(name + labels);
  }
  t.true(series.size > 100);
});

test("OpenMetrics is spoken to those who ask for it, and nothing but metrics is served", async (t) => {
  const server = await serverIn(t, await temporaryDirectory(t), { metricsAddress: { host: "127.0.0.1", port: 0 } });
  const url = server.metricsUrl ?? "";
  const accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
  const response = await fetch(url, { headers: { accept } });
  t.is(response.headers.get("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
  const text = await response.text();
  t.regex(text, /^# TYPE docdb_commits counter\ndocdb_commits_total 0$/m);
  t.true(text.endsWith("\n# EOF\n"));
  t.is((await fetch(new URL("/", url))).status, 404);
  t.is((await fetch(url, { method: "POST" })).status, 405);
  await server.close();
  await t.throwsAsync(fetch(url));
});

test("an address that is taken is refused, and leaves nothing running", async (t) => {
  const server = await serverIn(t, await temporaryDirectory(t), { metricsAddress: { host: "127.0.0.1", port: 0 } });
  const metricsAddress = { host: "127.0.0.1", port: Number(new URL(server.metricsUrl ?? "").port) };
  const directory = await temporaryDirectory(t);
  await t.throwsAsync(serverIn(t, directory, { metricsAddress }), { code: "INVALID_SETTING", message: /EADDRINUSE/ });
  await t.notThrowsAsync(serverIn(t, directory));
});

test("counters agree with what was done, pipelined and alone", async (t) => {
  const server = await serverIn(t, await temporaryDirectory(t));
  const client = clientOf(t, server.socket);
  await using db = await connect({ socket: server.socket, database: "Shop", createIfMissing: true });
  const items = db.collection("_default");
  for (let i = 1n; i <= 5n; i++) await items.create({ i: Number(i) }, { id: i });
  for (let i = 1n; i <= 5n; i++) await items.get(i);
  const request = { database: "SHOP", collection: "", transactionId: "" };
  await call(client, Documents.getDocument, { ...request, id: 1n });
  await failureOf(call(client, Documents.getDocument, { ...request, id: 99n }));
  await failureOf(call(client, Documents.getDocument, { ...request, database: "nowhere", id: 1n }));
  const { transactionId } = await call(client, Transactions.beginTransaction, {
    database: "Shop",
    isolation: 0,
    idleTimeout: undefined,
  });
  await call(client, Transactions.commitTransaction, { database: "Shop", transactionId, requestId: "" });

  const stream = new PipelineCaller(client);
  await stream.answers(stream.send([getCall(1n, { database: "Shop" })]));
  const text = await textOf(client);
  stream.stream.end();
  const method = "docdb.v1.DocumentService/GetDocument";
  const expected: Readonly<Record<string, number>> = {
    'docdb_operations_total{operation="CreateDocument",status="OK"}': 5,
    'docdb_operations_total{operation="GetDocument",status="OK"}': 7,
    'docdb_operations_total{operation="GetDocument",status="NOT_FOUND"}': 2,
    'docdb_operation_duration_seconds_count{operation="GetDocument"}': 9,
    'docdb_operation_duration_seconds_bucket{operation="GetDocument",le="+Inf"}': 9,
    [`rpc_server_call_duration_seconds_count{rpc_system_name="grpc",rpc_method="${method}"}`]: 9,
    'docdb_database_errors_total{database="Shop"}': 1,
    'docdb_database_errors_total{database="_other"}': 1,
    'docdb_errors_by_code_total{code="DOCUMENT_NOT_FOUND"}': 1,
    docdb_commits_total: 5,
    docdb_group_commit_size_sum: 5,
    docdb_documents_total: 5,
    'docdb_documents{database="Shop"}': 5,
    'docdb_databases{state="open"}': 1,
    'docdb_database_state{database="Shop",state="open"}': 1,
    docdb_transactions_begun_total: 1,
    'docdb_transactions_total{outcome="committed"}': 1,
    docdb_connections: 2,
    docdb_connections_held_back: 0,
  };
  for (const [series, value] of Object.entries(expected)) t.is(valueOf(text, series), value, series);
  // The client ends its own when it is idle.
  t.true((valueOf(text, "docdb_pipeline_streams") ?? 0) >= 1);
  t.true((valueOf(text, "docdb_wal_fsync_duration_seconds_count") ?? 0) >= 1);
  t.true((valueOf(text, "docdb_wal_written_bytes_total") ?? 0) > 5 * 7);
  t.true((valueOf(text, "docdb_queue_wait_seconds_count") ?? 0) >= 5);
});

test("calls that are refused for want of room are counted by reason", async (t) => {
  const server = await serverIn(t, await temporaryDirectory(t), { slots: 1, queuePerDatabase: 1, queueTotal: 1 });
  const client = clientOf(t, server.socket);
  await call(client, DatabaseServiceService.createDatabase, { database: "d" });
  const create = CreateDocumentRequest.fromPartial({ json: "{}" });
  const operations = Array.from({ length: 2_000 }, () => ({ operation: { $case: "create", value: create } }) as const);
  const request = BatchWriteRequest.fromPartial({ database: "d", operations, atomic: true });
  const outcomes = await Promise.allSettled(
    Array.from({ length: 20 }, () => call(client, Documents.batchWrite, request)),
  );
  const refused = outcomes.filter(({ status }) => status === "rejected").length;
  t.true(refused > 0);
  t.is(valueOf(await textOf(client), 'docdb_rejected_calls_total{reason="QUEUE_FULL"}'), refused);
});
