// How calls end: by deadline, by cancellation, by shutdown, by an error that nobody foresaw. Always once, and saying as
// much as is known and no more.

import { setTimeout as sleep } from "node:timers/promises";
import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import test from "ava";
import { CreateDocumentRequest, GetDocumentRequest } from "../../gen/docdb/v1/document.ts";
import { HealthService } from "../../gen/health/v1/health.ts";
import { DocDBError } from "../../src/base/errors.ts";
import { RunningCall } from "../../src/rpc/call-context.ts";
import { CallGate } from "../../src/rpc/call-gate.ts";
import { realPlatform } from "../../src/platform/real/real-platform.ts";
import { Scheduler } from "../../src/scheduler/scheduler.ts";
import { call, type ClientMethod, decodeFailure, failureOf, rawMethod } from "./calls.ts";
import { environmentOf, type FakeServer, fakeServer, serverOver } from "./fake-server.ts";

const create = rawMethod("/docdb.v1.DocumentService/CreateDocument");
const get = rawMethod("/docdb.v1.DocumentService/GetDocument");
const createRequest = Buffer.from(CreateDocumentRequest.encode(CreateDocumentRequest.create({ json: "1" })).finish());
const getRequest = Buffer.from(GetDocumentRequest.encode(GetDocumentRequest.create({ id: 1n })).finish());

/** A call whose deadline only the server watches: the client waits for its answer. */
function callWithTimeout(
  { client }: FakeServer,
  method: ClientMethod<Buffer, Buffer>,
  request: Buffer,
  timeout: string,
): Promise<Buffer> {
  const metadata = new Metadata();
  metadata.set("grpc-timeout", timeout);
  return call(client, method, request, metadata);
}

const never = new Promise<never>(() => undefined);

test("a deadline that has passed before the work starts means that nothing happened", (t) => {
  const environment = environmentOf({ execute: () => never });
  environment.gate.open();
  const context = new RunningCall(environment, { getPeer: () => "unix:1" }, undefined, undefined, () => t.fail());
  const error = t.throws(() => context.begin(Date.now(), "work"), { instanceOf: DocDBError });
  t.like(error, { code: "DEADLINE_EXCEEDED", metadata: { outcome: "nothing" } });
});

test("a deadline that passes while a write is executed leaves its outcome unknown", async (t) => {
  const server = await fakeServer(t, () => never);
  const failure = await failureOf(callWithTimeout(server, create, createRequest, "600m"));
  t.like(failure, { status: status.DEADLINE_EXCEEDED, reason: "DEADLINE_EXCEEDED", metadata: { outcome: "unknown" } });
  t.regex(failure.message, /outcome is unknown/);
});

test("a deadline that passes while a read is executed means that nothing was changed", async (t) => {
  const server = await fakeServer(t, () => never);
  const failure = await failureOf(callWithTimeout(server, get, getRequest, "600m"));
  t.like(failure, { reason: "DEADLINE_EXCEEDED", metadata: { outcome: "nothing" } });
});

test("work whose deadline passes in the queue never runs", async (t) => {
  const executed: string[] = [];
  const finish: (() => void)[] = [];
  const engine = {
    execute: async ({ op }: { op: string }): Promise<never> => {
      executed.push(op);
      await new Promise<void>((resolve) => finish.push(resolve));
      throw new DocDBError("DATABASE_NOT_FOUND", "There is none.");
    },
  };
  const options = { slots: 1, queuePerDatabase: 10, queueTotal: 10 };
  const server = await serverOver(t, new Scheduler(engine, realPlatform().clock, options));
  const first = failureOf(call(server.client, get, getRequest));
  while (executed.length === 0) await sleep(5);
  t.is((await failureOf(callWithTimeout(server, create, createRequest, "400m"))).reason, "DEADLINE_EXCEEDED");
  finish[0]?.();
  t.is((await first).reason, "DATABASE_NOT_FOUND");
  await sleep(20);
  t.deepEqual(executed, ["getDocument"]);
});

test("a cancelled call aborts its work", async (t) => {
  let reason: unknown;
  const aborted = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  const server = await fakeServer(t, (_command, { signal }) => {
    signal?.addEventListener("abort", () => {
      reason = signal.reason;
      aborted.resolve();
    });
    started.resolve();
    return never;
  });
  const { path, requestSerialize, responseDeserialize } = get;
  const calling = server.client.makeUnaryRequest(path, requestSerialize, responseDeserialize, getRequest, () => null);
  await started.promise;
  calling.cancel();
  await aborted.promise;
  t.like(reason, { code: "CANCELLED" });
});

test("an error that nobody foresaw becomes INTERNAL and leaks nothing, and the log has it under its id", async (t) => {
  const secret = "/home/ada/secret.json";
  const server = await fakeServer(t, () => Promise.reject(new TypeError(`can't read ${secret}`)));
  const failure = await failureOf(call(server.client, get, getRequest));
  t.like(failure, { status: status.INTERNAL, reason: "INTERNAL" });
  t.false(JSON.stringify(failure).includes("secret"));
  t.false(JSON.stringify(failure).includes(".ts:"));
  const { id = "" } = failure.metadata;
  t.regex(id, /^[0-9a-f]{16}$/);
  t.true(failure.message.includes(id));
  const line = server.logged.find((each) => each.includes(id)) ?? "";
  t.true(line.includes(secret));
});

test("an error with a numeric code of its own doesn't choose its status", async (t) => {
  const error = Object.assign(new Error("7 is PERMISSION_DENIED"), { code: 7, details: "private" });
  const server = await fakeServer(t, () => Promise.reject(error));
  const failure = await failureOf(call(server.client, get, getRequest));
  t.like(failure, { status: status.INTERNAL, reason: "INTERNAL" });
});

test("a handler that throws at once, and one that throws what isn't an error, are answered", async (t) => {
  const server = await fakeServer(t, (command) => {
    if (command.op === "getDocument") throw new RangeError("at once");
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- that is the point
    return Promise.reject("text");
  });
  const { client } = server;
  t.is((await failureOf(call(client, get, getRequest))).reason, "INTERNAL");
  t.is((await failureOf(call(client, create, createRequest))).reason, "INTERNAL");
});

test("a result that can't be encoded is answered with INTERNAL", async (t) => {
  const server = await fakeServer(t, () => Promise.resolve({ id: "no bigint", version: 1 }));
  const failure = await failureOf(call(server.client, create, createRequest));
  t.is(failure.reason, "INTERNAL");
});

test("RetryInfo says when a refused call is worth repeating", async (t) => {
  const error = new DocDBError("QUEUE_FULL", "Too many calls wait.", { retryAfterMs: 1_050 });
  const server = await fakeServer(t, () => Promise.reject(error));
  const failure = await failureOf(call(server.client, get, getRequest));
  t.like(failure, { status: status.RESOURCE_EXHAUSTED, reason: "QUEUE_FULL", retryDelayMs: 1_050 });
});

test("a message with lone surrogates, line breaks or too many characters is sent all the same", async (t) => {
  const messages = ["lone \ud800 surrogate", "line\nbreak %", "x".repeat(100_000)];
  const server = await fakeServer(t, () => Promise.reject(new DocDBError("DATABASE_CORRUPT", messages.shift() ?? "")));
  const next = () => failureOf(call(server.client, get, getRequest));
  t.is((await next()).message, "lone \ufffd surrogate");
  t.is((await next()).message, "line\nbreak %");
  t.true((await next()).message.length <= 501);
});

test("a server that starts refuses work and says when to come back", (t) => {
  const gate = new CallGate();
  const error = t.throws(() => gate.enter({ interrupt: () => undefined }, "work"), { instanceOf: DocDBError });
  t.like(error, { code: "SERVER_STARTING", retryAfterMs: 100 });
});

test("a server that shuts down refuses new calls, finishes those in flight, and answers health checks", async (t) => {
  const finish: (() => void)[] = [];
  const server = await fakeServer(t, async () => {
    await new Promise<void>((resolve) => finish.push(resolve));
    return { id: 1n, version: 1, createTimeMs: 1, updateTimeMs: 1 };
  });
  const { client } = server;
  const inFlight = call(client, create, createRequest);
  while (finish.length === 0) await sleep(5);
  let drained = false;
  const draining = server.gate.drain().then(() => {
    drained = true;
  });
  server.health.setServing(false);
  const failure = await failureOf(call(client, create, createRequest));
  t.like(failure, { status: status.UNAVAILABLE, reason: "SHUTTING_DOWN" });
  t.is((await call(client, HealthService.check, { service: "" })).status, 2);
  t.false(drained);
  finish[0]?.();
  t.true((await inFlight).length > 0);
  await draining;
});

test("a write that a shutdown gives up has an unknown outcome, and a read has none", async (t) => {
  const started: string[] = [];
  const server = await fakeServer(t, ({ op }) => {
    started.push(op);
    return never;
  });
  const { client } = server;
  const writing = failureOf(call(client, create, createRequest));
  const reading = failureOf(call(client, get, getRequest));
  while (started.length < 2) await sleep(5);
  server.gate.interruptAll();
  t.like(await writing, { status: status.CANCELLED, reason: "CANCELLED", metadata: { outcome: "unknown" } });
  t.like(await reading, { status: status.UNAVAILABLE, reason: "SHUTTING_DOWN" });
});

test("a watch ends with SHUTTING_DOWN, after it has told that nothing serves", async (t) => {
  const server = await fakeServer(t, () => never);
  const statuses: number[] = [];
  const { path, requestSerialize, responseDeserialize } = HealthService.watch;
  const request = { service: "" };
  const watching = server.client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request);
  const error = await new Promise<ServiceError>((resolve) => {
    watching.on("data", (message: { status: number }) => {
      statuses.push(message.status);
      if (statuses.length > 1) return;
      server.health.setServing(false);
      void server.gate.drain();
    });
    watching.on("error", resolve);
  });
  t.deepEqual(statuses, [1, 2]);
  t.is(decodeFailure(error).reason, "SHUTTING_DOWN");
});
