// Patches as commands: of documents on the disk and of pending ones, alone and in batches, many at the same time.

import test from "ava";
import { DocDBError } from "../../src/base/errors.ts";
import type { Outcome, Precondition, WriteOperation } from "../../src/engine/commands.ts";
import { OpenTransaction } from "./transactions/open-transaction.ts";
import { create, directory, engineWithDatabase, remove, type SimulatedEngine, update } from "./simulated-engine.ts";

function patch(id: bigint, path: string, json: string, precondition?: Precondition): WriteOperation {
  const operations = [{ op: "set", path, json: Buffer.from(json) }] as const;
  return { kind: "patch", collection: "", id, patch: { form: "operations", operations }, precondition };
}

const write = (operation: WriteOperation) => ({ op: "writeDocument", database: "d", operation }) as const;
const batch = (operations: readonly WriteOperation[], atomic: boolean) =>
  ({ op: "batchWrite", database: "d", operations, atomic }) as const;

/** The codes of a batch's outcomes. */
function codes(outcomes: readonly Outcome<unknown>[]): string[] {
  return outcomes.map((outcome) =>
    outcome.ok ? "ok" : outcome.error instanceof DocDBError ? outcome.error.code : "?",
  );
}

/** Starts all commands in one turn of the event loop; the codes of what comes of them, in order. */
async function together(db: SimulatedEngine, operations: readonly WriteOperation[]): Promise<string[]> {
  const results = operations.map((operation) => db.engine.execute(write(operation)));
  const settled = await db.machine.run(Promise.allSettled(results));
  return settled.map((result) =>
    result.status === "fulfilled" ? "ok" : result.reason instanceof DocDBError ? result.reason.code : "?",
  );
}

test("a patch changes a document on the disk, keeps its create time, and survives a crash", async (t) => {
  const db = await engineWithDatabase();
  await db.write(create(1n, '{"id":18446744073709551615,"price":1.10,"tags":[1e400]}'));
  const before = await db.run({ op: "getDocument", database: "d", collection: "", id: 1n });
  const { version } = await db.write(patch(1n, "/name", '"x"'));
  await db.crash();
  const after = await db.run({ op: "getDocument", database: "d", collection: "", id: 1n });
  t.is(Buffer.from(after.json).toString(), '{"id":18446744073709551615,"price":1.10,"tags":[1e400],"name":"x"}');
  t.is(after.version, version);
  t.is(after.createTimeMs, before.createTimeMs);
});

test("a patch of what isn't there is DOCUMENT_NOT_FOUND, also when it was deleted", async (t) => {
  const db = await engineWithDatabase();
  t.is(await db.codeOf(write(patch(1n, "/a", "1"))), "DOCUMENT_NOT_FOUND");
  t.is(await db.codeOf(write({ ...patch(1n, "/a", "1"), collection: "c" })), "COLLECTION_NOT_FOUND");
  t.is(await db.codeOf(write(patch(0n, "/a", "1"))), "INVALID_ID");
  await db.write(create(1n));
  await db.write(remove(1n));
  t.is(await db.codeOf(write(patch(1n, "/a", "1"))), "DOCUMENT_NOT_FOUND");
});

test("a patch that fails changes nothing", async (t) => {
  const db = await engineWithDatabase();
  const { version } = await db.write(create(1n, "[]"));
  t.is(await db.codeOf(write(patch(1n, "/a", "1"))), "NOT_AN_OBJECT");
  t.is(await db.codeOf(write(patch(1n, "a", "1"))), "INVALID_PATH");
  t.is(await db.codeOf(write(patch(1n, "/-", "{"))), "INVALID_JSON");
  t.is(await db.codeOf(write(patch(1n, "/-", "[".repeat(100) + "]".repeat(100)))), "JSON_TOO_DEEP");
  t.is(await db.read(1n), "[]");
  t.is((await db.run({ op: "getDocument", database: "d", collection: "", id: 1n })).version, version);
});

test("preconditions hold for patches", async (t) => {
  const db = await engineWithDatabase();
  const { version } = await db.write(create(1n));
  t.is(await db.codeOf(write(patch(1n, "/a", "1", { version: version + 1 }))), "VERSION_MISMATCH");
  t.is(await db.codeOf(write(patch(1n, "/a", "1", { exists: false }))), "VERSION_MISMATCH");
  t.is(await db.codeOf(write(patch(1n, "/a", "1", { version }))), "none");
  t.is(await db.codeOf(write(patch(1n, "/a", "2", { version }))), "VERSION_MISMATCH");
  t.is(await db.codeOf(write(patch(1n, "/a", "2", { exists: true }))), "none");
  t.is(await db.read(1n), '{"a":2}');
});

test("of 200 patches of one document at once none is lost, and they apply in the order of arrival", async (t) => {
  const db = await engineWithDatabase();
  await db.write(create(1n, "[]"));
  const numbers = Array.from({ length: 200 }, (_, i) => i);
  t.true(
    (
      await together(
        db,
        numbers.map((i) => patch(1n, "/-", String(i))),
      )
    ).every((code) => code === "ok"),
  );
  t.deepEqual(JSON.parse(await db.read(1n)), numbers);
});

test("writes of a document wait in line behind a patch that has to read it", async (t) => {
  const db = await engineWithDatabase();
  await db.write(create(1n, "[]"));
  await db.write(create(2n, "[]"));
  const operations = [
    patch(1n, "/-", "1"),
    patch(1n, "/-", "2"),
    update(1n, "[3]"),
    patch(1n, "/-", "4"),
    remove(1n),
    patch(1n, "/-", "5"),
    create(1n, "[6]"),
    patch(1n, "/-", "7"),
  ];
  const all = together(db, operations);
  t.deepEqual(await all, ["ok", "ok", "ok", "ok", "ok", "DOCUMENT_NOT_FOUND", "ok", "ok"]);
  t.is(await db.read(1n), "[6,7]");
  t.is(await db.read(2n), "[]");
});

test("a batch sees its own patches, one after the other, atomic or not", async (t) => {
  for (const atomic of [true, false]) {
    const db = await engineWithDatabase();
    await db.write(create(1n, '{"l":[]}'));
    const operations = [
      patch(1n, "/l/-", "1"),
      create(2n, "{}"),
      patch(2n, "/a", "1"),
      patch(1n, "/l/-", "2"),
      patch(2n, "/a", "2"),
      patch(1n, "/m", "3"),
    ];
    const { outcomes } = await db.run(batch(operations, atomic));
    t.deepEqual(
      codes(outcomes),
      operations.map(() => "ok"),
    );
    t.is(await db.read(1n), '{"l":[1,2],"m":3}');
    t.is(await db.read(2n), '{"a":2}');
    if (atomic) t.is(new Set(outcomes.map((outcome) => (outcome.ok ? outcome.value.version : 0))).size, 1);
  }
});

test("an atomic batch with a patch that fails changes nothing, and names the operation", async (t) => {
  const db = await engineWithDatabase();
  await db.write(create(1n, "{}"));
  const operations = [patch(1n, "/a", "1"), patch(1n, "/a/b", "2")];
  const error = await t.throwsAsync(db.run(batch(operations, true)), { instanceOf: DocDBError });
  t.is(error.code, "NOT_AN_OBJECT");
  t.is(error.metadata["index"], "1");
  t.is(error.metadata["operation"], "0");
  t.is(await db.read(1n), "{}");
  const { outcomes } = await db.run(batch(operations, false));
  t.deepEqual(codes(outcomes), ["ok", "NOT_AN_OBJECT"]);
  t.is(await db.read(1n), '{"a":1}');
});

test("batches that patch the same documents in opposite orders don't wait for each other", async (t) => {
  const db = await engineWithDatabase();
  for (const id of [1n, 2n]) await db.write(create(id, "[]"));
  const batches = Array.from({ length: 20 }, (_, i) => {
    const ids = i % 2 === 0 ? [1n, 2n] : [2n, 1n];
    return db.engine.execute(
      batch(
        ids.map((id) => patch(id, "/-", String(i))),
        true,
      ),
    );
  });
  await db.machine.run(Promise.all(batches));
  t.deepEqual(JSON.parse(await db.read(1n)), JSON.parse(await db.read(2n)));
  t.is((JSON.parse(await db.read(1n)) as unknown[]).length, 20);
});

test("patches that rested on a failed group are worked out anew", async (t) => {
  const db = await engineWithDatabase();
  await db.write(create(1n, "[0]"));
  // The update's group fails; the patch was planned against the update, and must not be applied to what never was.
  db.machine.faults.failAt(db.machine.ioCount + 1);
  const results = await together(db, [update(1n, "[1]"), patch(1n, "/-", "2")]);
  t.true(
    results.every((code) => code !== "ok"),
    results.join(),
  );
  t.is(await db.read(1n), "[0]");
  db.machine.faults.clear();
  await db.write(patch(1n, "/-", "3"));
  t.is(await db.read(1n), "[0,3]");
});

test("a refusal that rests on a pending write is told only when that is visible", async (t) => {
  const db = await engineWithDatabase();
  await db.write(create(1n, '{"a":[]}'));
  // Deep as it gets: the patch would go too deep, but only if the update becomes visible.
  const deep = `{"a":${"[".repeat(99)}${"]".repeat(99)}}`;
  db.machine.faults.failAt(db.machine.ioCount + 1);
  const inner = `/a${"/0".repeat(98)}/-`;
  const results = await together(db, [update(1n, deep), patch(1n, inner, "[]")]);
  t.not(results[0], "ok");
  t.is(results[1], "PATH_NOT_FOUND");
});

test("a damaged document is healed for a patch; one that can't be healed can't be patched, but replaced", async (t) => {
  for (const heals of [true, false]) {
    const withoutOldWal = heals ? {} : { segmentBytes: 1, keepSegments: 0 };
    const db = await engineWithDatabase({ scrubIntervalMs: 0, ...withoutOldWal });
    await db.write(create(1n, '{"a":"marker"}'));
    for (const id of [7n, 8n, 9n]) await db.write(create(id));
    await db.run({ op: "checkpointDatabase", database: "d" });
    const file = `${directory}/data/d.data`;
    db.machine.flipBit(file, db.machine.readFile(file).indexOf("marker"), 0);
    t.is(await db.codeOf(write(patch(1n, "/b", "1"))), heals ? "none" : "DOCUMENT_CORRUPT");
    t.is(await db.codeOf(batch([create(2n), patch(1n, "/c", "1")], true)), heals ? "none" : "DOCUMENT_CORRUPT");
    t.is(await db.read(2n), heals ? "{}" : "DOCUMENT_NOT_FOUND");
    await db.write(update(1n, "{}"));
    await db.write(patch(1n, "/b", "1"));
    t.is(await db.read(1n), '{"b":1}');
  }
});

test("a batch of 5,000 patches of documents on the disk is applied", async (t) => {
  const db = await engineWithDatabase();
  const ids = Array.from({ length: 5000 }, (_, i) => BigInt(i + 1));
  await db.run(
    batch(
      ids.map((id) => create(id, '{"n":0}')),
      true,
    ),
  );
  for (const atomic of [true, false]) {
    const { outcomes } = await db.run(
      batch(
        ids.map((id) => patch(id, `/${String(atomic)}`, "1")),
        atomic,
      ),
    );
    t.true(outcomes.every((outcome) => outcome.ok));
  }
  t.is(await db.read(4999n), '{"n":0,"true":1,"false":1}');
});

test("patches in a transaction apply to what it sees, and conflict like other writes", async (t) => {
  const db = await engineWithDatabase();
  await db.write(create(1n, '{"l":[1.0]}'));
  const [first, second] = [await OpenTransaction.begin(db), await OpenTransaction.begin(db)];
  t.is(await first.write(patch(1n, "/l/-", "2")), "0");
  t.is(await first.write(patch(1n, "/l/-", "3")), "0");
  t.is(await first.write(patch(1n, "/l/x", "3")), "NOT_AN_OBJECT");
  t.is(await first.write(patch(2n, "/a", "3")), "DOCUMENT_NOT_FOUND");
  t.is(await first.create(2n, "{}"), "0");
  t.is(await first.write(patch(2n, "/a", "3")), "0");
  t.is(await first.read(1n), '{"l":[1.0,2,3]}');
  t.is(await db.read(1n), '{"l":[1.0]}');
  t.is(await second.write(patch(1n, "/l/0", "9")), "0");
  await first.commit();
  t.is((await second.failedCommit()).code, "TRANSACTION_CONFLICT");
  t.is(await db.read(1n), '{"l":[1.0,2,3]}');
  t.is(await db.read(2n), '{"a":3}');
});
