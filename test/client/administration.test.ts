import { join } from "node:path";
import test from "ava";
import { connect, DocDBError } from "../../src/client/index.ts";
import { serverIn, temporaryDirectory } from "../server/temporary-server.ts";
import { realClient, realDatabase, realServer } from "./real-server.ts";

test("databases are created, described, listed, closed, opened and dropped", async (t) => {
  const { databases } = await realClient(t);
  t.deepEqual(await Array.fromAsync(databases.list()), []);
  const created = await databases.create("Zebra");
  t.is(created.name, "Zebra");
  t.is(created.state, "open");
  t.true(Math.abs(created.createTime.getTime() - Date.now()) < 60_000);
  await databases.create("ant");
  t.deepEqual(
    (await Array.fromAsync(databases.list({ pageSize: 1 }))).map(({ name }) => name),
    ["ant", "Zebra"],
  );
  t.is((await databases.close("ant")).state, "closed");
  t.is((await databases.get("ant")).state, "closed");
  t.is((await databases.open("ant")).state, "open");
  await databases.drop("ant");
  const missing = await t.throwsAsync(databases.get("ant"), { instanceOf: DocDBError });
  t.is(missing.code, "DATABASE_NOT_FOUND");
  const exists = await t.throwsAsync(databases.create("zebra"), { instanceOf: DocDBError });
  t.is(exists.code, "DATABASE_EXISTS");
  const name = await t.throwsAsync(databases.create("../x"), { instanceOf: DocDBError });
  t.is(name.code, "INVALID_NAME");
  t.is(name.category, "validation");
});

test("collections are created, counted, listed and dropped", async (t) => {
  const { collections, ...db } = await realDatabase(t);
  t.is((await collections.create("users")).documents, 0);
  const exists = await t.throwsAsync(collections.create("Users"), { instanceOf: DocDBError });
  t.is(exists.code, "COLLECTION_EXISTS");
  const users = db.client.database("app").collection<string>("users");
  await users.create("Ada");
  const info = await collections.get("users");
  t.is(info.documents, 1);
  t.is(info.jsonBytes, 5);
  t.true(info.createTime instanceof Date);
  t.deepEqual(
    (await Array.fromAsync(collections.list())).map(({ name }) => name),
    ["_default", "users"],
  );
  t.is((await collections.get("_default")).createTime, undefined);
  const full = await t.throwsAsync(collections.drop("users"), { instanceOf: DocDBError });
  t.is(full.code, "COLLECTION_NOT_EMPTY");
  await collections.drop("users", { force: true });
  const gone = await t.throwsAsync(users.get(1), { instanceOf: DocDBError });
  t.is(gone.code, "COLLECTION_NOT_FOUND");
});

test("one connection serves several databases, which don't see each other's documents", async (t) => {
  const db = await realDatabase(t);
  await db.client.databases.create("other");
  const other = db.client.database("other").collection<string>();
  await db.collection<string>().create("here", { id: 1 });
  await other.create("there", { id: 1 });
  t.is((await db.collection<string>().getOrThrow(1)).value, "here");
  t.is((await other.getOrThrow(1)).value, "there");
});

test("a checkpoint tells up to which version it covers everything", async (t) => {
  const db = await realDatabase(t);
  const { version } = await db.collection().create(1);
  const checkpoint = await db.checkpoint();
  t.true(checkpoint.version >= version);
  t.true(checkpoint.durationMs >= 0);
});

test("connecting to a missing database is DATABASE_NOT_FOUND, unless it may be created", async (t) => {
  const socket = await realServer(t);
  const error = await t.throwsAsync(connect({ socket, database: "app" }), { instanceOf: DocDBError });
  t.is(error.code, "DATABASE_NOT_FOUND");
  await using db = await connect({ socket, database: "app", createIfMissing: true });
  t.is(db.name, "app");
  t.is(db.client.socket, socket);
  await using again = await connect({ socket, database: "app" });
  t.deepEqual(await Array.fromAsync(again.collection().list()), []);
});

test("connecting where nobody listens is UNREACHABLE within a second, and says what to do", async (t) => {
  const socket = join(await temporaryDirectory(t), "none.sock");
  const startMs = performance.now();
  const error = await t.throwsAsync(connect({ socket }), { instanceOf: DocDBError });
  t.true(performance.now() - startMs < 1_000);
  t.is(error.code, "UNREACHABLE");
  t.is(error.status, "UNAVAILABLE");
  t.is(error.category, "network");
  t.true(error.message.includes(socket));
  t.true(error.message.includes(`docdb serve --socket ${socket}`));
});

test("connecting can wait for a server that is still to start", async (t) => {
  const directory = await temporaryDirectory(t);
  const waiting = connect({ socket: join(directory, "docdb.sock"), waitForServerMs: 10_000 });
  await serverIn(t, directory);
  await using client = await waiting;
  t.deepEqual(await Array.fromAsync(client.databases.list()), []);
});

test("a socket's path that is too long is INVALID_SETTING", async (t) => {
  const error = await t.throwsAsync(connect({ socket: `/tmp/${"x".repeat(103)}` }), { instanceOf: DocDBError });
  t.is(error.code, "INVALID_SETTING");
});

test("a closed connection waits for what runs, and takes no more", async (t) => {
  const socket = await realServer(t);
  const db = await connect({ socket, database: "app", createIfMissing: true });
  const running = db.collection<number>().create(1);
  await db.close();
  t.is((await running).id, 1n);
  const error = await t.throwsAsync(db.collection().get(1), { instanceOf: DocDBError });
  t.is(error.code, "CANCELLED");
});

test("the statistics come as numbers, dates and milliseconds", async (t) => {
  const db = await realDatabase(t);
  await db.collection("_default").create("text");
  await db.checkpoint();
  const { server, pool, databases, errors } = await db.client.stats();
  t.is(server.processId, process.pid);
  t.true(server.residentBytes > 0 && server.eventLoopDelayP99Ms >= 0);
  t.true(Math.abs(server.startTime.getTime() - Date.now()) < 60_000);
  t.like(pool, { databases: 1, open: 1, readOnly: 0, failed: 0, maxOpen: 100, waiting: 0, toRecover: 0 });
  t.like(pool, { opens: 1, openFailures: 0, idleCloses: 0, evictions: 0 });
  const [app] = databases;
  t.like(app, { name: "app", state: "open", opened: { version: 1n, documents: 1, jsonBytes: 6, quarantined: 0 } });
  t.true((app?.opened?.wal.lastCheckpointMs ?? 0) > 0);
  t.true(app?.opened?.wal.lastCheckpointTime instanceof Date);
  t.is(app?.opened?.dataFile.lastCompactionTime, undefined);
  t.true((app?.opened?.commits.fsyncMs ?? 0) > 0);
  t.deepEqual(errors, { categories: [], codes: [] });
  await db.client.databases.close("app");
  t.is((await db.client.stats({ database: "app" })).databases[0]?.opened, undefined);
});
