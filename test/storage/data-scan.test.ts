// What the rebuilding of an index makes of damaged records: the document concerned is known to be damaged, never absent
// and never an older version of itself.

import test from "ava";
import { dataHeaderBytes, dataRecordHeaderBytes } from "../../src/storage/data-format.ts";
import { del, put } from "./sample-commits.ts";
import { layout, StoredDatabase, withoutOldWal } from "./stored-database.ts";

/**
 * A cleanly closed database without an index snapshot and without a copy of its documents in the WAL, whose data file
 * has one damaged byte.
 */
async function damagedAt(commits: readonly Parameters<typeof put>[], byte: (bytes: Buffer) => number) {
  const db = await new StoredDatabase(withoutOldWal).create();
  for (const [id, text] of commits) await db.commit(put(id, text));
  await db.close();
  db.machine.removeFile(layout.index);
  const bytes = db.machine.readFile(layout.data);
  const at = byte(bytes);
  bytes[at] = (bytes[at] as number) ^ 1;
  db.machine.writeFile(layout.data, bytes);
  return db;
}

test("a document with damaged content is DATA_LOSS, and all others are served", async (t) => {
  const db = await damagedAt(
    [
      [1n, "one"],
      [2n, "two"],
      [3n, "three"],
    ],
    (bytes) => bytes.indexOf("two") + 1,
  );
  await db.open();
  t.is(await db.read(1n), "one");
  await t.throwsAsync(db.read(2n), { code: "DOCUMENT_CORRUPT" });
  t.is(await db.read(3n), "three");
});

test("a damaged newest version is not hidden by an older one", async (t) => {
  const db = await damagedAt(
    [
      [1n, "old"],
      [1n, "new"],
    ],
    (bytes) => bytes.indexOf("new"),
  );
  await db.open();
  await t.throwsAsync(db.read(1n), { code: "DOCUMENT_CORRUPT" });
});

test("damage of a version that was replaced or deleted concerns nobody", async (t) => {
  const replaced = await damagedAt(
    [
      [1n, "old"],
      [1n, "new"],
    ],
    (bytes) => bytes.indexOf("old"),
  );
  await replaced.open();
  t.is(await replaced.read(1n), "new");

  const deleted = await new StoredDatabase().create();
  await deleted.commit(put(1n, "gone"));
  await deleted.commit(del(1n));
  await deleted.close();
  deleted.machine.removeFile(layout.index);
  const bytes = deleted.machine.readFile(layout.data);
  bytes[bytes.indexOf("gone")] = 0;
  deleted.machine.writeFile(layout.data, bytes);
  await deleted.open();
  t.is(await deleted.read(1n), undefined);
});

test("a damaged document can be replaced and deleted", async (t) => {
  const db = await damagedAt(
    [
      [1n, "one"],
      [2n, "two"],
    ],
    (bytes) => bytes.indexOf("one"),
  );
  await db.open();
  await db.commit(put(1n, "again"));
  t.is(await db.read(1n), "again");
  await db.commit(del(1n));
  await db.close();
  db.machine.removeFile(layout.index);
  await db.open();
  t.is(await db.read(1n), undefined);
  t.is(await db.read(2n), "two");
});

test("a damaged record header makes the database refuse to open, with the place", async (t) => {
  for (let at = 0; at < dataRecordHeaderBytes; at++) {
    const db = await damagedAt([[1n, "one"]], () => dataHeaderBytes + at);
    const error = await db.openError();
    t.is(error.code, "DATABASE_CORRUPT", `byte ${at}`);
    t.regex(error.message, /the record at offset 36 is damaged/);
  }
});
