import test from "ava";
import { session } from "./run-docdb.ts";

test("stats tells of the server, its databases and their errors in tables that can be read", async (t) => {
  const { run, db } = await session(t);
  await db.collection("_default").create({ name: "Ada" });
  await t.throwsAsync(db.collection("_default").update(77n, "text"));
  const { code, stdout, stderr } = await run("stats");
  t.deepEqual([code, stderr], [0, ""]);
  t.regex(stdout, /^server +DocDB \d+\.\d+\.\d+, process \d+ on Node\.js \d+/m);
  t.regex(stdout, /^slots +\d+ of 4 busy, 0 calls wait$/m);
  t.regex(stdout, /^DATABASE +STATE +DOCUMENTS +JSON +MEMORY +DATA FILE +DEAD +WAL +QUEUED$/m);
  t.regex(stdout, /^app +open +1 +14 B +[\d.]+ KiB +\d+ B +\d+ % +\d+ B +0$/m);
  t.regex(stdout, /^DOCUMENT_NOT_FOUND +1 +0\.02 +\S+Z +\S/m);
});

test("stats of one database has its files and its commits", async (t) => {
  const { run, db } = await session(t);
  await db.collection("_default").create({ name: "Ada" });
  await db.checkpoint();
  const { code, stdout } = await run("stats", "app");
  t.is(code, 0);
  t.regex(stdout, /^database +app$/m);
  t.regex(stdout, /^version +1, durable up to 1$/m);
  t.regex(stdout, /^documents +1 with 14 B of JSON, in 1 collections$/m);
  t.regex(stdout, /^WAL +\d+ B in \d+ segments, the newest is \d+$/m);
  t.regex(stdout, /^checkpoint +version 1, at \S+Z in \d+ ms$/m);
  t.regex(stdout, /^commits +1 in 1 groups, \d+ fsyncs, \d+\.\d\d ms each$/m);
});

test("stats --json is one object, and a database that isn't there has its exit code", async (t) => {
  const { run } = await session(t);
  const { stdout } = await run("stats", "--json");
  const stats = JSON.parse(stdout) as { fsyncMode: string; databases: { name: string; opened: { version: string } }[] };
  t.is(stats.fsyncMode, "group");
  t.is(stats.databases[0]?.name, "app");
  t.is(stats.databases[0]?.opened.version, "0");
  t.is((await run("stats", "none")).code, 5);
});
