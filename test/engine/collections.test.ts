import test from "ava";
import { create, engineWithDatabase, remove, type SimulatedEngine } from "./simulated-engine.ts";

const make = (collection: string) => ({ op: "createCollection", database: "d", collection }) as const;
const drop = (collection: string, force = false) =>
  ({ op: "deleteCollection", database: "d", collection, force }) as const;

async function names(db: SimulatedEngine): Promise<string[]> {
  const { items } = await db.run({ op: "listCollections", database: "d", after: "", pageSize: 100 });
  return items.map((item) => item.collection);
}

test("collections keep documents with the same id apart", async (t) => {
  const db = await engineWithDatabase();
  await db.run(make("other"));
  await db.write(create(1n, "1"));
  await db.write(create(1n, "2", "other"));
  await db.crash();
  t.is(await db.read(1n), "1");
  t.is(await db.read(1n, "_default"), "1");
  t.is(await db.read(1n, "OTHER"), "2");
});

test("names are unique without regard to case, and keep the case that they were made with", async (t) => {
  const db = await engineWithDatabase();
  await db.run(make("Users"));
  t.is(await db.codeOf(make("uSERS")), "COLLECTION_EXISTS");
  t.is(await db.codeOf(make("_default")), "COLLECTION_EXISTS");
  t.deepEqual(await names(db), ["_default", "Users"]);
});

test("of two creations at once one wins", async (t) => {
  const db = await engineWithDatabase();
  const both = Promise.allSettled([db.engine.execute(make("a")), db.engine.execute(make("A"))]);
  t.deepEqual(
    (await db.machine.run(both)).map((result) => result.status),
    ["fulfilled", "rejected"],
  );
});

test("a collection that isn't there is COLLECTION_NOT_FOUND, a bad name INVALID_NAME", async (t) => {
  const db = await engineWithDatabase();
  t.is(await db.read(1n, "none"), "COLLECTION_NOT_FOUND");
  t.is(
    await db.codeOf({ op: "writeDocument", database: "d", operation: create(1n, "1", "none") }),
    "COLLECTION_NOT_FOUND",
  );
  for (const name of ["../x", "a.b", "x".repeat(65)]) {
    t.is(await db.codeOf(make(name)), "INVALID_NAME");
    t.is(await db.read(1n, name), "INVALID_NAME");
  }
});

test("_default can't be dropped", async (t) => {
  const db = await engineWithDatabase();
  t.is(await db.codeOf(drop("_default", true)), "INVALID_NAME");
  t.is(await db.codeOf(drop("", true)), "INVALID_NAME");
});

test("a collection with documents is dropped only by force, an emptied one at once", async (t) => {
  const db = await engineWithDatabase();
  await db.run(make("c"));
  await db.write(create(1n, "1", "c"));
  t.is(await db.codeOf(drop("c")), "COLLECTION_NOT_EMPTY");
  t.is(await db.read(1n, "c"), "1");
  await db.write(remove(1n, "c"));
  t.is(await db.codeOf(drop("c")), "none");
  await db.run(make("c"));
  await db.write(create(1n, "1", "c"));
  t.is(await db.codeOf(drop("C", true)), "none");
  t.is(await db.read(1n, "c"), "COLLECTION_NOT_FOUND");
});

test("a document on its way to the disk counts against dropping its collection", async (t) => {
  const db = await engineWithDatabase();
  await db.run(make("c"));
  const written = db.engine.execute({ op: "writeDocument", database: "d", operation: create(1n, "1", "c") });
  t.is(await db.codeOf(drop("c")), "COLLECTION_NOT_EMPTY");
  await db.machine.run(written);
});

for (const [how, again] of Object.entries({
  "at once": async (db: SimulatedEngine) => db,
  "after a restart": async (db: SimulatedEngine) => await db.restart(),
  "after a power cut": async (db: SimulatedEngine) => await db.crash(),
  "without the index snapshot": async (db: SimulatedEngine) => {
    await db.machine.run(db.engine.close());
    db.machine.removeFile("/db/data/d.index");
    return await db.start();
  },
})) {
  test(`a collection made again after a drop has none of the old documents, ${how}`, async (t) => {
    const db = await engineWithDatabase();
    await db.run(make("c"));
    await db.write(create(1n, "1", "c"));
    await db.write(create(2n, "2", "c"));
    await db.run(drop("c", true));
    await db.run(make("c"));
    await db.write(create(2n, "3", "c"));
    await again(db);
    t.is(await db.read(1n, "c"), "DOCUMENT_NOT_FOUND");
    t.is(await db.read(2n, "c"), "3");
    t.is((await db.run({ op: "getCollection", database: "d", collection: "c" })).documents, 1);
  });

  test(`a dropped collection stays dropped, ${how}`, async (t) => {
    const db = await engineWithDatabase();
    await db.run(make("c"));
    await db.write(create(1n, "1", "c"));
    await db.run(drop("c", true));
    await again(db);
    t.deepEqual(await names(db), ["_default"]);
  });
}

test("counts and sizes are those of the live documents", async (t) => {
  const db = await engineWithDatabase();
  await db.write(create(1n, "12345"));
  await db.write(create(2n, "123"));
  await db.write(remove(2n));
  const info = await db.run({ op: "getCollection", database: "d", collection: "" });
  t.like(info, { collection: "_default", documents: 1, jsonBytes: 5, createTimeMs: 0 });
});

test("collections are listed page by page, in order of their lower-case names", async (t) => {
  const db = await engineWithDatabase();
  for (const name of ["b", "A", "C"]) await db.run(make(name));
  const page = await db.run({ op: "listCollections", database: "d", after: "_default", pageSize: 2 });
  t.deepEqual(
    page.items.map((item) => item.collection),
    ["A", "b"],
  );
  t.true(page.more);
  const rest = await db.run({ op: "listCollections", database: "d", after: "b", pageSize: 2 });
  t.deepEqual([rest.items.map((item) => item.collection), rest.more], [["C"], false]);
});
