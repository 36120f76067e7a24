import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { jsonText } from "../../src/client/index.ts";
import { hangUp, scripted, succeed } from "../client/scripted-server.ts";
import { runDocdb, session } from "./run-docdb.ts";

const exact = '{"n":18446744073709551615,"f":1.0,"e":1e400,"é":"\\ud83d\\ude00"}';

test("create prints the id, get the exact text, update and delete the version", async (t) => {
  const { run } = await session(t);
  t.deepEqual(await run("create", "app", exact), { code: 0, stdout: "1\n", stderr: "" });
  t.deepEqual(await run("get", "app", "1"), { code: 0, stdout: `${exact}\n`, stderr: "" });
  const updated = await run("update", "app", "1", "[1.0]");
  t.is(updated.code, 0);
  t.regex(updated.stdout, /^\d+\n$/);
  const deleted = await run("delete", "app/_default", "1", "--if-version", updated.stdout.trim());
  t.is(deleted.code, 0);
  t.true(BigInt(deleted.stdout) > BigInt(updated.stdout));
});

test("--json prints objects whose ids and versions are texts, around the exact text", async (t) => {
  const { run } = await session(t);
  const created = await run("create", "app", exact, "--id", "18446744073709551615", "--json");
  const stamp = JSON.parse(created.stdout) as Record<string, string>;
  t.is(stamp["id"], "18446744073709551615");
  const got = await run("get", "app", "18446744073709551615", "--json");
  t.true(got.stdout.endsWith(`"document":${exact}}\n`));
  t.is((JSON.parse(got.stdout) as Record<string, unknown>)["version"], stamp["version"]);
  t.like(JSON.parse((await run("delete", "app", "9", "--allow-missing", "--json")).stdout), { missing: true });
});

test("a document comes from an argument, from a file or from stdin", async (t) => {
  const { run, runWith, directory } = await session(t);
  const file = join(directory, "document.json");
  await writeFile(file, `${exact}\n`);
  t.is((await run("create", "app", "--file", file)).stdout, "1\n");
  t.is((await runWith(`${exact}\n`, "create", "app", "-")).stdout, "2\n");
  t.is((await runWith(exact, "create", "app", "--file", "-")).stdout, "3\n");
  for (const id of ["1", "2", "3"]) t.is((await run("get", "app", id)).stdout, `${exact}\n`);
});

test("a missing document, collection or database is exit code 5", async (t) => {
  const { run } = await session(t);
  for (const args of [
    ["get", "app", "7"],
    ["get", "nowhere", "7"],
    ["create", "app/nowhere", "1"],
    ["update", "app", "7", "1"],
    ["delete", "app", "7"],
    ["list", "app/nowhere"],
    ["export", "app/nowhere"],
  ]) {
    const { code, stdout, stderr } = await run(...args);
    t.is(code, 5, args.join(" "));
    t.is(stdout, "");
    t.regex(stderr, /^error: .* \(\w+_NOT_FOUND\)\n$/);
  }
});

test("a document that exists, or is at another version, is exit code 6", async (t) => {
  const { run, db } = await session(t);
  await db.collection().create(1, { id: 7 });
  t.is((await run("create", "app", "1", "--id", "7")).code, 6);
  t.is((await run("update", "app", "7", "1", "--if-version", "99")).code, 6);
  t.is((await run("delete", "app", "7", "--if-version", "99")).code, 6);
  t.is((await run("update", "app", "8", "1", "--allow-missing")).code, 0);
});

test("what is no JSON, no id, no name or too large is exit code 7", async (t) => {
  const { run, runWith } = await session(t);
  for (const args of [
    ["create", "app", "{"],
    ["create", "app", "1", "--id", "0"],
    ["get", "app", "18446744073709551616"],
    ["get", "app", "seven"],
    ["update", "app", "7", "1", "--if-version", "x"],
    ["list", "app/a/b"],
    ["create", "../x", "1"],
  ]) {
    t.is((await run(...args)).code, 7, args.join(" "));
  }
  t.is((await runWith(`"${"x".repeat(16 * 1024 * 1024)}"`, "create", "app", "-")).code, 7);
});

test("list prints id and document, up to the limit, and says when there are more", async (t) => {
  const { run, db } = await session(t);
  const things = db.collection<number>();
  for (let i = 1; i <= 5; i++) await things.create(i);
  await things.create(jsonText('{"a":\n1}'));
  const some = await run("list", "app", "--limit", "2");
  t.is(some.stdout, "1\t1\n2\t2\n");
  t.is(some.stderr, "There are more than 2 documents: --all prints them all.\n");
  const all = await run("list", "app", "--all");
  t.is(all.stdout, '1\t1\n2\t2\n3\t3\n4\t4\n5\t5\n6\t{"a": 1}\n');
  t.is(all.stderr, "");
  const json = (await run("list", "app", "--json", "--limit", "6")).stdout.trimEnd().split("\n");
  t.deepEqual(
    json.map((line) => (JSON.parse(line) as { document: unknown }).document),
    [1, 2, 3, 4, 5, { a: 1 }],
  );
});

test("with --json an error is one line of JSON on stderr", async (t) => {
  const { run } = await session(t);
  const { stdout, stderr } = await run("get", "app", "7", "--json");
  t.is(stdout, "");
  t.like(JSON.parse(stderr), { error: { code: "DOCUMENT_NOT_FOUND" } });
});

test("a mutation whose answer was lost is sent again under its id, and the command knows what it did", async (t) => {
  const { server } = await scripted(t);
  server.script(succeed, hangUp);
  t.deepEqual(await runDocdb(["create", "app", "1"], "", server.socket), { code: 0, stdout: "7\n", stderr: "" });
  t.deepEqual(server.received, ["ListDatabases", "CreateDocument", "CreateDocument"]);
  t.is(new Set(server.requestIds.slice(1)).size, 1);
});
