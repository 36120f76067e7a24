// docdb export of a collection with documents that can't be read, on a real server whose files are damaged under it.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { damagedServer, withoutOldWal } from "../server/damaged-server.ts";
import { temporaryDirectory } from "../server/temporary-server.ts";
import { runDocdb } from "./run-docdb.ts";

test("an export writes what can be read, names what can't, and ends with exit code 10", async (t) => {
  const { socket, db, damage } = await damagedServer(t, withoutOldWal);
  const file = join(await temporaryDirectory(t), "app.ndjson");
  const run = async (...args: string[]) => await runDocdb(args, "", socket);
  t.is((await run("export", "app", "--output", file)).code, 0);
  const whole = await readFile(file, "utf8");
  await db.checkpoint();
  await damage(2);
  await damage(4);

  const { code, stdout, stderr } = await run("export", "app");
  t.is(code, 10);
  t.is(stdout, '"text 1"\n"text 3"\n"text 5"\n');
  const lines = stderr.trimEnd().split("\n");
  t.is(lines.length, 3);
  t.regex(lines[0] ?? "", /^error: Document 2 is damaged in .* \(DOCUMENT_CORRUPT\)$/);
  t.regex(lines[1] ?? "", /^error: Document 4 is damaged in .* \(DOCUMENT_CORRUPT\)$/);
  t.is(lines[2], "Wrote 3 documents; 2 can't be read and are missing.");

  // The export of a better day stays.
  const again = await run("export", "app", "--output", file, "--with-ids", "--json");
  t.is(again.code, 10);
  t.deepEqual(JSON.parse(again.stdout), { exported: 3, unreadable: 2, file: `${file}.incomplete` });
  const told = again.stderr.trimEnd().split("\n");
  t.deepEqual(
    told.map((line) => (JSON.parse(line) as { error: { metadata: { id: string } } }).error.metadata.id),
    ["2", "4"],
  );
  t.is(await readFile(file, "utf8"), whole);
  await t.throwsAsync(readFile(`${file}.partial`), { code: "ENOENT" });

  // What was saved is what an import takes.
  const saved = `${file}.incomplete`;
  t.is((await run("import", "copy", saved, "--with-ids", "--create-missing")).code, 0);
  const copies = await Array.fromAsync(db.client.database("copy").collection().list());
  t.deepEqual(
    copies.map(({ id, value }) => [id, value]),
    [1n, 3n, 5n].map((id) => [id, `text ${id}`]),
  );
  t.is((await run("export", "app", "--format", "array")).stdout, '[\n"text 1",\n"text 3",\n"text 5"\n]\n');
});
