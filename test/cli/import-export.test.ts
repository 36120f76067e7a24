import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { jsonText } from "../../src/client/index.ts";
import { hangUp, ScriptedServer, succeed } from "../client/scripted-server.ts";
import { temporaryDirectory } from "../server/temporary-server.ts";
import { runDocdb, session } from "./run-docdb.ts";

const texts = [
  '{"n":18446744073709551615,"f":1.0,"e":1e400}',
  '"\\ud83d\\ude00 é"',
  "[ 1,  2 ]",
  "null",
  '{"a":{"b":"}]"}}',
];

test("NDJSON and arrays come back from an export with every byte", async (t) => {
  const { run, runWith, directory } = await session(t);
  const lines = `${texts.join("\n")}\n`;
  const imported = await runWith(lines, "import", "new/lines", "-", "--create-missing");
  t.is(imported.code, 0);
  t.is(imported.stdout, "");
  t.regex(imported.stderr, /^Stored 5 documents in new\/lines in [\d.]+ s\.\n$/);
  t.is((await run("export", "new/lines")).stdout, lines);

  const file = join(directory, "array.json");
  await writeFile(file, `\ufeff[\r\n${texts.join(" ,\r\n")}\r\n]\r\n`);
  t.is((await run("import", "app", file)).code, 0);
  t.is((await run("export", "app")).stdout, lines);
  t.is((await run("export", "app", "--format", "array")).stdout, `[\n${texts.join(",\n")}\n]\n`);
});

test("documents with line breaks survive as an array, and are put on one line in NDJSON", async (t) => {
  const { run, runWith, db } = await session(t);
  const pretty = '{\n  "a": 1.0\n}';
  await db.collection().create(jsonText(pretty));
  t.is((await run("export", "app")).stdout, '{   "a": 1.0 }\n');
  const array = (await run("export", "app", "--format", "array")).stdout;
  t.is((await runWith(array, "import", "copy", "-", "--create-missing")).code, 0);
  t.is((await db.client.database("copy").collection().getOrThrow(1)).json, pretty);
});

test("an export with ids restores documents under their ids", async (t) => {
  const { run, runWith, db } = await session(t);
  const things = db.collection();
  const ids = [3n, 2n ** 53n + 1n, 2n ** 64n - 1n];
  for (const [i, id] of ids.entries()) await things.create(jsonText(texts[i] ?? ""), { id });
  const exported = (await run("export", "app", "--with-ids")).stdout;
  t.is(exported.split("\n")[2], `{"id":"18446744073709551615","document":${texts[2]}}`);
  t.is((await runWith(exported, "import", "copy", "-", "--with-ids", "--create-missing")).code, 0);
  const copies = await Array.fromAsync(db.client.database("copy").collection().list());
  t.deepEqual(
    copies.map(({ id, json }) => [id, json]),
    ids.map((id, i) => [id, texts[i]]),
  );
});

test("ids are taken from a member, exactly, and existing documents are replaced only on demand", async (t) => {
  const { runWith, db } = await session(t);
  await db.collection().create("old", { id: 1 });
  const lines = '{"key":18446744073709551615}\n{"x":{"key":5},"key":"1"}\n';
  const refused = await runWith(lines, "import", "app", "-", "--id-field", "key");
  t.is(refused.code, 6);
  t.regex(refused.stderr, /^line 2: .*\(DOCUMENT_EXISTS\)\nStored 1 documents in app\/_default .*, 1 failed\.\n$/);
  t.is((await runWith(lines, "import", "app", "-", "--id-field", "key", "--replace")).code, 0);
  t.is((await db.collection().getOrThrow(1)).json, '{"x":{"key":5},"key":"1"}');
  t.is((await db.collection().getOrThrow(2n ** 64n - 1n)).json, '{"key":18446744073709551615}');
});

test("a broken line is named with its reason, and the import stops after its batch", async (t) => {
  const { runWith, db } = await session(t);
  const lines = ["1", "2", "", '{"a":}', "5", "6", "7"].join("\n");
  const { code, stderr } = await runWith(lines, "import", "app", "-", "--batch-size", "2");
  t.is(code, 7);
  t.regex(stderr, /^line 4: The text is not JSON: .* \(INVALID_JSON\)\nStored 3 documents .*, 1 failed\.\n$/);
  t.deepEqual(
    (await Array.fromAsync(db.collection().list())).map(({ value }) => value),
    [1, 2, 5],
  );
});

test("with --keep-going everything else is stored, and --json tells what wasn't", async (t) => {
  const { runWith, db } = await session(t);
  const lines = ["1", '{"a":}', "3", '"\ud83d', "5", '{"id":0}'].join("\n");
  const { code, stdout, stderr } = await runWith(lines, "import", "app", "-", "--keep-going", "--json");
  t.is(code, 7);
  t.is(stderr, "");
  const summary = JSON.parse(stdout) as { failures: { place: string; code: string }[] };
  t.like(summary, { stored: 4, failed: 2 });
  t.deepEqual(
    summary.failures.map((failure) => [failure.place, failure.code]),
    [
      ["line 2", "INVALID_JSON"],
      ["line 4", "INVALID_JSON"],
    ],
  );
  t.is((await db.collections.get("_default")).documents, 4);
});

test("elements without a usable id, or that aren't UTF-8, fail alone", async (t) => {
  const { run, directory } = await session(t);
  const file = join(directory, "bad.ndjson");
  const lines = ['{"id":1}', '{"id":1.5}', "{}", "[]", '{"id":"2"}', '{"id":'].map((line) => Buffer.from(`${line}\n`));
  await writeFile(file, Buffer.concat([...lines, Buffer.from([0x22, 0xff, 0x22])]));
  const { code, stderr } = await run("import", "app", file, "--id-field", "id", "--keep-going");
  t.is(code, 7);
  t.deepEqual(
    [...stderr.matchAll(/^(line \d).*\((\w+)\)$/gm)].map((match) => match.slice(1)),
    [
      ["line 2", "INVALID_ID"],
      ["line 3", "INVALID_ID"],
      ["line 4", "INVALID_ID"],
      ["line 6", "INVALID_JSON"],
      ["line 7", "INVALID_UTF8"],
    ],
  );
  t.regex(stderr, /Stored 2 documents .*, 5 failed/);
});

test("a broken element of an array fails alone; an array that can't be split ends the import", async (t) => {
  const { runWith, db } = await session(t);
  const split = await runWith('[1,\n{"a":},\n3]', "import", "app", "-", "--keep-going");
  t.is(split.code, 7);
  t.regex(split.stderr, /^element 2 on line 2: .*\nStored 2 documents/);
  const open = await runWith('[4,\n5,\n{"a":"unclosed},\n7]', "import", "app", "-", "--keep-going");
  t.is(open.code, 7);
  t.regex(
    open.stderr,
    /^Stored 2 documents .*\nerror: element 3 on line 3: a string isn't closed .*\(INVALID_JSON\)\n$/,
  );
  t.deepEqual(
    (await Array.fromAsync(db.collection().list())).map(({ value }) => value),
    [1, 3, 4, 5],
  );
});

test("a server that goes away in the middle of an import leaves no doubt about what is in doubt", async (t) => {
  const server = new ScriptedServer(join(await temporaryDirectory(t), "s.sock"));
  await server.start();
  t.teardown(() => server.stop());
  // The first call asks whether anybody is there.
  server.script(succeed, hangUp);
  const args = ["import", "app", "-", "--batch-size", "2", "--keep-going", "--socket", server.socket];
  const { code, stderr } = await runDocdb(args, "1\n2\n3\n");
  t.is(code, 1);
  t.regex(
    stderr,
    /^Stored 0 documents .*\nerror: .* line 1 to line 2 may have been stored or not\. \(OUTCOME_UNKNOWN\)\n$/,
  );
  t.deepEqual(server.received, ["ListDatabases", "BatchWrite"]);
});

test("without a terminal there is no progress bar and no colour", async (t) => {
  const { runWith } = await session(t);
  const lines = Array.from({ length: 3_000 }, (_, i) => `{"i":${i}}\n`).join("");
  const { code, stderr } = await runWith(`${lines}{`, "import", "app", "-", "--batch-size", "10");
  t.is(code, 7);
  t.false(stderr.includes("\r") || stderr.includes("\u001b"));
});

test("a file that can't be read is exit code 1, and nothing is created for it", async (t) => {
  const { run } = await session(t);
  const { code, stderr } = await run("import", "other", "/nowhere.json", "--create-missing");
  t.is(code, 1);
  t.regex(stderr, /ENOENT.*\/nowhere\.json/);
  t.is((await run("collection", "list", "other")).code, 5);
});

test("an export to a file puts it in place when it is whole", async (t) => {
  const { run, db, directory } = await session(t);
  await db.collection().create(1);
  const file = join(directory, "out.ndjson");
  const { code, stdout, stderr } = await run("export", "app", "--output", file);
  t.is(code, 0);
  t.is(stdout, "");
  t.is(stderr, `Wrote 1 documents to ${file}.\n`);
  t.is(await readFile(file, "utf8"), "1\n");
  await t.throwsAsync(readFile(`${file}.partial`), { code: "ENOENT" });
  t.is((await run("export", "app", "--output", join(directory, "no", "where"))).code, 1);
});
