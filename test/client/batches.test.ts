import test from "ava";
import { DocDBError } from "../../src/client/index.ts";
import { realDatabase } from "./real-server.ts";

test("commit applies mutations of several collections under one version", async (t) => {
  const db = await realDatabase(t);
  await db.collections.create("log");
  const users = db.collection<{ name: string }>();
  const log = db.collection<string>("log");
  await users.create({ name: "Ada" }, { id: 1 });
  await users.create({ name: "Grace" }, { id: 2 });
  const batch = db
    .batch()
    .update(users, 1, { name: "Ada Lovelace" })
    .delete(users, 2)
    .create(log, "renamed")
    .update(users, 3, { name: "Alan" }, { allowMissing: true })
    .delete(users, 9, { allowMissing: true });
  t.is(batch.size, 5);
  const stamps = await batch.commit();
  t.is(stamps.length, 5);
  t.is(new Set(stamps.slice(0, 4).map((stamp) => stamp?.version)).size, 1);
  t.is(stamps[4], undefined);
  t.deepEqual(
    (await users.getMany([1, 2, 3])).map((user) => user?.value.name),
    ["Ada Lovelace", undefined, "Alan"],
  );
  t.is((await Array.fromAsync(log.list())).length, 1);
});

test("a commit of which one mutation fails applies none, and says which it was", async (t) => {
  const db = await realDatabase(t);
  const users = db.collection<number>();
  const batch = db.batch().create(users, 1, { id: 1 }).create(users, 2, { id: 2 }).create(users, 3, { id: 1 });
  const error = await t.throwsAsync(batch.commit(), { instanceOf: DocDBError });
  t.is(error.code, "DOCUMENT_EXISTS");
  t.is(error.metadata["index"], "2");
  t.deepEqual(await Array.fromAsync(users.list()), []);
});

test("writeEach applies each mutation for itself, and reports each", async (t) => {
  const db = await realDatabase(t);
  const users = db.collection<number>();
  const { version } = await users.create(0, { id: 5 });
  const results = await db
    .batch()
    .create(users, 1, { id: 1 })
    .create(users, 2, { id: 1 })
    .update(users, 9, 9)
    .update(users, 5, 5, { ifVersion: version + 100n })
    .delete(users, 5, { ifVersion: version })
    .delete(users, 9, { allowMissing: true })
    .create(users, 6)
    .writeEach();
  t.deepEqual(
    results.map((result) => (result.ok ? result.stamp?.id : result.error.code)),
    [1n, "DOCUMENT_EXISTS", "DOCUMENT_NOT_FOUND", "VERSION_MISMATCH", 5n, undefined, 6n],
  );
  t.true(results.every((result) => result.ok || result.error instanceof DocDBError));
});

test("a batch is sent once, may be empty, and stays in its database", async (t) => {
  const db = await realDatabase(t);
  t.deepEqual(await db.batch().commit(), []);
  t.deepEqual(await db.batch().writeEach(), []);
  const batch = db.batch().create(db.collection(), 1);
  await batch.commit();
  const again = await t.throwsAsync(batch.commit(), { instanceOf: DocDBError });
  t.is(again.code, "INVALID_REQUEST");
  t.throws(() => batch.create(db.collection(), 2), { instanceOf: DocDBError });
  const elsewhere = db.client.database("other").collection();
  t.throws(() => db.batch().create(elsewhere, 1), { instanceOf: DocDBError, message: /to app, not to other/ });
  t.is((await Array.fromAsync(db.collection().list())).length, 1);
});

test("a batch takes 65,535 mutations, and one more is TOO_MANY_OPERATIONS", async (t) => {
  const db = await realDatabase(t);
  const numbers = db.collection<number>();
  const batch = db.batch();
  for (let i = 0; i < 65_535; i++) batch.create(numbers, i);
  const stamps = await batch.commit();
  t.is(stamps.length, 65_535);
  t.is((await db.collections.get("_default")).documents, 65_535);
  const more = db.batch();
  for (let i = 0; i < 65_536; i++) more.create(numbers, i);
  const error = await t.throwsAsync(more.commit(), { instanceOf: DocDBError });
  t.is(error.code, "TOO_MANY_OPERATIONS");
});
