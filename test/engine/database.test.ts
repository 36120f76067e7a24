// What the commands on documents mean.

import test from "ava";
import { plant } from "../../src/base/sabotage.ts";
import { DocDBError } from "../../src/base/errors.ts";
import type { WriteOperation } from "../../src/engine/commands.ts";
import { create, engineWithDatabase, remove, type SimulatedEngine, update } from "./simulated-engine.ts";

const write = (operation: WriteOperation) => ({ op: "writeDocument", database: "d", operation }) as const;
const batch = (operations: readonly WriteOperation[], atomic: boolean) =>
  ({ op: "batchWrite", database: "d", operations, atomic }) as const;

test("a document comes back byte for byte, also after a restart", async (t) => {
  const db = await engineWithDatabase();
  const texts = [
    '{"n":18446744073709551615,"f":1.0,"e":1e400,"é":"\\ud83d\\ude00"}',
    " [1 ,\t2]\n",
    '{"a":1,"a":2}',
    '"\\ud83d"',
  ];
  for (const [i, text] of texts.entries()) await db.write(create(BigInt(i + 1), text));
  for (const [i, text] of texts.entries()) t.is(await db.read(BigInt(i + 1)), text);
  await db.restart();
  for (const [i, text] of texts.entries()) t.is(await db.read(BigInt(i + 1)), text);
});

test("create refuses a document that is there, update and delete one that isn't", async (t) => {
  const db = await engineWithDatabase();
  t.is(await db.codeOf(write({ ...update(1n, "1"), allowMissing: false } as WriteOperation)), "DOCUMENT_NOT_FOUND");
  t.is(await db.codeOf(write(remove(1n))), "DOCUMENT_NOT_FOUND");
  await db.write(create(1n, "1"));
  t.is(await db.codeOf(write(create(1n, "2"))), "DOCUMENT_EXISTS");
  t.is(await db.read(1n), "1");
  await db.write(remove(1n));
  t.is(await db.read(1n), "DOCUMENT_NOT_FOUND");
  t.is(await db.codeOf(write(remove(1n))), "DOCUMENT_NOT_FOUND");
  await db.write(create(1n, "3"));
  t.is(await db.read(1n), "3");
});

test("with allowMissing update creates, and delete of nothing succeeds with version 0", async (t) => {
  const db = await engineWithDatabase();
  const { version } = await db.write(update(5n, "1"));
  t.is(await db.read(5n), "1");
  t.is((await db.write({ kind: "delete", collection: "", id: 6n, allowMissing: true })).version, 0);
  t.is((await db.write(update(5n, "2"))).version, version + 1);
});

test("versions go up by one with each commit and are never given again", async (t) => {
  const db = await engineWithDatabase();
  t.is((await db.write(create(1n))).version, 1);
  t.is((await db.write(remove(1n))).version, 2);
  await db.restart();
  t.is((await db.write(create(1n))).version, 3);
  await db.crash();
  t.true((await db.write(create(2n))).version > 3);
});

test("an update keeps the create time, and a create after a delete has its own", async (t) => {
  const db = await engineWithDatabase();
  const first = await db.run(write(create(1n)));
  await db.machine.advance(5_000);
  const second = await db.run(write(update(1n, "1")));
  t.is(second.createTimeMs, first.createTimeMs);
  t.true(second.updateTimeMs >= first.createTimeMs + 5_000);
  await db.run(write(remove(1n)));
  t.true((await db.run(write(create(1n)))).createTimeMs > first.createTimeMs);
});

test("a precondition that doesn't hold refuses the write", async (t) => {
  const db = await engineWithDatabase();
  const { version } = await db.write(create(1n, "1"));
  const cases = [
    [{ ...update(1n, "2"), precondition: { version: version + 1 } }, "VERSION_MISMATCH"],
    [{ ...update(2n, "2"), precondition: { version: 1 } }, "VERSION_MISMATCH"],
    [{ ...update(2n, "2"), precondition: { exists: true } }, "VERSION_MISMATCH"],
    [{ ...update(1n, "2"), precondition: { exists: false } }, "VERSION_MISMATCH"],
    [{ ...remove(1n), precondition: { version: version + 7 } }, "VERSION_MISMATCH"],
    [{ ...update(1n, "2"), precondition: { version } }, "none"],
    [{ ...update(1n, "3"), precondition: { exists: true } }, "none"],
    [{ ...update(3n, "3"), precondition: { exists: false } }, "none"],
  ] as const;
  for (const [operation, code] of cases)
    t.is(await db.codeOf(write(operation)), code, JSON.stringify(operation.precondition));
  t.is(await db.read(1n), "3");
  t.is(await db.read(2n), "DOCUMENT_NOT_FOUND");
});

test("of updates with the same version as precondition one wins, even when asked for at once", async (t) => {
  const db = await engineWithDatabase();
  const { version } = await db.write(create(1n, "0"));
  const attempts = ["1", "2", "3"].map((text) =>
    db.engine.execute(write({ ...update(1n, text), precondition: { version } })),
  );
  const results = await db.machine.run(Promise.allSettled(attempts));
  t.deepEqual(
    results.map((result) => result.status),
    ["fulfilled", "rejected", "rejected"],
  );
  t.is(await db.read(1n), "1");
});

test("the server assigns ids that were never used, also after deletes and restarts", async (t) => {
  const db = await engineWithDatabase();
  t.is((await db.write(create(0n))).id, 1n);
  await db.write(create(7n));
  t.is((await db.write(create(0n))).id, 8n);
  await db.write(remove(8n));
  t.is((await db.write(create(0n))).id, 9n);
  await db.write(remove(9n));
  await db.restart();
  t.is((await db.write(create(0n))).id, 10n);
  await db.write(remove(10n));
  await db.crash();
  t.is((await db.write(create(0n))).id, 11n);
  await db.run({ op: "closeDatabase", database: "d" });
  db.machine.removeFile("/db/data/d.index");
  t.is((await db.write(create(0n))).id, 12n);
});

test("assigned ids stay safe integers whatever ids clients name", async (t) => {
  const db = await engineWithDatabase();
  await db.write(create(2n ** 64n - 1n));
  await db.write(create(2n ** 53n));
  t.is((await db.write(create(0n))).id, 1n);
  await db.write(create(2n ** 53n - 2n));
  t.is(await db.codeOf(write(create(0n))), "IDS_EXHAUSTED");
});

test("many creates at once get ids of their own", async (t) => {
  const db = await engineWithDatabase();
  const stamps = await db.machine.run(
    Promise.all(Array.from({ length: 50 }, () => db.engine.execute(write(create(0n))))),
  );
  t.is(new Set(stamps.map((stamp) => stamp.id)).size, 50);
});

test("ids go to 2^64-1 and no further, and 0 names no document", async (t) => {
  const db = await engineWithDatabase();
  const greatest = 2n ** 64n - 1n;
  await db.write(create(greatest, "1"));
  await db.restart();
  t.is(await db.read(greatest), "1");
  t.is(await db.read(0n), "DOCUMENT_NOT_FOUND");
  for (const id of [-1n, 2n ** 64n]) t.is(await db.codeOf(write(create(id))), "INVALID_ID");
  for (const operation of [update(0n, "1"), remove(0n)]) t.is(await db.codeOf(write(operation)), "INVALID_ID");
});

test("what isn't JSON is refused, and nothing is written", async (t) => {
  const db = await engineWithDatabase();
  const files = db.machine.files();
  for (const text of ["", "{", "NaN", "\ufeff1"]) t.is(await db.codeOf(write(create(1n, text))), "INVALID_JSON");
  t.is(await db.codeOf(write({ ...create(1n), json: Buffer.of(0x22, 0xff, 0x22) } as WriteOperation)), "INVALID_UTF8");
  t.deepEqual(db.machine.files(), files);
});

test("an atomic batch has one version, and its operations on one document see each other", async (t) => {
  const db = await engineWithDatabase();
  const { outcomes } = await db.run(
    batch([create(1n, "1"), update(1n, "2"), create(0n, "3"), remove(1n), create(1n, "4")], true),
  );
  const stamps = outcomes.map((outcome) => (outcome.ok ? outcome.value : undefined));
  t.deepEqual(
    stamps.map((stamp) => stamp?.version),
    [1, 1, 1, 1, 1],
  );
  t.is(stamps[2]?.id, 2n);
  t.is(await db.read(1n), "4");
  t.is(await db.read(2n), "3");
  await db.crash();
  t.is(await db.read(1n), "4");
});

test("an atomic batch that fails does nothing, and its error names the operation", async (t) => {
  const db = await engineWithDatabase();
  const operations = [create(1n), create(2n), create(1n)];
  const error = await t.throwsAsync(db.run(batch(operations, true)), { instanceOf: DocDBError });
  t.is(error?.code, "DOCUMENT_EXISTS");
  t.is(error?.metadata["index"], "2");
  t.regex(error?.message ?? "", /^Operation 2 of the batch/);
  t.is(await db.read(1n), "DOCUMENT_NOT_FOUND");
  t.is((await db.write(create(1n))).version, 1);
});

test("in a batch that isn't atomic each operation has its own outcome, in order", async (t) => {
  const db = await engineWithDatabase();
  const { outcomes } = await db.run(batch([create(1n, "1"), create(1n, "2"), create(2n, "{"), create(3n, "3")], false));
  t.deepEqual(
    outcomes.map((outcome) => (outcome.ok ? outcome.value.id : (outcome.error as DocDBError).code)),
    [1n, "DOCUMENT_EXISTS", "INVALID_JSON", 3n],
  );
  t.is(await db.read(1n), "1");
});

test("batchGet answers in the order asked, each id for itself", async (t) => {
  const db = await engineWithDatabase();
  await db.write(create(1n, "1"));
  await db.write(create(2n ** 60n, "2"));
  const { outcomes } = await db.run({
    op: "batchGetDocuments",
    database: "d",
    collection: "",
    ids: [2n ** 60n, 9n, 1n, 1n],
  });
  t.deepEqual(
    outcomes.map((outcome) =>
      outcome.ok ? Buffer.from(outcome.value.json).toString() : (outcome.error as DocDBError).code,
    ),
    ["2", "DOCUMENT_NOT_FOUND", "1", "1"],
  );
});

test("nobody reads a write before its fsync, and nobody is refused because of one before it", async (t) => {
  const db = await engineWithDatabase();
  await db.write(create(1n, "1"));
  let synced = false;
  db.machine.beforeIo = (_io, call, path): void => {
    if (call === "datasync" && path.includes(".wal")) synced = true;
  };
  const pending = db.engine.execute(write(remove(1n)));
  const order: string[] = [];
  const second = db.engine
    .execute(write(remove(1n)))
    .catch((error: DocDBError) => order.push(`${error.code} ${synced}`));
  t.is(await db.read(1n), "1");
  t.false(synced);
  await db.machine.run(Promise.all([pending, second]));
  t.deepEqual(order, ["DOCUMENT_NOT_FOUND true"]);
});

/** A create that is refused for want of space, and the same again when there is some: the code of the second. */
async function refusedAndRepeated(db: SimulatedEngine): Promise<[string, string]> {
  db.machine.faults.failNext("noSpace", /\.wal/);
  const first = await db.codeOf(write(create(1n, `"${"x".repeat(100)}"`)));
  db.machine.faults.clear();
  return [first, await db.codeOf(write(create(1n)))];
}

test.serial(
  "a write that was refused leaves nothing that a later one meets; a planted trace of it is noticed",
  async (t) => {
    t.deepEqual(await refusedAndRepeated(await engineWithDatabase()), ["DISK_FULL", "none"]);
    const cure = plant("abort-keeps-pending");
    t.teardown(cure);
    t.notDeepEqual(await refusedAndRepeated(await engineWithDatabase()), ["DISK_FULL", "none"]);
    cure();
  },
);

test("lists go by id over all 64 bits, page by page, and skip what was deleted", async (t) => {
  const db = await engineWithDatabase();
  const ids = [
    1n,
    2n,
    255n,
    256n,
    257n,
    2n ** 32n - 1n,
    2n ** 32n,
    2n ** 53n - 1n,
    2n ** 53n,
    2n ** 53n + 1n,
    2n ** 63n,
    2n ** 64n - 1n,
  ];
  await db.run(
    batch(
      [...ids].reverse().map((id) => create(id, String(id))),
      true,
    ),
  );
  await db.write(create(100n));
  await db.write(remove(100n));
  for (const pageSize of [1, 5, 100]) {
    const found: bigint[] = [];
    for (let after = 0n, more = true; more; ) {
      const page = await db.run({ op: "listDocuments", database: "d", collection: "", after, pageSize });
      t.true(page.items.length <= pageSize);
      for (const { id, json } of page.items) t.is(Buffer.from(json).toString(), String(id));
      found.push(...page.items.map((item) => item.id));
      after = found.at(-1) ?? 0n;
      more = page.more;
    }
    t.deepEqual(found, ids);
  }
});

test("a page ends early when its documents are big, and says that there is more", async (t) => {
  const db = await engineWithDatabase();
  const big = `"${"x".repeat(3 * 1024 * 1024)}"`;
  for (const id of [1n, 2n]) await db.write(create(id, big));
  const page = await db.run({ op: "listDocuments", database: "d", collection: "", after: 0n, pageSize: 10 });
  t.is(page.items.length, 1);
  t.true(page.more);
});

test("a checkpoint covers every write that was acknowledged before it was asked for", async (t) => {
  const db = await engineWithDatabase();
  await db.write(create(1n));
  const first = db.engine.execute({ op: "checkpointDatabase", database: "d" });
  const { version } = await db.write(create(2n));
  const second = await db.run({ op: "checkpointDatabase", database: "d" });
  await db.machine.run(first);
  t.true(second.version >= version, `version ${version} is not covered by the checkpoint of ${second.version}`);
});

test("a full disk is DISK_FULL from every command that writes, and not an internal error", async (t) => {
  const commands = [
    write(create(1n)),
    { op: "checkpointDatabase", database: "d" },
    { op: "createCollection", database: "d", collection: "c" },
    { op: "createDatabase", database: "e" },
    { op: "deleteDatabase", database: "d" },
  ] as const;
  for (const command of commands) {
    const db = await engineWithDatabase();
    await db.write(create(9n));
    db.machine.faults.failFrom(1, "noSpace");
    t.is(await db.codeOf(command), "DISK_FULL", command.op);
    db.machine.faults.clear();
    t.is(await db.codeOf(command), "none", `${command.op} when there is space again`);
  }
});
