// Lists and their page tokens: every item comes once, in order, and a token is good for the list that issued it only.

import { type Client, status } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { CollectionServiceService } from "../../gen/docdb/v1/collection.ts";
import { DatabaseServiceService } from "../../gen/docdb/v1/database.ts";
import { BatchWriteRequest, DocumentServiceService, WriteOperation } from "../../gen/docdb/v1/document.ts";
import { cursorOf, pageScope, pageSizeOf, pageToken } from "../../src/rpc/paging.ts";
import { temporaryServer } from "../server/temporary-server.ts";
import { call, failureOf } from "./calls.ts";

async function withDocuments(t: ExecutionContext, ids: readonly bigint[], json = "1"): Promise<Client> {
  const client = await temporaryServer(t);
  await call(client, DatabaseServiceService.createDatabase, { database: "d" });
  const operations = ids.map((id) =>
    WriteOperation.fromPartial({ operation: { $case: "create", value: { id, json } } }),
  );
  await call(client, DocumentServiceService.batchWrite, BatchWriteRequest.create({ database: "d", operations }));
  return client;
}

function listDocuments(client: Client, pageSize: number, token = "", collection = "") {
  const request = { database: "d", collection, pageSize, pageToken: token, transactionId: "" };
  return call(client, DocumentServiceService.listDocuments, request);
}

test("pages of documents go through all of them in the order of their ids", async (t) => {
  const ids = [3n, 1n, 2n ** 64n - 1n, 7n, 2n ** 53n + 1n, 4n, 5n];
  const client = await withDocuments(t, ids);
  const seen: bigint[] = [];
  let token = "";
  do {
    const page = await listDocuments(client, 3, token);
    seen.push(...page.documents.map(({ id }) => id));
    token = page.nextPageToken;
  } while (token !== "");
  t.deepEqual(
    seen,
    ids.toSorted((a, b) => (a < b ? -1 : 1)),
  );
});

test("a page has 100 documents unless it is told otherwise, and 1,000 at most", async (t) => {
  const client = await withDocuments(
    t,
    Array.from({ length: 1_100 }, (_, i) => BigInt(i + 1)),
  );
  t.is((await listDocuments(client, 0)).documents.length, 100);
  t.is((await listDocuments(client, 2 ** 32 - 1)).documents.length, 1_000);
});

test("a page ends after 4 MiB of JSON, and a document bigger than that is a page of its own", async (t) => {
  const client = await withDocuments(t, [1n, 2n, 3n], `"${"x".repeat(3 * 1024 * 1024)}"`);
  const first = await listDocuments(client, 100);
  t.is(first.documents.length, 1);
  const second = await listDocuments(client, 100, first.nextPageToken);
  t.deepEqual(
    second.documents.map(({ id }) => id),
    [2n],
  );
});

test("databases and collections are listed page by page in the order of their names", async (t) => {
  const client = await temporaryServer(t);
  for (const database of ["b", "A", "c"]) await call(client, DatabaseServiceService.createDatabase, { database });
  const first = await call(client, DatabaseServiceService.listDatabases, { pageSize: 2, pageToken: "" });
  t.deepEqual(
    first.databases.map(({ name }) => name),
    ["A", "b"],
  );
  const request = { pageSize: 2, pageToken: first.nextPageToken };
  const second = await call(client, DatabaseServiceService.listDatabases, request);
  t.like(second, { databases: [{ name: "c" }], nextPageToken: "" });

  const names = { database: "A", collection: "users" };
  await call(client, CollectionServiceService.createCollection, names);
  const list = { database: "A", pageSize: 1, pageToken: "" };
  const page = await call(client, CollectionServiceService.listCollections, list);
  t.is(page.collections[0]?.name, "_default");
  const next = { ...list, pageToken: page.nextPageToken };
  const last = await call(client, CollectionServiceService.listCollections, next);
  t.like(last, { collections: [{ name: "users" }], nextPageToken: "" });
  t.truthy(last.collections[0]?.createTime);
});

test("a page token that was altered, or comes from another list, is INVALID_PAGE", async (t) => {
  const client = await withDocuments(t, [1n, 2n, 3n]);
  await call(client, CollectionServiceService.createCollection, { database: "d", collection: "other" });
  const { nextPageToken } = await listDocuments(client, 1);
  const invalid = { status: status.INVALID_ARGUMENT, reason: "INVALID_PAGE" };
  const databases = { pageSize: 1, pageToken: nextPageToken };
  t.like(await failureOf(call(client, DatabaseServiceService.listDatabases, databases)), invalid);
  t.like(await failureOf(listDocuments(client, 1, nextPageToken, "other")), invalid);
  const altered = ["x", "AA", `${nextPageToken}A`, nextPageToken.slice(1), `${nextPageToken}=`, "é", "\0"];
  const bytes = Buffer.from(nextPageToken, "base64url");
  for (const i of bytes.keys()) {
    const changed = Buffer.from(bytes);
    changed[i] = (changed[i] ?? 0) ^ 1;
    altered.push(changed.toString("base64url"));
  }
  for (const token of altered) t.like(await failureOf(listDocuments(client, 1, token)), invalid, token);
});

test("a token belongs to its collection whatever the case of the name, and `_default` has two names", async (t) => {
  const client = await withDocuments(t, [1n, 2n, 3n]);
  const { nextPageToken } = await listDocuments(client, 1);
  t.is((await listDocuments(client, 1, nextPageToken, "_default")).documents[0]?.id, 2n);
  const request = { database: "D", collection: "", pageSize: 1, pageToken: nextPageToken, transactionId: "" };
  t.is((await call(client, DocumentServiceService.listDocuments, request)).documents[0]?.id, 2n);
});

test("names can't be shifted between the parts of a token's scope", (t) => {
  const token = pageToken(pageScope("List", "a", "bc"), Buffer.from("x"));
  t.deepEqual(cursorOf(pageScope("List", "a", "bc"), token), Buffer.from("x"));
  t.throws(() => cursorOf(pageScope("List", "ab", "c"), token), { message: /page token/ });
});

test("page size 0 means the default, and more than the most means the most", (t) => {
  t.deepEqual(
    [0, 1, 1_000, 1_001, 2 ** 32 - 1].map((size) => pageSizeOf(size, 100, 1_000)),
    [100, 1, 1_000, 1_000, 1_000],
  );
});
