// What a hostile or broken client may send, and the one answer that each of it has. Nothing of it is ever stored.

import { randomBytes } from "node:crypto";
import { type Client, status } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { CollectionServiceService } from "../../gen/docdb/v1/collection.ts";
import { DatabaseServiceService } from "../../gen/docdb/v1/database.ts";
import {
  BatchGetDocumentsRequest,
  CreateDocumentRequest,
  DocumentServiceService,
  WriteOperation,
} from "../../gen/docdb/v1/document.ts";
import { TransactionServiceService } from "../../gen/docdb/v1/transaction.ts";
import * as wire from "../../gen/wire/docdb/v1/document.ts";
import { temporaryServer } from "../server/temporary-server.ts";
import { call, failureOf, rawMethod } from "./calls.ts";

const createPath = "/docdb.v1.DocumentService/CreateDocument";

async function serverWithDatabase(t: ExecutionContext): Promise<Client> {
  const client = await temporaryServer(t);
  await call(client, DatabaseServiceService.createDatabase, { database: "d" });
  return client;
}

function create(client: Client, fields: Partial<CreateDocumentRequest>) {
  return call(
    client,
    DocumentServiceService.createDocument,
    CreateDocumentRequest.create({ database: "d", ...fields }),
  );
}

/** Sends JSON bytes that a string couldn't hold. */
function createBytes(client: Client, json: Buffer): Promise<Buffer> {
  const request = wire.CreateDocumentRequest.create({ database: "d", json });
  return call(client, rawMethod(createPath), Buffer.from(wire.CreateDocumentRequest.encode(request).finish()));
}

async function documentCount(client: Client): Promise<bigint | undefined> {
  const request = { database: "d", collection: "" };
  return (await call(client, CollectionServiceService.getCollection, request)).collection?.documents;
}

async function refused(t: ExecutionContext, client: Client, json: string | Buffer, reason: string): Promise<void> {
  const creating = typeof json === "string" ? create(client, { json }) : createBytes(client, json);
  t.like(await failureOf(creating), { status: status.INVALID_ARGUMENT, reason });
  t.is(await documentCount(client), 0n);
}

async function stored(t: ExecutionContext, client: Client, json: string): Promise<void> {
  const { id } = await create(client, { json });
  const request = { database: "d", collection: "", id, transactionId: "" };
  t.is((await call(client, DocumentServiceService.getDocument, request)).document?.json, json);
}

const badJson: Readonly<Record<string, string>> = {
  "an empty text": "",
  "a byte order mark": "\ufeff{}",
  NaN: '{"a":NaN}',
  Infinity: "-Infinity",
  "a trailing comma": "[1,]",
  "two values": "{} {}",
  "a raw control character in a string": '"\u0001"',
  "a NUL after the value": "1\0",
  "single quotes": "{'a':1}",
  "a leading zero": "01",
};

for (const [what, json] of Object.entries(badJson)) {
  test(`${what} is INVALID_JSON`, async (t) => refused(t, await serverWithDatabase(t), json, "INVALID_JSON"));
}

test("101 levels of nesting are JSON_TOO_DEEP, and 100 are stored", async (t) => {
  const client = await serverWithDatabase(t);
  await refused(t, client, "[".repeat(101) + "]".repeat(101), "JSON_TOO_DEEP");
  await refused(t, client, `${'{"a":'.repeat(101)}1${"}".repeat(101)}`, "JSON_TOO_DEEP");
  await stored(t, client, "[".repeat(100) + "]".repeat(100));
});

test("16 MiB of brackets are JSON_TOO_DEEP", async (t) => {
  await refused(t, await serverWithDatabase(t), "[".repeat(16 * 1024 * 1024), "JSON_TOO_DEEP");
});

test("raw invalid UTF-8 is INVALID_UTF8", async (t) => {
  const client = await serverWithDatabase(t);
  await refused(t, client, Buffer.from([0x22, 0xff, 0xfe, 0x22]), "INVALID_UTF8");
  // An encoded surrogate, and an overlong slash.
  await refused(t, client, Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), "INVALID_UTF8");
  await refused(t, client, Buffer.from([0x22, 0xc0, 0xaf, 0x22]), "INVALID_UTF8");
});

test("documents come back byte for byte", async (t) => {
  await stored(t, await serverWithDatabase(t), '{"n":18446744073709551615,"f":1.0,"e":1e400,"é":"\\ud83d\\ude00"}');
});

test("escaped lone surrogates, duplicate keys and white space are stored as sent", async (t) => {
  const client = await serverWithDatabase(t);
  for (const json of ['"\\ud800"', '{"a":1,"a":2}', ' { "a" : [ ] }\n']) await stored(t, client, json);
});

test("keys named like parts of a prototype are ordinary keys", async (t) => {
  const client = await serverWithDatabase(t);
  await stored(t, client, '{"__proto__":{"polluted":true},"constructor":1,"prototype":2}');
  t.false("polluted" in {});
});

test("a document of 16 MiB is stored, and one of 17 MiB is DOCUMENT_TOO_LARGE", async (t) => {
  const client = await serverWithDatabase(t);
  const failure = await failureOf(create(client, { json: `"${"x".repeat(17 * 1024 * 1024)}"` }));
  t.like(failure, { status: status.RESOURCE_EXHAUSTED, reason: "DOCUMENT_TOO_LARGE" });
  t.is(await documentCount(client), 0n);
  await stored(t, client, `"${"x".repeat(16 * 1024 * 1024 - 2)}"`);
});

test("a message over the limit of messages is RESOURCE_EXHAUSTED and is not read to its end", async (t) => {
  const client = await serverWithDatabase(t);
  const error = await t.throwsAsync(createBytes(client, Buffer.alloc(33 * 1024 * 1024, 0x20)));
  t.is((error as Error & { code: number }).code, status.RESOURCE_EXHAUSTED);
  await stored(t, client, "1");
});

const badNames: Readonly<Record<string, string>> = {
  "an empty name": "",
  "a path": "../x",
  "a dot": ".",
  "a hidden file": ".catalog",
  "a NUL": "a\0b",
  "a slash": "a/b",
  "a space": "a b",
  "a letter outside ASCII": "né",
  __proto__: "__proto__",
  "65 letters": "x".repeat(65),
  "a megabyte": "x".repeat(1024 * 1024),
};

for (const [what, name] of Object.entries(badNames)) {
  test(`${what} as a name is INVALID_NAME`, async (t) => {
    const client = await serverWithDatabase(t);
    const invalid = { status: status.INVALID_ARGUMENT, reason: "INVALID_NAME" };
    t.like(await failureOf(call(client, DatabaseServiceService.createDatabase, { database: name })), invalid);
    t.like(await failureOf(create(client, { database: name, json: "1" })), invalid);
    const creating = call(client, CollectionServiceService.createCollection, { database: "d", collection: name });
    t.like(await failureOf(creating), invalid);
    // An empty collection means `_default`.
    if (name !== "") t.like(await failureOf(create(client, { collection: name, json: "1" })), invalid);
  });
}

test("names that differ in case only are the same name", async (t) => {
  const client = await serverWithDatabase(t);
  const database = await failureOf(call(client, DatabaseServiceService.createDatabase, { database: "D" }));
  t.like(database, { status: status.ALREADY_EXISTS, reason: "DATABASE_EXISTS" });
  await call(client, CollectionServiceService.createCollection, { database: "d", collection: "Users" });
  const again = call(client, CollectionServiceService.createCollection, { database: "d", collection: "uSERS" });
  t.like(await failureOf(again), { status: status.ALREADY_EXISTS, reason: "COLLECTION_EXISTS" });
});

test("names of JavaScript's own properties are names like any other", async (t) => {
  const client = await serverWithDatabase(t);
  for (const name of ["constructor", "prototype", "toString", "hasOwnProperty"]) {
    const missing = await failureOf(create(client, { database: name, json: "1" }));
    t.like(missing, { status: status.NOT_FOUND, reason: "DATABASE_NOT_FOUND" });
    await call(client, DatabaseServiceService.createDatabase, { database: name });
    await call(client, CollectionServiceService.createCollection, { database: name, collection: name });
    await create(client, { database: name, collection: name, json: "1" });
  }
});

test("ids beyond 2^53 are exact", async (t) => {
  const client = await serverWithDatabase(t);
  for (const id of [2n ** 53n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n]) {
    t.is((await create(client, { id, json: String(id) })).id, id);
  }
  const request = { database: "d", collection: "", id: 2n ** 53n + 1n, transactionId: "" };
  t.is((await call(client, DocumentServiceService.getDocument, request)).document?.json, String(2n ** 53n + 1n));
});

test("id 0 is INVALID_ID everywhere but in a creation", async (t) => {
  const client = await serverWithDatabase(t);
  const invalid = { status: status.INVALID_ARGUMENT, reason: "INVALID_ID" };
  const names = { database: "d", collection: "", id: 0n, requestId: "", transactionId: "", precondition: undefined };
  const update = { ...names, json: "1", allowMissing: true };
  t.like(await failureOf(call(client, DocumentServiceService.getDocument, names)), invalid);
  t.like(await failureOf(call(client, DocumentServiceService.updateDocument, update)), invalid);
  t.like(
    await failureOf(call(client, DocumentServiceService.deleteDocument, { ...names, allowMissing: true })),
    invalid,
  );
});

test("a version beyond 2^53 is VERSION_MISMATCH", async (t) => {
  const client = await serverWithDatabase(t);
  await create(client, { id: 1n, json: "1" });
  for (const version of [2n ** 53n, 2n ** 53n + 1n, 2n ** 64n - 1n]) {
    const precondition = { condition: { $case: "version" as const, value: version } };
    const names = { database: "d", collection: "", id: 1n, requestId: "", transactionId: "" };
    const updating = call(client, DocumentServiceService.updateDocument, {
      ...names,
      json: "2",
      precondition,
      allowMissing: false,
    });
    const failure = await failureOf(updating);
    t.like(failure, { status: status.FAILED_PRECONDITION, reason: "VERSION_MISMATCH", metadata: { version: "1" } });
  }
});

test("a precondition and an operation that say nothing are INVALID_REQUEST", async (t) => {
  const client = await serverWithDatabase(t);
  const invalid = { status: status.INVALID_ARGUMENT, reason: "INVALID_REQUEST" };
  t.like(await failureOf(create(client, { json: "1", precondition: { condition: undefined } })), invalid);
  const operations = [WriteOperation.create()];
  const batch = { database: "d", operations, atomic: true, requestId: "", transactionId: "" };
  const failure = await failureOf(call(client, DocumentServiceService.batchWrite, batch));
  t.like(failure, { ...invalid, metadata: { index: "0" } });
});

test("65,536 operations are TOO_MANY_OPERATIONS", async (t) => {
  const client = await serverWithDatabase(t);
  const tooMany = { status: status.INVALID_ARGUMENT, reason: "TOO_MANY_OPERATIONS" };
  const operation = WriteOperation.fromPartial({
    operation: { $case: "delete", value: { id: 1n, allowMissing: true } },
  });
  const operations = new Array<WriteOperation>(65_536).fill(operation);
  const batch = { database: "d", operations, atomic: false, requestId: "", transactionId: "" };
  t.like(await failureOf(call(client, DocumentServiceService.batchWrite, batch)), tooMany);
  const ids = new Array<bigint>(65_536).fill(1n);
  const getting = call(
    client,
    DocumentServiceService.batchGetDocuments,
    BatchGetDocumentsRequest.create({ database: "d", ids }),
  );
  t.like(await failureOf(getting), tooMany);
});

test("bytes that are no message are INVALID_REQUEST", async (t) => {
  const client = await serverWithDatabase(t);
  const invalid = { status: status.INVALID_ARGUMENT, reason: "INVALID_REQUEST" };
  // A field that ends too early, an endless varint, an unknown wire type, a group that never ends.
  const broken = ["0a7f41", "ffffffffffffffffffffffff", "0f", "0b08"].map((hex) => Buffer.from(hex, "hex"));
  // 200 groups, each inside the one before.
  let nested = Buffer.alloc(0);
  for (let i = 0; i < 200; i++) nested = Buffer.concat([Buffer.from([0x0b]), nested, Buffer.from([0x0c])]);
  for (const bytes of [...broken, nested]) {
    t.like(await failureOf(call(client, rawMethod(createPath), bytes)), invalid, bytes.toString("hex"));
  }
  t.is(await documentCount(client), 0n);
});

test("random bytes get an answer, and the server goes on", async (t) => {
  const client = await serverWithDatabase(t);
  const methods = ["CreateDocument", "UpdateDocument", "BatchWrite", "ListDocuments", "BatchGetDocuments"];
  const calls = Array.from({ length: 500 }, async (_, i) => {
    const path = `/docdb.v1.DocumentService/${methods[i % methods.length]}`;
    const failure = await failureOf(call(client, rawMethod(path), randomBytes(1 + (i % 64))));
    return failure.status;
  });
  const usual = new Set<number>([status.INVALID_ARGUMENT, status.NOT_FOUND, status.UNIMPLEMENTED]);
  for (const code of await Promise.all(calls)) t.true(usual.has(code), String(code));
  await stored(t, client, "1");
});

test("an unknown enum is INVALID_ENUM", async (t) => {
  const client = await serverWithDatabase(t);
  const request = { database: "d", isolation: 77 as never, idleTimeout: undefined };
  const failure = await failureOf(call(client, TransactionServiceService.beginTransaction, request));
  t.like(failure, { status: status.INVALID_ARGUMENT, reason: "INVALID_ENUM" });
});
