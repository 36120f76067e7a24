import test from "ava";
import { DocDBError, jsonText } from "../../src/client/index.ts";
import { realDatabase } from "./real-server.ts";

interface User {
  name: string;
  tags?: string[];
}

const exact = '{"id":18446744073709551615,"price":1.10,"tags":[1e400]}';

test("operations are applied in their order and leave the rest of the text alone", async (t) => {
  const things = (await realDatabase(t)).collection();
  const { id, version } = await things.create(jsonText(exact));
  const stamp = await things.patch(id, (p) =>
    p.set("/a/b", { c: 1 }).delete("/price").insert("/tags/0", jsonText("2.0")).set(["tags", "-"], null),
  );
  t.true(stamp.version > version);
  const text = '{"id":18446744073709551615,"tags":[2.0,1e400,null],"a":{"b":{"c":1}}}';
  t.is((await things.getOrThrow(id)).json, text);
});

test("names on a path need no escapes when they are given one by one", async (t) => {
  const things = (await realDatabase(t)).collection();
  const { id } = await things.create({ "a/b": { "~": [1] } });
  await things.patch(id, (p) => p.set(["a/b", "~", 0], 2).set("/a~1b/x", 3));
  t.deepEqual((await things.getOrThrow(id)).value, { "a/b": { "~": [2], x: 3 } });
});

test("a merge patch and a JSON Patch do what their RFCs say", async (t) => {
  const users = (await realDatabase(t)).collection<User>();
  const { id } = await users.create({ name: "Ada", tags: ["x"] });
  await users.patch(id, { merge: { name: "Ada Lovelace", tags: null } });
  t.is((await users.getOrThrow(id)).json, '{"name":"Ada Lovelace"}');
  await users.patch(id, {
    jsonPatch: [
      { op: "test", path: "/name", value: "Ada Lovelace" },
      { op: "add", path: "/tags", value: ["y"] },
      { op: "copy", from: "/tags/0", path: "/tags/-" },
    ],
  });
  t.is((await users.getOrThrow(id)).json, '{"name":"Ada Lovelace","tags":["y","y"]}');
});

test("a patch that can't be applied changes nothing, and its error says why and where", async (t) => {
  const users = (await realDatabase(t)).collection<User>();
  const { id, version } = await users.create({ name: "Ada" });
  for (const [patch, code] of [
    [(p: { delete(path: string): unknown }) => p.delete("/tags"), "PATH_NOT_FOUND"],
    [{ jsonPatch: [{ op: "test", path: "/name", value: "Bob" }] }, "TEST_FAILED"],
    [{ merge: undefined }, "INVALID_JSON"],
    [() => undefined, "INVALID_REQUEST"],
    [() => Promise.resolve(), "INVALID_REQUEST"],
  ] as const) {
    t.is((await t.throwsAsync(users.patch(id, patch), { instanceOf: DocDBError })).code, code);
  }
  const missing = await t.throwsAsync(users.patch(99, { merge: {} }), { instanceOf: DocDBError });
  t.is(missing.code, "DOCUMENT_NOT_FOUND");
  t.is((await users.getOrThrow(id)).version, version);
});

test("ifVersion patches only what was read", async (t) => {
  const users = (await realDatabase(t)).collection<User>();
  const { id, version } = await users.create({ name: "Ada" });
  const stamp = await users.patch(id, { merge: { name: "Grace" } }, { ifVersion: version });
  const stale = users.patch(id, { merge: { name: "Alan" } }, { ifVersion: version });
  const error = await t.throwsAsync(stale, { instanceOf: DocDBError });
  t.is(error.code, "VERSION_MISMATCH");
  t.is(error.metadata["version"], String(stamp.version));
});

test("patches in a batch see what came before them in it", async (t) => {
  const db = await realDatabase(t);
  const users = db.collection<User>();
  const batch = db
    .batch()
    .create(users, { name: "Ada" }, { id: 1 })
    .patch(users, 1, (p) => p.set("/tags", ["a"]))
    .patch(users, 1, { merge: { name: "Grace" } });
  await batch.commit();
  t.is((await users.getOrThrow(1)).json, '{"name":"Grace","tags":["a"]}');
});

test("of a hundred patches of one document at the same time none is lost", async (t) => {
  const counters = (await realDatabase(t)).collection<number[]>();
  await counters.create([], { id: 1 });
  await Promise.all(Array.from({ length: 100 }, (_, i) => counters.patch(1, (p) => p.set("/-", i))));
  const { value } = await counters.getOrThrow(1);
  t.deepEqual(
    value.toSorted((a, b) => a - b),
    Array.from({ length: 100 }, (_, i) => i),
  );
});
