// collection.scan(): one version of a whole collection, and what it does when it is interrupted.

import test from "ava";
import { ScanDocumentsResponse } from "../../gen/docdb/v1/document.ts";
import { DocDBError } from "../../src/base/errors.ts";
import { realDatabase } from "./real-server.ts";
import { failWith, hangUp, scripted, send } from "./scripted-server.ts";

const ids = (documents: readonly { readonly id: bigint }[]): number[] => documents.map(({ id }) => Number(id));

test("a scan yields all documents as of one version, either way, from an id on, up to a limit", async (t) => {
  const db = await realDatabase(t);
  const things = db.collection<number>();
  const batch = db.batch();
  for (let id = 1; id <= 3_000; id++) batch.create(things, id, { id });
  await batch.commit();
  const seen = [];
  for await (const document of things.scan()) {
    if (seen.push(document) === 1) await things.update(2_999, -1);
    if (seen.length === 2) await things.delete(3_000);
  }
  t.is(seen.length, 3_000);
  t.true(seen.every(({ id, value }, i) => id === BigInt(i + 1) && value === i + 1));
  t.deepEqual(ids(await Array.fromAsync(things.scan({ reverse: true, limit: 3 }))), [2_999, 2_998, 2_997]);
  t.deepEqual(ids(await Array.fromAsync(things.scan({ from: 2_998 }))), [2_998, 2_999]);
  t.deepEqual(ids(await Array.fromAsync(things.scan({ from: 2n, reverse: true }))), [2, 1]);
  t.deepEqual(await Array.fromAsync(things.scan({ limit: 0 })), []);
});

test("leaving the loop, a signal and the end of the connection end a scan", async (t) => {
  const db = await realDatabase(t);
  const things = db.collection();
  const batch = db.batch();
  for (let id = 1; id <= 4_000; id++) batch.create(things, "x".repeat(2_000), { id });
  await batch.commit();
  for await (const { id } of things.scan()) if (id === 2n) break;
  const abort = new AbortController();
  const aborted = async (): Promise<void> => {
    for await (const { id } of things.scan({ signal: abort.signal })) if (id === 2n) abort.abort();
  };
  t.is((await t.throwsAsync(aborted(), { instanceOf: DocDBError })).code, "CANCELLED");
  const closed = async (): Promise<void> => {
    for await (const { id } of things.scan()) if (id === 2n) await db.close();
  };
  t.is((await t.throwsAsync(closed(), { instanceOf: DocDBError })).code, "CANCELLED");
});

test("a scan in a transaction sees what it wrote", async (t) => {
  const db = await realDatabase(t);
  await db.collection().create("a", { id: 1 });
  await db.transaction(async (tx) => {
    await tx.collection().create("b", { id: 2 });
    t.deepEqual(ids(await Array.fromAsync(tx.collection().scan())), [1, 2]);
  });
});

/** A message of a scan with one document. */
function message(id: bigint): Uint8Array {
  return ScanDocumentsResponse.encode(
    ScanDocumentsResponse.fromPartial({ documents: [{ id, json: "1" }], resumeToken: `behind ${id}` }),
  ).finish();
}

const tooOld = failWith(new DocDBError("SNAPSHOT_TOO_OLD", "too old"));

test("a scan that breaks off rejects, because what comes behind would be of another version", async (t) => {
  const { server, db } = await scripted(t);
  server.script(send([message(1n)], hangUp));
  const seen: bigint[] = [];
  const scanning = async (): Promise<void> => {
    for await (const { id } of db.collection().scan()) seen.push(id);
  };
  t.is((await t.throwsAsync(scanning(), { instanceOf: DocDBError })).status, "UNAVAILABLE");
  t.deepEqual(seen, [1n]);
  t.deepEqual(server.received, ["ScanDocuments"]);
});

test("a scan that has begun with nothing, or that may go on with what is newer, is repeated", async (t) => {
  const { server, db } = await scripted(t);
  server.script(hangUp, tooOld, send([message(1n)]));
  t.deepEqual(ids(await Array.fromAsync(db.collection().scan())), [1]);
  server.script(send([message(1n), message(2n)], hangUp), tooOld, send([message(3n)]));
  t.deepEqual(ids(await Array.fromAsync(db.collection().scan({ allowNewer: true }))), [1, 2, 3]);
  t.is(server.received.length, 6);
});
