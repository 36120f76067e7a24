import * as fs from "node:fs";
import { tmpdir } from "node:os";
import test from "ava";
import { realPlatform } from "../../../src/platform/real/real-platform.ts";

test("files and directories are their owner's alone", async (t) => {
  const directory = fs.mkdtempSync(`${tmpdir()}/docdb-real-`);
  t.teardown(() => fs.rmSync(directory, { recursive: true }));
  const platform = realPlatform();
  await platform.fs.mkdir(`${directory}/a/b`);
  const file = await platform.fs.open(`${directory}/a/b/file`, "create");
  await file.close();
  t.is(fs.statSync(`${directory}/a`).mode & 0o777, 0o700);
  t.is(fs.statSync(`${directory}/a/b`).mode & 0o777, 0o700);
  t.is(fs.statSync(`${directory}/a/b/file`).mode & 0o777, 0o600);
});

test("many more syncs than threads all return, and so does the close that waits for them", async (t) => {
  const directory = fs.mkdtempSync(`${tmpdir()}/docdb-real-`);
  t.teardown(() => fs.rmSync(directory, { recursive: true }));
  const file = await realPlatform().fs.open(`${directory}/file`, "create");
  await file.write(Buffer.alloc(100), 0);
  const syncs = Array.from({ length: 30 }, () => file.datasync());
  await file.close();
  await t.notThrowsAsync(Promise.all(syncs));
});

test("a call with impossible arguments is refused, and close doesn't wait for it", async (t) => {
  const directory = fs.mkdtempSync(`${tmpdir()}/docdb-real-`);
  t.teardown(() => fs.rmSync(directory, { recursive: true }));
  const file = await realPlatform().fs.open(`${directory}/file`, "create");
  await t.throwsAsync(file.truncate(0.5), { code: "ERR_OUT_OF_RANGE" });
  await t.notThrowsAsync(file.close());
});
