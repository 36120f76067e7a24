// Scans past documents that can't be read, on a real server whose files are damaged under it.

import test, { type ExecutionContext } from "ava";
import { DocDBError, type ScanOptions, type UnreadableDocument } from "../../src/client/index.ts";
import { type DamagedServer, damagedServer, withoutOldWal } from "../server/damaged-server.ts";

/** A server whose documents 2 and 4 of 1 to 5 are damaged for good. */
async function withTwoDamaged(t: ExecutionContext): Promise<DamagedServer> {
  const server = await damagedServer(t, { ...withoutOldWal, cacheBytes: 0 });
  await server.db.checkpoint();
  for (const id of [2, 4]) await server.damage(id);
  return server;
}

test("a scan rejects at a document that can't be read, unless somebody wants to be told of it", async (t) => {
  const { db } = await withTwoDamaged(t);
  const seen: unknown[] = [];
  const scanning = async (options: ScanOptions): Promise<void> => {
    for await (const { value } of db.collection().scan(options)) seen.push(value);
  };
  const error = await t.throwsAsync(scanning({}), { instanceOf: DocDBError });
  t.is(error.code, "DOCUMENT_CORRUPT");
  t.is(error.metadata["id"], "2");
  t.deepEqual(seen.splice(0), ["text 1"]);
  const onUnreadable = ({ id, error: reason }: UnreadableDocument): void => void seen.push([id, reason.code]);
  await scanning({ onUnreadable });
  t.deepEqual(seen.splice(0), ["text 1", [2n, "DOCUMENT_CORRUPT"], "text 3", [4n, "DOCUMENT_CORRUPT"], "text 5"]);
  await scanning({ onUnreadable, reverse: true, limit: 2 });
  t.deepEqual(seen.splice(0), ["text 5", [4n, "DOCUMENT_CORRUPT"], "text 3"]);
  await scanning({ onUnreadable, from: 4 });
  t.deepEqual(seen.splice(0), [[4n, "DOCUMENT_CORRUPT"], "text 5"]);
});

test("a scan that passes over a document is as of one version all the same", async (t) => {
  const { db } = await withTwoDamaged(t);
  const seen: unknown[] = [];
  const onUnreadable = ({ id }: UnreadableDocument): void => void seen.push(id);
  for await (const { value } of db.collection().scan({ onUnreadable })) {
    if (seen.push(value) === 1) {
      await db.collection().update(5, "newer");
      await db.collection().create("newer", { id: 9 });
    }
  }
  t.deepEqual(seen, ["text 1", 2n, "text 3", 4n, "text 5"]);
});

test("a transaction's scan passes over them too, and over none that it wrote anew", async (t) => {
  const { db } = await withTwoDamaged(t);
  const seen = await db.transaction(async (transaction) => {
    const found: unknown[] = [];
    const things = transaction.collection();
    await things.update(4, "anew");
    const onUnreadable = ({ id }: UnreadableDocument): void => void found.push(id);
    for await (const { value } of things.scan({ onUnreadable })) found.push(value);
    return found;
  });
  t.deepEqual(seen, ["text 1", 2n, "text 3", "anew", "text 5"]);
});
