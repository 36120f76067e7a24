// Calls that break gRPC's own rules: framing, compression, headers, order. What each is answered with is mostly gRPC's
// to say; that the server goes on, and holds no more memory than a message may have, is ours.

import { status } from "@grpc/grpc-js";
import { setTimeout as sleep } from "node:timers/promises";
import { deflateSync, gzipSync } from "node:zlib";
import test, { type ExecutionContext } from "ava";
import { DatabaseServiceService } from "../../gen/docdb/v1/database.ts";
import {
  CreateDocumentRequest,
  DocumentServiceService,
  GetDocumentRequest,
  PipelineRequest,
} from "../../gen/docdb/v1/document.ts";
import { clientOf, serverIn, temporaryDirectory } from "../server/temporary-server.ts";
import { call } from "./calls.ts";
import { answerOf, framed, type RawAnswer, rawCall, rawSession, rawStream } from "./raw-client.ts";

const { path: get } = DocumentServiceService.getDocument;
const { path: create } = DocumentServiceService.createDocument;
const { path: pipeline } = DocumentServiceService.pipeline;
const mebibyte = 1024 * 1024;

const getOne = GetDocumentRequest.encode(GetDocumentRequest.create({ database: "d", id: 1n })).finish();

interface Asked {
  /** Sends this body on a stream of its own, and closes the client's side. */
  readonly send: (path: string, body: Uint8Array, headers?: Readonly<Record<string, string>>) => Promise<RawAnswer>;
  readonly ask: (path: string, request: Uint8Array, headers?: Readonly<Record<string, string>>) => Promise<RawAnswer>;
}

/** A server with a document 1 in database d; at the end of the test it must still have that one and nothing else. */
async function asked(t: ExecutionContext, attack: (server: Asked) => Promise<void>): Promise<void> {
  const { socket } = await serverIn(t, await temporaryDirectory(t));
  const client = clientOf(t, socket);
  await call(client, DatabaseServiceService.createDatabase, { database: "d" });
  await call(
    client,
    DocumentServiceService.createDocument,
    CreateDocumentRequest.create({ database: "d", id: 1n, json: "1" }),
  );
  const session = await rawSession(socket);
  await attack({
    send: async (path, body, headers) => {
      const stream = rawStream(session, path, headers);
      const answer = answerOf(stream);
      stream.end(body);
      return await answer;
    },
    ask: async (path, request, headers) => await rawCall(session, path, request, headers),
  });
  session.destroy();
  const { documents } = await call(client, DocumentServiceService.listDocuments, {
    ...{ database: "d", collection: "", pageSize: 10, pageToken: "", transactionId: "" },
  });
  t.deepEqual(
    documents.map(({ id, json }) => [id, json]),
    [[1n, "1"]],
  );
}

test("a unary call without a message, with half of one and with two is UNIMPLEMENTED, as gRPC says", async (t) => {
  await asked(t, async ({ send }) => {
    const whole = framed(getOne);
    for (const body of [Buffer.alloc(0), whole.subarray(0, -1), whole.subarray(0, 3), Buffer.concat([whole, whole])]) {
      t.is((await send(get, body)).status, status.UNIMPLEMENTED, body.toString("hex"));
    }
  });
});

test("compressed requests are read, up to the size that a message may have", async (t) => {
  await asked(t, async ({ send }) => {
    for (const [encoding, compress] of [
      ["gzip", gzipSync],
      ["deflate", deflateSync],
    ] as const) {
      const answer = await send(get, framed(compress(getOne), 1), { "grpc-encoding": encoding });
      t.is(answer.status, status.OK, encoding);
      const before = process.memoryUsage.rss();
      const bomb = framed(compress(Buffer.alloc(256 * mebibyte)), 1);
      const refused = await send(create, bomb, { "grpc-encoding": encoding });
      t.is(refused.status, status.RESOURCE_EXHAUSTED, encoding);
      t.true(process.memoryUsage.rss() - before < 200 * mebibyte);
    }
    t.is((await send(get, framed(getOne, 1), { "grpc-encoding": "gzip" })).status, status.INTERNAL);
    t.is((await send(get, framed(getOne, 1), { "grpc-encoding": "zstd" })).status, status.UNIMPLEMENTED);
  });
});

test("a message that says it has 4 GiB is RESOURCE_EXHAUSTED at its fifth byte", async (t) => {
  await asked(t, async ({ send }) => {
    t.is((await send(get, Buffer.from("00ffffffff", "hex"))).status, status.RESOURCE_EXHAUSTED);
    t.is((await send(pipeline, Buffer.from("00ffffffff", "hex"))).status, status.RESOURCE_EXHAUSTED);
  });
});

test("what isn't gRPC is 415, and what is no method is UNIMPLEMENTED", async (t) => {
  await asked(t, async ({ ask }) => {
    for (const type of ["text/html", "application/json", "application/x-www-form-urlencoded"]) {
      t.is((await ask(get, getOne, { "content-type": type })).httpStatus, 415, type);
    }
    for (const path of [
      "/",
      "//",
      "/docdb.v1.DocumentService/",
      "/docdb.v1.DocumentService/getDocument",
      "/%00",
      "/__proto__",
    ]) {
      t.is((await ask(path, getOne)).status, status.UNIMPLEMENTED, path);
    }
  });
});

test("a deadline that has passed means that nothing happened, and one that says nothing is refused", async (t) => {
  await asked(t, async ({ ask }) => {
    const request = CreateDocumentRequest.encode(CreateDocumentRequest.create({ database: "d", json: "2" })).finish();
    for (const timeout of ["0m", "0S", "1n", "0H"]) {
      t.is((await ask(create, request, { "grpc-timeout": timeout })).status, status.DEADLINE_EXCEEDED, timeout);
    }
    for (const timeout of ["S", "abc", "1"]) {
      const { status: answered, details } = await ask(create, request, { "grpc-timeout": timeout });
      t.is(answered, status.INTERNAL, timeout);
      t.regex(details, /Invalid grpc-timeout/);
    }
  });
});

test("metadata that makes no sense changes nothing", async (t) => {
  await asked(t, async ({ ask }) => {
    const odd: Record<string, string>[] = [
      { "x-bin": "!!not base64!!" },
      { "grpc-trace-bin": "AAAA", "grpc-tags-bin": "=====" },
      { traceparent: `00-${"f".repeat(32)}-${"0".repeat(16)}-ff` },
      { traceparent: "x".repeat(4_000), tracestate: ",".repeat(4_000) },
      { "grpc-accept-encoding": "nothing", "accept-encoding": "br", "user-agent": "\u00ff" },
      { "grpc-status": "13", "grpc-message": "%%%" },
    ];
    for (const headers of odd) t.is((await ask(get, getOne, headers)).status, status.OK, JSON.stringify(headers));
  });
});

test("a million entries of a repeated field are refused, and hold up nobody for long", async (t) => {
  await asked(t, async ({ ask }) => {
    // A field of two bytes: an empty operation, an empty call, an id that is packed.
    const many = Buffer.alloc(2_000_000, Buffer.from("1200", "hex"));
    const database = Buffer.from("0a0164", "hex");
    const batch = await ask(DocumentServiceService.batchWrite.path, Buffer.concat([database, many]));
    t.like(batch, { status: status.INVALID_ARGUMENT, reason: "TOO_MANY_OPERATIONS" });
    const packed = Buffer.concat([database, Buffer.from("1ac0843d", "hex"), Buffer.alloc(1_000_000, 1)]);
    const ids = await ask(DocumentServiceService.batchGetDocuments.path, packed);
    t.like(ids, { status: status.INVALID_ARGUMENT, reason: "TOO_MANY_OPERATIONS" });
  });
});

test("a pipeline of a hundred thousand calls that say nothing has a reply for each", async (t) => {
  await asked(t, async ({ send }) => {
    const calls = Buffer.alloc(200_000, Buffer.from("0a00", "hex"));
    const { status: answered, messages } = await send(pipeline, framed(calls));
    t.is(answered, status.OK);
    const bytes = messages.reduce((sum, message) => sum + message.length, 0);
    t.true(bytes > 100_000 * 50);
  });
});

test("a field that is there twice counts as it was sent last", async (t) => {
  await asked(t, async ({ ask }) => {
    const other = GetDocumentRequest.encode(GetDocumentRequest.create({ database: "nowhere", id: 7n })).finish();
    t.is((await ask(get, Buffer.concat([other, getOne]))).status, status.OK);
    t.is((await ask(get, Buffer.concat([getOne, other]))).reason, "DATABASE_NOT_FOUND");
    const empty = PipelineRequest.encode(PipelineRequest.create({})).finish();
    t.is((await ask(pipeline, empty)).status, status.OK);
  });
});

test("a stream whose replies nobody has read is told when its deadline has passed", async (t) => {
  const { socket } = await serverIn(t, await temporaryDirectory(t));
  const client = clientOf(t, socket);
  await call(client, DatabaseServiceService.createDatabase, { database: "d" });
  const json = JSON.stringify("x".repeat(300_000));
  const document = CreateDocumentRequest.create({ database: "d", id: 1n, json });
  await call(client, DocumentServiceService.createDocument, document);
  const calls = Array.from({ length: 8 }, (_, i) => {
    const value = GetDocumentRequest.create({ database: "d", id: 1n });
    return { callId: BigInt(i + 1), request: { $case: "getDocument", value } as const, timeoutMs: 0, traceparent: "" };
  });
  const session = await rawSession(socket);
  const stream = rawStream(session, pipeline, { "grpc-timeout": "400m" });
  stream.end(framed(PipelineRequest.encode({ calls }).finish()));
  await sleep(700);
  const answer = await Promise.race([answerOf(stream), sleep(10_000)]);
  t.is(answer?.status, status.DEADLINE_EXCEEDED);
  session.destroy();
});
