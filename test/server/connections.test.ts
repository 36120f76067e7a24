// What one connection may hold and how long it may make the server wait, over a real server.

import { once } from "node:events";
import { type ClientHttp2Stream, constants } from "node:http2";
import test, { type ExecutionContext } from "ava";
import { DatabaseServiceService } from "../../gen/docdb/v1/database.ts";
import {
  CreateDocumentRequest,
  DocumentServiceService,
  GetDocumentRequest,
  PipelineRequest,
} from "../../gen/docdb/v1/document.ts";
import { HealthService } from "../../gen/health/v1/health.ts";
import { call } from "../rpc/calls.ts";
import { answerOf, framed, rawCall, rawSession, rawStream } from "../rpc/raw-client.ts";
import { clientOf, serverIn, temporaryDirectory } from "./temporary-server.ts";
import type { ServerOptions } from "../../src/server/options.ts";

const get = DocumentServiceService.getDocument.path;
const mebibyte = 1024 * 1024;

async function socketOf(t: ExecutionContext, options: Partial<ServerOptions> = {}): Promise<string> {
  return (await serverIn(t, await temporaryDirectory(t), options)).socket;
}

/** A message that says that it is so long, and its first bytes. */
function beginning(lengthBytes: number, sentBytes: number): Buffer {
  const bytes = framed(Buffer.alloc(sentBytes));
  bytes.writeUInt32BE(lengthBytes, 1);
  return bytes;
}

function resetCode(stream: ClientHttp2Stream): Promise<number> {
  return answerOf(stream).then((answer) => answer.resetCode);
}

test("a stream that was answered is ended, when its client goes on sending", async (t) => {
  const session = await rawSession(await socketOf(t));
  const stream = rawStream(session, get, { "grpc-timeout": "10m" });
  const headers = new Promise((resolve) => stream.once("response", resolve));
  stream.removeAllListeners("end");
  stream.resume();
  await headers;
  await once(stream, "close");
  t.is(stream.rstCode, constants.NGHTTP2_NO_ERROR);
  session.destroy();
});

test("a deadline of a thousand hours has not passed yet", async (t) => {
  const session = await rawSession(await socketOf(t));
  for (const timeout of ["1000H", "99999999H", "99999999S", "50000M", "1H"]) {
    const request = GetDocumentRequest.encode(GetDocumentRequest.create({ database: "d", id: 1n })).finish();
    const { reason } = await rawCall(session, get, request, { "grpc-timeout": timeout });
    t.is(reason, "DATABASE_NOT_FOUND", timeout);
  }
  session.destroy();
});

test("requests that their client doesn't finish are ended in time, and a pipeline that is idle isn't", async (t) => {
  const session = await rawSession(await socketOf(t, { slowClientMs: 400 }));
  const idle = rawStream(session, DocumentServiceService.pipeline.path);
  const idleEnd = answerOf(idle);
  const silent = resetCode(rawStream(session, get));
  const half = rawStream(session, get);
  half.write(beginning(1_000, 10));
  const halfMessage = rawStream(session, DocumentServiceService.pipeline.path);
  halfMessage.write(beginning(1_000, 10));
  const codes = await Promise.all([silent, resetCode(half), resetCode(halfMessage)]);
  t.deepEqual(codes, Array(3).fill(constants.NGHTTP2_ENHANCE_YOUR_CALM));
  t.false(idle.closed);
  idle.end();
  t.is((await idleEnd).status, 0);
  session.destroy();
});

test("a pipeline is never due while messages come, though each look finds half of one", async (t) => {
  const session = await rawSession(await socketOf(t, { slowClientMs: 400 }));
  const stream = rawStream(session, DocumentServiceService.pipeline.path);
  const ended = answerOf(stream);
  const request = { $case: "getDocument", value: GetDocumentRequest.create({ database: "d", id: 1n }) } as const;
  const message = framed(
    PipelineRequest.encode({ calls: [{ callId: 1n, timeoutMs: 0, traceparent: "", request }] }).finish(),
  );
  const [beginningOfNext, rest] = [message.subarray(0, 10), message.subarray(10)];
  stream.write(beginningOfNext);
  for (let i = 0; i < 12; i++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    stream.write(Buffer.concat([rest, beginningOfNext]));
  }
  stream.end(rest);
  t.like(await ended, { status: 0, resetCode: 0 });
  session.destroy();
});

test("an answer that its client doesn't read is given up in time", async (t) => {
  const socket = await socketOf(t, { slowClientMs: 400 });
  const client = clientOf(t, socket);
  await call(client, DatabaseServiceService.createDatabase, { database: "d" });
  const json = JSON.stringify("x".repeat(mebibyte));
  await call(
    client,
    DocumentServiceService.createDocument,
    CreateDocumentRequest.create({ database: "d", id: 1n, json }),
  );
  const session = await rawSession(socket);
  const stream = rawStream(session, get);
  stream.end(framed(GetDocumentRequest.encode(GetDocumentRequest.create({ database: "d", id: 1n })).finish()));
  await once(stream, "response");
  // Nobody reads: HTTP/2's window closes after 64 KiB.
  await new Promise((resolve) => stream.once("close", resolve));
  t.is(stream.rstCode, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  session.destroy();
});

test("a connection holds no more than 64 MiB of requests that aren't finished, and others go on", async (t) => {
  const socket = await socketOf(t);
  const session = await rawSession(socket);
  const streams = Array.from({ length: 4 }, () => {
    const stream = rawStream(session, get);
    stream.write(beginning(31 * mebibyte, 30 * mebibyte));
    return stream;
  });
  // The third one would be 90 MiB. Which of them it is, the network decides.
  const code = await Promise.race(streams.map(resetCode));
  t.is(code, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  t.true(streams.filter(({ closed }) => !closed).length >= 2);
  t.is((await call(clientOf(t, socket), HealthService.check, { service: "" })).status, 1);
  session.destroy();
});

test("two hundred answers of a megabyte that nobody reads take little memory, and others are served", async (t) => {
  const socket = await socketOf(t);
  const client = clientOf(t, socket);
  await call(client, DatabaseServiceService.createDatabase, { database: "d" });
  const json = JSON.stringify("x".repeat(mebibyte));
  await call(
    client,
    DocumentServiceService.createDocument,
    CreateDocumentRequest.create({ database: "d", id: 1n, json }),
  );
  const request = GetDocumentRequest.create({ database: "d", id: 1n });
  const session = await rawSession(socket);
  const before = process.memoryUsage.rss();
  const streams = Array.from({ length: 200 }, () => rawStream(session, get));
  for (const stream of streams) stream.end(framed(GetDocumentRequest.encode(request).finish()));
  for (let i = 0; i < 50; i++) await call(client, DocumentServiceService.getDocument, request);
  t.true(process.memoryUsage.rss() - before < 150 * mebibyte);
  // Read at last, all of them are answered.
  const answers = await Promise.all(streams.map((stream) => answerOf(stream)));
  t.true(answers.every(({ status }) => status === 0));
  session.destroy();
});
