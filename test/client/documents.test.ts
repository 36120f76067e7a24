import test from "ava";
import { DocDBError, jsonText } from "../../src/client/index.ts";
import { realDatabase } from "./real-server.ts";

interface User {
  name: string;
}

/** Numbers that JavaScript rounds, an escaped pair of surrogates, and spaces: all of it has to stay. */
const exact = '{ "n":18446744073709551615,"f":1.0,"e":1e400,"é":"\\ud83d\\ude00" }';

test("a created document is returned with its value, id, version and times", async (t) => {
  const db = await realDatabase(t);
  const users = db.collection<User>();
  const before = Date.now();
  const stamp = await users.create({ name: "Ada" });
  const found = await users.get(stamp.id);
  t.deepEqual(found?.value, { name: "Ada" });
  t.is(found?.value, found?.value);
  t.is(found?.json, '{"name":"Ada"}');
  t.is(found?.id, stamp.id);
  t.is(found?.version, stamp.version);
  t.deepEqual(found?.createTime, stamp.createTime);
  t.deepEqual(found?.updateTime, stamp.updateTime);
  t.true(stamp.createTime.getTime() >= before - 1_000 && stamp.createTime.getTime() <= Date.now() + 1_000);
});

test("the server assigns ids unless one is given, and a taken one is DOCUMENT_EXISTS", async (t) => {
  const users = (await realDatabase(t)).collection<User>();
  const first = await users.create({ name: "Ada" });
  const second = await users.create({ name: "Grace" });
  t.true(second.id > first.id);
  t.is((await users.create({ name: "Alan" }, { id: 1_000 })).id, 1_000n);
  t.is((await users.create({ name: "Last" }, { id: 2n ** 64n - 1n })).id, 18_446_744_073_709_551_615n);
  const error = await t.throwsAsync(users.create({ name: "Twice" }, { id: 1_000n }), { instanceOf: DocDBError });
  t.is(error.code, "DOCUMENT_EXISTS");
  t.is((await users.getOrThrow(2n ** 64n - 1n)).value.name, "Last");
});

test("ids that are not integers from 1 to 2^64-1 are INVALID_ID before anything is sent", async (t) => {
  const db = await realDatabase(t);
  const users = db.collection<User>();
  await db.close();
  // A call that got as far as the closed connection would be CANCELLED.
  for (const id of [0, 0n, -1, -1n, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, 2n ** 64n]) {
    for (const call of [
      users.get(id),
      users.getOrThrow(id),
      users.getMany([1, id]),
      users.create({ name: "" }, { id }),
      users.update(id, { name: "" }),
      users.delete(id),
    ]) {
      t.is((await t.throwsAsync(call, { instanceOf: DocDBError })).code, "INVALID_ID", String(id));
    }
    t.throws(() => db.batch().delete(users, id), { instanceOf: DocDBError }, String(id));
  }
  const text = await t.throwsAsync(users.get("7" as unknown as bigint), { instanceOf: DocDBError });
  t.is(text.message, '"7" is not a document id: ids are integers from 1 to 18446744073709551615, as bigint or number.');
});

test("the largest safe integer is an id", async (t) => {
  const users = (await realDatabase(t)).collection<User>();
  await users.create({ name: "Ada" }, { id: Number.MAX_SAFE_INTEGER });
  t.is((await users.getOrThrow(Number.MAX_SAFE_INTEGER)).id, 9_007_199_254_740_991n);
});

test("a text passed as jsonText comes back byte for byte, whichever way it was stored", async (t) => {
  const db = await realDatabase(t);
  const things = db.collection();
  const { id } = await things.create(jsonText(exact));
  t.is((await things.getOrThrow(id)).json, exact);
  await things.update(id, jsonText(`[${exact}]`));
  t.is((await things.getOrThrow(id)).json, `[${exact}]`);
  const [stamp] = await db.batch().create(things, jsonText(exact)).commit();
  t.is((await things.getOrThrow(stamp?.id ?? 0n)).json, exact);
  t.deepEqual(
    (await things.getMany([id, stamp?.id ?? 0n])).map((found) => found?.json),
    [`[${exact}]`, exact],
  );
  t.deepEqual(
    (await Array.fromAsync(things.list())).map((found) => found.json),
    [`[${exact}]`, exact],
  );
});

test("what isn't JSON is INVALID_JSON, and nothing is stored", async (t) => {
  const users = (await realDatabase(t)).collection();
  const circular: unknown[] = [];
  circular.push(circular);
  for (const value of [undefined, () => 1, circular, { n: 1n }, jsonText("{"), jsonText(""), jsonText("NaN")]) {
    const error = await t.throwsAsync(users.create(value), { instanceOf: DocDBError });
    t.is(error.code, "INVALID_JSON");
  }
  const surrogate = await t.throwsAsync(users.create(jsonText('"\ud83d"')), { instanceOf: DocDBError });
  t.is(surrogate.code, "INVALID_UTF8");
  t.deepEqual(await Array.fromAsync(users.list()), []);
});

test("every JSON value is a document", async (t) => {
  const things = (await realDatabase(t)).collection();
  const values = [null, true, 0, "text", [], {}, [1, [2]], "\ud83d"];
  for (const [i, value] of values.entries()) await things.create(value, { id: i + 1 });
  t.deepEqual(
    (await Array.fromAsync(things.list())).map(({ value }) => value),
    values,
  );
});

test("get is undefined for a missing document, getOrThrow rejects, and both do for a collection", async (t) => {
  const db = await realDatabase(t);
  t.is(await db.collection().get(7), undefined);
  const missing = await t.throwsAsync(db.collection().getOrThrow(7), { instanceOf: DocDBError });
  t.is(missing.code, "DOCUMENT_NOT_FOUND");
  const collection = await t.throwsAsync(db.collection("nowhere").get(7), { instanceOf: DocDBError });
  t.is(collection.code, "COLLECTION_NOT_FOUND");
});

test("getMany returns documents in the order asked for, and undefined for those that don't exist", async (t) => {
  const users = (await realDatabase(t)).collection<User>();
  await users.create({ name: "Ada" }, { id: 1 });
  await users.create({ name: "Grace" }, { id: 2 });
  const found = await users.getMany([2, 9, 1n, 2]);
  t.deepEqual(
    found.map((user) => user?.value.name),
    ["Grace", undefined, "Ada", "Grace"],
  );
  t.deepEqual(await users.getMany([]), []);
});

test("an update replaces the document, keeps its creation time and raises its version", async (t) => {
  const users = (await realDatabase(t)).collection<User>();
  const created = await users.create({ name: "Ada" });
  const updated = await users.update(created.id, { name: "Ada Lovelace" });
  t.true(updated.version > created.version);
  t.deepEqual(updated.createTime, created.createTime);
  t.deepEqual((await users.getOrThrow(created.id)).value, { name: "Ada Lovelace" });
});

test("an update of nothing is DOCUMENT_NOT_FOUND, unless allowMissing makes it a creation", async (t) => {
  const users = (await realDatabase(t)).collection<User>();
  const error = await t.throwsAsync(users.update(7, { name: "Ada" }), { instanceOf: DocDBError });
  t.is(error.code, "DOCUMENT_NOT_FOUND");
  t.is(error.status, "NOT_FOUND");
  await users.update(7, { name: "Ada" }, { allowMissing: true });
  t.is((await users.get(7))?.value.name, "Ada");
});

test("a deletion takes the document away, and tells when there was none", async (t) => {
  const users = (await realDatabase(t)).collection<User>();
  const { id, version } = await users.create({ name: "Ada" });
  const deleted = await users.delete(id);
  t.true((deleted?.version ?? 0n) > version);
  t.is(await users.get(id), undefined);
  t.is(await users.delete(id, { allowMissing: true }), undefined);
  const error = await t.throwsAsync(users.delete(id), { instanceOf: DocDBError });
  t.is(error.code, "DOCUMENT_NOT_FOUND");
});

test("a mutation applies only when its precondition holds", async (t) => {
  const users = (await realDatabase(t)).collection<User>();
  const { id, version } = await users.create({ name: "Ada" });
  const newer = await users.update(id, { name: "Grace" }, { ifVersion: version });
  for (const call of [
    users.update(id, { name: "late" }, { ifVersion: version }),
    users.update(id, { name: "late" }, { ifVersion: Number(version) }),
    users.update(id, { name: "late" }, { ifExists: false, allowMissing: true }),
    users.delete(id, { ifVersion: version }),
  ]) {
    const error = await t.throwsAsync(call, { instanceOf: DocDBError });
    t.is(error.code, "VERSION_MISMATCH");
    t.is(error.category, "permanent");
  }
  t.is((await users.getOrThrow(id)).value.name, "Grace");
  await users.update(id, { name: "Alan" }, { ifExists: true });
  await users.update(99, { name: "New" }, { ifExists: false, allowMissing: true });
  t.truthy(await users.delete(id, { ifVersion: newer.version + 1n }));
  const both = await t.throwsAsync(users.update(99, { name: "" }, { ifVersion: 1n, ifExists: true }));
  t.is((both as DocDBError).code, "INVALID_REQUEST");
  const zero = await t.throwsAsync(users.update(99, { name: "" }, { ifVersion: 0 }));
  t.is((zero as DocDBError).code, "INVALID_REQUEST");
});

test("list yields all documents in the order of ids, over any number of pages", async (t) => {
  const db = await realDatabase(t);
  const things = db.collection<number>();
  const batch = db.batch();
  for (let i = 250; i >= 1; i--) batch.create(things, i, { id: i });
  await batch.commit();
  const expected = Array.from({ length: 250 }, (_, i) => i + 1);
  for (const pageSize of [undefined, 1_000, 250, 249, 100, 7]) {
    const values = (await Array.fromAsync(things.list({ pageSize }))).map(({ value }) => value);
    t.deepEqual(values, expected);
  }
});

test("a listing may be left early, and pages can be asked for one by one", async (t) => {
  const things = (await realDatabase(t)).collection<number>();
  for (let i = 1; i <= 5; i++) await things.create(i);
  for await (const { value } of things.list({ pageSize: 2 })) if (value === 3) break;
  const first = await things.listPage(undefined, { pageSize: 3 });
  t.deepEqual(
    first.documents.map(({ value }) => value),
    [1, 2, 3],
  );
  const second = await things.listPage(first.nextPageToken, { pageSize: 3 });
  t.deepEqual(
    second.documents.map(({ value }) => value),
    [4, 5],
  );
  t.is(second.nextPageToken, undefined);
  const error = await t.throwsAsync(things.listPage("nonsense"), { instanceOf: DocDBError });
  t.is(error.code, "INVALID_PAGE");
});

test("a document of 16 MiB is stored and returned whole, and one byte more is DOCUMENT_TOO_LARGE", async (t) => {
  const things = (await realDatabase(t)).collection();
  const largest = `"${"x".repeat(16 * 1024 * 1024 - 2)}"`;
  const { id } = await things.create(jsonText(largest));
  t.true((await things.getOrThrow(id)).json === largest);
  const error = await t.throwsAsync(things.create(jsonText(`${largest} `)), { instanceOf: DocDBError });
  t.is(error.code, "DOCUMENT_TOO_LARGE");
  const huge = await t.throwsAsync(things.create("x".repeat(40 * 1024 * 1024)), { instanceOf: DocDBError });
  t.is(huge.code, "DOCUMENT_TOO_LARGE");
});

test("getMany returns more than one answer can hold", async (t) => {
  const things = (await realDatabase(t)).collection();
  const large = `"${"x".repeat(12 * 1024 * 1024)}"`;
  for (let id = 1; id <= 4; id++) await things.create(jsonText(large), { id });
  const found = await things.getMany([1, 2, 3, 9, 4, 1]);
  t.deepEqual(
    found.map((document) => document?.json.length),
    [large.length, large.length, large.length, undefined, large.length, large.length],
  );
});

test("a mutation with a request id that is repeated has the outcome of the first", async (t) => {
  const db = await realDatabase(t);
  const things = db.collection<string>();
  const created = await things.create("one", { requestId: "create" });
  t.deepEqual(await things.create("one", { requestId: "create" }), created);
  const updated = await things.update(created.id, "two", { requestId: "update" });
  await things.update(created.id, "three");
  t.deepEqual(await things.update(created.id, "two", { requestId: "update" }), updated);
  t.is((await things.getOrThrow(created.id)).value, "three");
  const reused = await t.throwsAsync(things.create("other", { requestId: "create" }), { instanceOf: DocDBError });
  t.is(reused.code, "REQUEST_ID_REUSED");
  const batch = (): Promise<unknown> => db.batch().create(things, "four").commit({ requestId: "batch" });
  t.deepEqual(await batch(), await batch());
  t.is((await things.listPage()).documents.length, 2);
});
