import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { jsonText } from "../../src/client/index.ts";
import { session } from "./run-docdb.ts";

const exact = '{"id":18446744073709551615,"price":1.10,"tags":[1e400]}';

test("--set, --delete and --insert apply in the order given, and the new version is printed", async (t) => {
  const { run, db } = await session(t);
  await db.collection().create(jsonText(exact));
  const args = ["--set", "/a/b=[1.0]", "--insert", "/a/b/0={}", "--delete", "/price", "--set", "/a/b/1=2"];
  const { code, stdout } = await run("patch", "app", "1", ...args);
  t.is(code, 0);
  t.is(stdout, `${(await db.collection().getOrThrow(1)).version}\n`);
  t.is((await run("get", "app", "1")).stdout, '{"id":18446744073709551615,"tags":[1e400],"a":{"b":[{},2]}}\n');
});

test("--merge and --json-patch take the patch from an argument, a file or stdin", async (t) => {
  const { run, runWith, directory, db } = await session(t);
  await db.collection().create({ a: 1 });
  t.is((await run("patch", "app", "1", "--merge", '{"a":null,"b":1}')).code, 0);
  const file = join(directory, "patch.json");
  await writeFile(file, '[{"op":"move","from":"/b","path":"/c"}]\n');
  t.is((await run("patch", "app", "1", "--json-patch", "--file", file)).code, 0);
  t.is((await runWith('{"d":2}', "patch", "app", "1", "--merge", "-")).code, 0);
  t.is((await run("get", "app", "1")).stdout, '{"c":1,"d":2}\n');
});

test("a patch that can't be applied is exit code 6, one that is none 7, a missing document 5", async (t) => {
  const { run, db } = await session(t);
  await db.collection().create({ a: 1 });
  t.is((await run("patch", "app", "1", "--delete", "/b")).code, 6);
  t.is((await run("patch", "app", "1", "--set", "/a=2", "--if-version", "99")).code, 6);
  t.is((await run("patch", "app", "1", "--set", "/a={")).code, 7);
  t.is((await run("patch", "app", "1", "--set", "/a")).code, 7);
  t.is((await run("patch", "app", "9", "--set", "/a=2")).code, 5);
});

test("no patch, or more than one form of it, is wrong usage", async (t) => {
  const { run } = await session(t);
  for (const args of [[], ["{}"], ["--merge", "--json-patch", "[]"], ["--set", "/a=1", "{}"], ["--merge"]]) {
    t.is((await run("patch", "app", "1", ...args)).code, 2, args.join(" "));
  }
});
