// Patches on the wire: which of them make sense, and what the answers say.

import { type Client, status } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { DatabaseServiceService } from "../../gen/docdb/v1/database.ts";
import {
  BatchWriteRequest,
  CreateDocumentRequest,
  DocumentServiceService as Documents,
  GetDocumentRequest,
  PatchDocumentRequest,
  PatchOperationType,
  WriteOperation,
} from "../../gen/docdb/v1/document.ts";
import * as wire from "../../gen/wire/docdb/v1/document.ts";
import { temporaryServer } from "../server/temporary-server.ts";
import { call, failureIn, failureOf, rawMethod } from "./calls.ts";

const exact = '{"id":18446744073709551615,"price":1.10,"tags":[1e400]}';

async function withDocument(t: ExecutionContext): Promise<Client> {
  const client = await temporaryServer(t);
  await call(client, DatabaseServiceService.createDatabase, { database: "d" });
  const request = CreateDocumentRequest.create({ database: "d", id: 1n, json: exact });
  await call(client, Documents.createDocument, request);
  return client;
}

type Fields = Parameters<typeof PatchDocumentRequest.fromPartial>[0];

function patch(client: Client, fields: Fields) {
  const request = PatchDocumentRequest.fromPartial({ database: "d", id: 1n, ...fields });
  return call(client, Documents.patchDocument, request);
}

async function text(client: Client): Promise<string | undefined> {
  const request = GetDocumentRequest.create({ database: "d", id: 1n });
  return (await call(client, Documents.getDocument, request)).document?.json;
}

const { SET, DELETE, INSERT, UNSPECIFIED } = PatchOperationType;

test("each form of patch changes what it names and nothing else", async (t) => {
  const client = await withDocument(t);
  const operations = [
    { op: SET, path: "/a/b", json: "1.0" },
    { op: INSERT, path: "/tags/0", json: "-0" },
    { op: DELETE, path: "/price" },
  ];
  const { id, version } = await patch(client, { operations });
  t.deepEqual({ id, version }, { id: 1n, version: 2n });
  t.is(await text(client), '{"id":18446744073709551615,"tags":[-0,1e400],"a":{"b":1.0}}');
  await patch(client, { jsonPatch: '[{"op":"move","from":"/a/b","path":"/c"}]' });
  t.is(await text(client), '{"id":18446744073709551615,"tags":[-0,1e400],"a":{},"c":1.0}');
  await patch(client, { mergePatch: '{"a":null,"c":2e0}' });
  t.is(await text(client), '{"id":18446744073709551615,"tags":[-0,1e400],"c":2e0}');
});

for (const [what, fields, code, reason] of [
  ["no form", {}, status.INVALID_ARGUMENT, "INVALID_REQUEST"],
  ["two forms", { jsonPatch: "[]", mergePatch: "{}" }, status.INVALID_ARGUMENT, "INVALID_REQUEST"],
  ["id 0", { id: 0n, mergePatch: "{}" }, status.INVALID_ARGUMENT, "INVALID_ID"],
  ["an empty precondition", { mergePatch: "{}", precondition: {} }, status.INVALID_ARGUMENT, "INVALID_REQUEST"],
  ["no kind", { operations: [{ op: UNSPECIFIED, path: "/a" }] }, status.INVALID_ARGUMENT, "INVALID_ENUM"],
  ["an unknown kind", { operations: [{ op: 9 as never, path: "/a" }] }, status.INVALID_ARGUMENT, "INVALID_ENUM"],
  ["a bad path", { operations: [{ op: DELETE, path: "a" }] }, status.INVALID_ARGUMENT, "INVALID_PATH"],
  ["bad JSON", { operations: [{ op: SET, path: "/a", json: "NaN" }] }, status.INVALID_ARGUMENT, "INVALID_JSON"],
  [
    "a deep path",
    { operations: [{ op: SET, path: "/a".repeat(101), json: "1" }] },
    status.INVALID_ARGUMENT,
    "INVALID_PATH",
  ],
  ["a missing place", { operations: [{ op: DELETE, path: "/x" }] }, status.FAILED_PRECONDITION, "PATH_NOT_FOUND"],
  [
    "a place in a number",
    { operations: [{ op: SET, path: "/id/x", json: "1" }] },
    status.FAILED_PRECONDITION,
    "NOT_AN_OBJECT",
  ],
  [
    "a failing test",
    { jsonPatch: '[{"op":"test","path":"/id","value":1}]' },
    status.FAILED_PRECONDITION,
    "TEST_FAILED",
  ],
  ["a missing document", { id: 2n, mergePatch: "{}" }, status.NOT_FOUND, "DOCUMENT_NOT_FOUND"],
  [
    "another version",
    { mergePatch: "{}", precondition: { condition: { $case: "version", value: 9n } } },
    status.FAILED_PRECONDITION,
    "VERSION_MISMATCH",
  ],
] as const satisfies readonly (readonly [string, Fields, number, string])[]) {
  test(`a patch with ${what} is ${reason} and changes nothing`, async (t) => {
    const client = await withDocument(t);
    t.like(await failureOf(patch(client, fields)), { status: code, reason });
    t.is(await text(client), exact);
  });
}

test("a path that isn't UTF-8 is INVALID_UTF8, alone and in a batch, and nothing becomes U+FFFD", async (t) => {
  const client = await withDocument(t);
  const operations = [{ op: SET, path: Buffer.from("/\xff", "latin1"), json: Buffer.from("1") }];
  const one = wire.PatchDocumentRequest.create({ database: "d", id: 1n, operations });
  const bytes = Buffer.from(wire.PatchDocumentRequest.encode(one).finish());
  const failure = await failureOf(call(client, rawMethod(Documents.patchDocument.path), bytes));
  t.like(failure, { status: status.INVALID_ARGUMENT, reason: "INVALID_UTF8", metadata: { operation: "0" } });
  const value = { collection: "", id: 1n, precondition: undefined, operations, jsonPatch: Buffer.alloc(0) };
  const operation = { $case: "patch", value: { ...value, mergePatch: Buffer.alloc(0) } } as const;
  const batch = wire.BatchWriteRequest.create({ database: "d", operations: [{ operation }] });
  const batchBytes = Buffer.from(wire.BatchWriteRequest.encode(batch).finish());
  const answer = await call(client, rawMethod(Documents.batchWrite.path), batchBytes);
  const [result] = wire.BatchWriteResponse.decode(answer).results;
  t.is(result?.result?.$case === "error" ? failureIn(result.result.value).reason : "none", "INVALID_UTF8");
  await patch(client, { operations: [{ op: SET, path: "/\u{fffd}", json: "1" }] });
  t.is(await text(client), `${exact.slice(0, -1)},"\u{fffd}":1}`);
});

test("the failing operation of a patch is named", async (t) => {
  const client = await withDocument(t);
  const operations = [
    { op: SET, path: "/a", json: "1" },
    { op: SET, path: "/tags/7", json: "1" },
  ];
  const failure = await failureOf(patch(client, { operations }));
  t.like(failure.metadata, { operation: "1", path: "/tags/7" });
  t.regex(failure.message, /Operation 1 of the patch/);
});

test("__proto__, constructor and prototype are members like any other", async (t) => {
  const client = await withDocument(t);
  const names = ["__proto__", "constructor", "prototype"];
  await patch(client, { operations: names.map((name) => ({ op: SET, path: `/${name}/x`, json: "1" })) });
  await patch(client, { mergePatch: '{"__proto__":{"y":2}}' });
  t.true((await text(client))?.endsWith('"__proto__":{"x":1,"y":2},"constructor":{"x":1},"prototype":{"x":1}}'));
  t.is(({} as { x?: unknown }).x, undefined);
});

test("patches in a batch: atomic ones all or nothing, others each for itself", async (t) => {
  const client = await withDocument(t);
  const operations = ['{"n":1}', "{", '{"n":2}'].map((mergePatch) =>
    WriteOperation.fromPartial({ operation: { $case: "patch", value: { id: 1n, mergePatch } } }),
  );
  const atomic = BatchWriteRequest.create({ database: "d", operations, atomic: true });
  t.like(await failureOf(call(client, Documents.batchWrite, atomic)), {
    reason: "INVALID_JSON",
    metadata: { index: "1" },
  });
  t.is(await text(client), exact);
  const each = BatchWriteRequest.create({ database: "d", operations });
  const { results } = await call(client, Documents.batchWrite, each);
  const [first, second, third] = results.map(({ result }) => result);
  t.is(first?.$case, "document");
  t.is(second?.$case === "error" ? failureIn(second.value).reason : "none", "INVALID_JSON");
  t.is(third?.$case, "document");
  t.is(await text(client), `${exact.slice(0, -1)},"n":2}`);
});
