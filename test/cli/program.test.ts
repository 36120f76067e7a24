import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import test from "ava";
import { temporaryDirectory } from "../server/temporary-server.ts";
import { runDocdb, session } from "./run-docdb.ts";

test("without a server every command ends with exit code 9, and says how to start one", async (t) => {
  const socket = join(await temporaryDirectory(t), "none.sock");
  for (const args of [
    ["db", "list"],
    ["get", "app", "1"],
    ["import", "app", "-"],
  ]) {
    const { code, stdout, stderr } = await runDocdb([...args, "--socket", socket]);
    t.is(code, 9);
    t.is(stdout, "");
    t.true(stderr.includes(`docdb serve --socket ${socket}`));
  }
});

test("a wrong usage is exit code 2, and says what is wrong on stderr", async (t) => {
  const { run } = await session(t);
  for (const args of [
    [],
    ["bogus"],
    ["get", "app"],
    ["get", "app", "1", "2"],
    ["get", "app", "1", "--bogus"],
    ["list", "app", "--limit", "many"],
    ["list", "app", "--deadline", "soon"],
    ["create", "app"],
    ["create", "app", "1", "--file", "x"],
    ["import", "app", "-", "--format", "xml"],
    ["db"],
    ["heal"],
    ["heal", "app/users"],
    ["serve", "--bogus"],
  ]) {
    const { code, stdout, stderr } = await run(...args);
    t.is(code, 2, args.join(" "));
    t.is(stdout, "");
    t.not(stderr, "");
  }
});

test("--help of every command shows its usage and examples on stdout, with exit code 0", async (t) => {
  const documents = ["get", "create", "update", "delete", "list", "import", "export"];
  const upkeep = ["checkpoint", "compact", "heal", "healing-stats", "stats", "top", "verify"];
  const commands = ["serve", ...documents, ...upkeep];
  const groups = [
    "db create",
    "db list",
    "db open",
    "db close",
    "db drop",
    "collection create",
    "collection list",
    "collection drop",
  ];
  for (const command of [...commands, ...groups]) {
    const { code, stdout, stderr } = await runDocdb([...command.split(" "), "--help"]);
    t.is(code, 0);
    t.is(stderr, "");
    t.true(stdout.startsWith(`Usage: docdb ${command}`));
    t.regex(stdout, /Examples?:\n {2}\$ /);
  }
  const { stdout } = await runDocdb(["--help"]);
  for (const command of [...commands, "db", "collection", "Exit codes"]) t.true(stdout.includes(command));
});

test("--version prints the package's version", async (t) => {
  t.deepEqual(await runDocdb(["--version"]), { code: 0, stdout: "0.1.0\n", stderr: "" });
});

test("--socket, --deadline and --json may stand before the command, and those behind it come first", async (t) => {
  const { socket } = await session(t);
  const before = await runDocdb(["--socket", socket, "--json", "db", "list"]);
  t.is(before.code, 0);
  t.like(JSON.parse(before.stdout), { name: "app" });
  t.is((await runDocdb(["--socket", "/nowhere.sock", "db", "list", "--socket", socket])).code, 0);
  t.is((await runDocdb(["--socket", socket, "--deadline", "0", "db", "list"])).code, 1);
});

test("databases are created, listed and dropped", async (t) => {
  const { run } = await session(t);
  t.is((await run("db", "create", "other")).code, 0);
  t.is((await run("db", "create", "OTHER")).code, 6);
  t.regex((await run("db", "list")).stdout, /^app {4}open .*\nother {2}\w+ .*\n$/);
  const json = (await run("db", "list", "--json")).stdout.trimEnd().split("\n");
  t.deepEqual(
    json.map((line) => (JSON.parse(line) as { name: string }).name),
    ["app", "other"],
  );
  t.is((await run("db", "drop", "other", "--yes")).code, 0);
  t.is((await run("db", "drop", "other", "--yes")).code, 5);
});

test("without a terminal to ask on, db drop refuses unless --yes is given", async (t) => {
  const { run } = await session(t);
  const { code, stderr } = await run("db", "drop", "app");
  t.is(code, 2);
  t.regex(stderr, /--yes/);
  t.regex((await run("db", "list")).stdout, /^app/);
});

test("collections are created, listed and dropped, and one with documents only with --force", async (t) => {
  const { run, db } = await session(t);
  t.is((await run("collection", "create", "app/users")).code, 0);
  t.is((await run("collection", "create", "app/users")).code, 6);
  await db.collection("users").create({ name: "Ada" });
  t.is(
    (await run("collection", "list", "app")).stdout,
    "_default  0 documents  0 bytes\nusers     1 documents  14 bytes\n",
  );
  t.is((await run("collection", "drop", "app/users")).code, 6);
  t.is((await run("collection", "drop", "app/users", "--force")).code, 0);
  t.is((await run("collection", "drop", "app/users")).code, 5);
  t.is((await run("collection", "list", "nowhere")).code, 5);
});

test("a reader that leaves early, as head does, ends list and export quietly", async (t) => {
  const { db, socket } = await session(t);
  const text = "x".repeat(1_000);
  const batch = db.batch();
  for (let i = 0; i < 5_000; i++) batch.create(db.collection(), text);
  await batch.commit();
  const command = join(import.meta.dirname, "..", "..", "bin", "docdb.js");
  for (const args of [
    ["list", "app", "--all"],
    ["export", "app"],
  ]) {
    const child = spawn(process.execPath, [command, ...args, "--socket", socket], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stderr = "";
    child.stderr.on("data", (chunk) => {
      stderr += String(chunk);
    });
    await once(child.stdout, "data");
    child.stdout.destroy();
    const [code] = (await once(child, "close")) as [number | null];
    t.is(code, 0);
    t.is(stderr, "");
  }
});
