// A server's life in one process: it starts where it may, stops without losing anything, and starts again.

import { readdir } from "node:fs/promises";
import { createConnection } from "node:net";
import { join } from "node:path";
import { connect, constants } from "node:http2";
import { type Client, status } from "@grpc/grpc-js";
import test from "ava";
import { DatabaseServiceService } from "../../gen/docdb/v1/database.ts";
import { CreateDocumentRequest, DocumentServiceService, GetDocumentRequest } from "../../gen/docdb/v1/document.ts";
import { HealthService } from "../../gen/health/v1/health.ts";
import { DocDBError } from "../../src/base/errors.ts";
import { call, decodeFailure, failureOf } from "../rpc/calls.ts";
import { clientOf, serverIn, temporaryDirectory, temporaryServer } from "./temporary-server.ts";

function create(client: Client, id: bigint) {
  const request = CreateDocumentRequest.create({ database: "d", id, json: String(id) });
  return call(client, DocumentServiceService.createDocument, request);
}

function get(client: Client, id: bigint) {
  return call(client, DocumentServiceService.getDocument, GetDocumentRequest.create({ database: "d", id }));
}

test("a second server on the same data directory fails at once and harms nothing", async (t) => {
  const directory = await temporaryDirectory(t);
  const first = await serverIn(t, directory);
  const socket = join(directory, "other.sock");
  const error = await t.throwsAsync(serverIn(t, directory, { socket }), { instanceOf: DocDBError });
  t.is(error?.code, "ALREADY_RUNNING");
  t.true(error?.message.includes(join(directory, "data")));
  t.deepEqual(await readdir(directory), ["data", "docdb.sock"]);
  const client = clientOf(t, first.socket);
  await call(client, DatabaseServiceService.createDatabase, { database: "d" });
  await create(client, 1n);
});

test("a server whose socket is taken leaves that one alone and gives its data directory free", async (t) => {
  const directory = await temporaryDirectory(t);
  const first = await serverIn(t, directory);
  const dataDirectory = join(directory, "data2");
  const error = await t.throwsAsync(serverIn(t, directory, { dataDirectory }), { instanceOf: DocDBError });
  t.is(error?.code, "ALREADY_RUNNING");
  t.is((await call(clientOf(t, first.socket), HealthService.check, { service: "" })).status, 1);
  const second = await serverIn(t, directory, { dataDirectory, socket: join(directory, "2.sock") });
  t.is((await call(clientOf(t, second.socket), HealthService.check, { service: "" })).status, 1);
});

test("a socket path of 108 bytes is refused before anything is made", async (t) => {
  const directory = await temporaryDirectory(t);
  const socket = join(directory, "s".repeat(108 - directory.length - 1));
  const error = await t.throwsAsync(serverIn(t, directory, { socket }), { instanceOf: DocDBError });
  t.is(error?.code, "INVALID_SETTING");
  t.deepEqual(await readdir(directory), []);
});

test("a server that stops answers every call, and what it acknowledged is there when it starts again", async (t) => {
  const directory = await temporaryDirectory(t);
  const first = await serverIn(t, directory);
  const client = clientOf(t, first.socket);
  await call(client, DatabaseServiceService.createDatabase, { database: "d" });
  const acknowledged: bigint[] = [];
  const refused: string[] = [];
  let closing: Promise<void> | undefined;
  const writers = Array.from({ length: 200 }, async (_, i) => {
    const id = BigInt(i + 1);
    try {
      await create(client, id);
      acknowledged.push(id);
      closing ??= first.close();
    } catch (error) {
      refused.push(reasonOf(error));
    }
  });
  await Promise.all(writers);
  await closing;
  t.true(acknowledged.length > 0);
  t.is(acknowledged.length + refused.length, 200);
  // Refused by the server, or by its connection, which takes no calls any more.
  for (const reason of refused) t.true(["SHUTTING_DOWN", "UNAVAILABLE"].includes(reason), reason);
  t.deepEqual(await readdir(directory), ["data"]);

  const second = await serverIn(t, directory);
  const again = clientOf(t, second.socket);
  for (const id of acknowledged) t.is((await get(again, id)).document?.json, String(id));
});

function reasonOf(error: unknown): string {
  try {
    return decodeFailure(error as never).reason;
  } catch {
    return (error as { code?: number }).code === status.UNAVAILABLE ? "UNAVAILABLE" : String(error);
  }
}

test("closing a server twice is closing it once", async (t) => {
  const server = await serverIn(t, await temporaryDirectory(t));
  await Promise.all([server.close(), server.close()]);
  await server.close();
  t.pass();
});

test("connections over the limit are closed at once, and the others go on", async (t) => {
  const server = await serverIn(t, await temporaryDirectory(t), { maxConnections: 1 });
  const client = clientOf(t, server.socket);
  await call(client, HealthService.check, { service: "" });
  await new Promise((resolve) => {
    createConnection(server.socket).on("close", resolve).on("error", resolve).resume();
  });
  t.is((await call(client, HealthService.check, { service: "" })).status, 1);
});

test("a client that speaks no HTTP/2 is cut off, and the server goes on", async (t) => {
  const server = await serverIn(t, await temporaryDirectory(t));
  await new Promise<void>((resolve) => {
    const connection = createConnection(server.socket, () => connection.write("GET / HTTP/1.1\r\n\r\n".repeat(10)));
    connection.on("error", () => undefined);
    connection.on("close", () => resolve());
    connection.resume();
  });
  t.is((await call(clientOf(t, server.socket), HealthService.check, { service: "" })).status, 1);
});

test("headers of 200 KB are refused, and the server goes on", async (t) => {
  const server = await serverIn(t, await temporaryDirectory(t));
  const session = connect("http://localhost", {
    createConnection: () => createConnection(server.socket),
    maxSendHeaderBlockLength: 1_000_000,
  });
  session.on("error", () => undefined);
  const answered = await new Promise<boolean>((resolve) => {
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: "POST",
      [constants.HTTP2_HEADER_PATH]: "/grpc.health.v1.Health/Check",
      [constants.HTTP2_HEADER_CONTENT_TYPE]: "application/grpc",
      ...Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`x-${i}`, "x".repeat(10_000)])),
    });
    stream.on("response", () => resolve(true));
    stream.on("error", () => undefined);
    stream.on("close", () => resolve(false));
    stream.end();
  });
  session.destroy();
  t.false(answered);
  t.is((await call(clientOf(t, server.socket), HealthService.check, { service: "" })).status, 1);
});

test("an error after the server has gone is UNAVAILABLE", async (t) => {
  const directory = await temporaryDirectory(t);
  const server = await serverIn(t, directory);
  const client = clientOf(t, server.socket);
  await call(client, HealthService.check, { service: "" });
  await server.close();
  const error = await t.throwsAsync(call(client, HealthService.check, { service: "" }));
  t.is((error as Error & { code: number }).code, status.UNAVAILABLE);
});

test("failures carry their details to any client", async (t) => {
  const client = await temporaryServer(t);
  const failure = await failureOf(get(client, 1n));
  t.like(failure, { status: status.NOT_FOUND, reason: "DATABASE_NOT_FOUND" });
  t.truthy(failure.message);
});
