// What a transaction sees, when it conflicts, and how it ends.

import test from "ava";
import { DocDBError } from "../../../src/base/errors.ts";
import { limits } from "../../../src/base/limits.ts";
import type { Result } from "../../../src/engine/commands.ts";
import { create, engineWithDatabase, remove, type SimulatedEngine, update } from "../simulated-engine.ts";
import { OpenTransaction } from "./open-transaction.ts";

const database = "d";

async function ids(db: SimulatedEngine): Promise<bigint[]> {
  const page = await db.run({ op: "listDocuments", database, collection: "", after: 0n, pageSize: 100 });
  return page.items.map(({ id }) => id);
}

test("a transaction sees its snapshot and its own writes; nobody else sees them before the commit", async (t) => {
  const db = await engineWithDatabase();
  await db.write(create(1n, '"one"'));
  await db.write(create(2n, '"two"'));
  const tx = await OpenTransaction.begin(db);
  t.is(tx.version, 2);
  await db.write(update(9n, '"later"'));
  t.is(await tx.read(9n), "DOCUMENT_NOT_FOUND");
  t.is(await tx.put(1n, '"uno"'), "0");
  t.is(await tx.create(3n, '"three"'), "0");
  t.is(await tx.write(remove(2n)), "0");
  t.is(await tx.read(1n), '"uno"');
  t.is(await tx.read(2n), "DOCUMENT_NOT_FOUND");
  t.deepEqual(await tx.list(), [1n, 3n]);
  t.is(await tx.create(3n), "DOCUMENT_EXISTS");
  t.is(await tx.write(remove(2n)), "DOCUMENT_NOT_FOUND");
  t.is(await db.read(1n), '"one"');
  t.deepEqual(await ids(db), [1n, 2n, 9n]);
});

test("a commit applies everything at once, under one version, also after a power cut", async (t) => {
  const db = await engineWithDatabase();
  await db.write(create(1n, "1"));
  const tx = await OpenTransaction.begin(db);
  await tx.put(1n, "10");
  await tx.create(2n, "20");
  t.is(await tx.commit(), 2);
  await db.crash();
  t.is(await db.read(1n), "10");
  const [first, second] = [1n, 2n].map((id) => db.run({ op: "getDocument", database, collection: "", id }));
  t.is((await first)?.version, (await second)?.version);
});

test("lists merge own writes page by page, over every position of a page's end", async (t) => {
  const db = await engineWithDatabase();
  for (const id of [2n, 4n, 6n, 8n, 10n, 12n]) await db.write(create(id));
  const tx = await OpenTransaction.begin(db);
  for (const id of [1n, 5n, 13n]) await tx.create(id);
  for (const id of [4n, 6n, 8n]) await tx.write(remove(id));
  for (let pageSize = 1; pageSize <= 9; pageSize++) {
    const found: bigint[] = [];
    for (let after = 0n, more = true; more; after = found.at(-1) ?? 0n) {
      const command = { op: "listDocuments", database, collection: "", after, pageSize, transaction: tx.id } as const;
      const page = await db.run(command);
      t.true(page.items.length <= pageSize);
      found.push(...page.items.map(({ id }) => id));
      more = page.more;
    }
    t.deepEqual(found, [1n, 2n, 5n, 10n, 12n, 13n]);
    const backwards: bigint[] = [];
    for (let from: bigint | undefined = 20n; from !== undefined; ) {
      const bounds = { snapshot: "", from, reverse: true, pageSize, pageBytes: 1_000, transaction: tx.id };
      const page: Result<"scanDocuments"> = await db.run({ op: "scanDocuments", database, collection: "", ...bounds });
      backwards.push(...page.items.map(({ id }) => id));
      from = page.next;
    }
    t.deepEqual(backwards, [13n, 12n, 10n, 5n, 2n, 1n]);
  }
});

test("scans in a transaction go both ways and are checked at its commit", async (t) => {
  const db = await engineWithDatabase();
  for (const id of [2n, 4n, 6n, 8n]) await db.write(create(id));
  const tx = await OpenTransaction.begin(db);
  for (const id of [1n, 5n, 9n]) await tx.create(id);
  await tx.write(remove(4n));
  for (const pageSize of [1, 2, 3, 10]) {
    const found: bigint[] = [];
    for (let from: bigint | undefined = 8n; from !== undefined; ) {
      const where = { database, collection: "", snapshot: "", from, transaction: tx.id } as const;
      const command = { op: "scanDocuments", ...where, reverse: true, pageSize, pageBytes: 1_000_000 } as const;
      const page: Awaited<ReturnType<typeof db.run<"scanDocuments">>> = await db.run(command);
      found.push(...page.items.map(({ id }) => id));
      from = page.next;
    }
    t.deepEqual(found, [8n, 6n, 5n, 2n, 1n]);
  }
  await db.write(create(20n));
  await db.write(create(3n));
  t.like((await tx.failedCommit()).metadata, { id: "3" });
});

test("an atomic batch in a transaction is buffered whole or not at all", async (t) => {
  const db = await engineWithDatabase();
  const tx = await OpenTransaction.begin(db);
  await tx.create(1n);
  const operations = [create(2n), create(1n)];
  const batch = { op: "batchWrite", database, operations, transaction: tx.id } as const;
  t.is(await db.codeOf({ ...batch, atomic: true }), "DOCUMENT_EXISTS");
  t.deepEqual(await tx.list(), [1n]);
  const { outcomes } = await db.run({ ...batch, atomic: false });
  t.deepEqual(
    outcomes.map(({ ok }) => ok),
    [true, false],
  );
  t.deepEqual(await tx.list(), [1n, 2n]);
});

test("assigned ids collide neither with own writes nor with what others do meanwhile", async (t) => {
  const db = await engineWithDatabase();
  const tx = await OpenTransaction.begin(db);
  const mine = await db.run({ op: "writeDocument", database, operation: create(0n), transaction: tx.id });
  const other = await db.write(create(0n));
  const mineToo = await db.run({ op: "writeDocument", database, operation: create(0n), transaction: tx.id });
  t.is(new Set([mine.id, other.id, mineToo.id]).size, 3);
  await tx.commit();
  t.is((await ids(db)).length, 3);
});

test("preconditions in a transaction are judged by what it sees; its own writes have version 0", async (t) => {
  const db = await engineWithDatabase();
  const { version } = await db.write(create(1n));
  const tx = await OpenTransaction.begin(db);
  t.is(await tx.write({ ...update(1n, "2"), precondition: { version: version + 1 } }), "VERSION_MISMATCH");
  t.is(await tx.write({ ...update(1n, "2"), precondition: { version } }), "0");
  t.is(await tx.write({ ...update(1n, "3"), precondition: { version } }), "VERSION_MISMATCH");
  t.is(await tx.write({ ...update(1n, "3"), precondition: { version: 0 } }), "0");
  t.is(await tx.write({ ...update(2n, "3"), precondition: { version: 0 } }), "VERSION_MISMATCH");
});

test("a conflict names the document and the version that came first; nothing is applied", async (t) => {
  const db = await engineWithDatabase();
  await db.write(create(1n, "1"));
  const tx = await OpenTransaction.begin(db);
  t.is(await tx.read(1n), "1");
  await tx.create(2n);
  const { version } = await db.write(update(1n, "2"));
  const error = await tx.failedCommit();
  t.is(error.code, "TRANSACTION_CONFLICT");
  t.deepEqual(error.metadata, { collection: "_default", id: "1", version: String(version) });
  t.regex(error.message, /Document 1 of collection _default .* version 2 /);
  t.is(await db.read(2n), "DOCUMENT_NOT_FOUND");
  t.is((await tx.failedCommit()).code, "TRANSACTION_NOT_FOUND");
});

test("under SERIALIZABLE absences, empty ranges and missing collections are checked too", async (t) => {
  const db = await engineWithDatabase();
  const conflicting: [string, (tx: OpenTransaction) => Promise<unknown>, () => Promise<unknown>][] = [
    ["an absent document", (tx) => tx.read(50n), () => db.write(create(50n))],
    ["an empty range", (tx) => tx.list(1_000n), () => db.write(create(2_000n))],
    ["a deletion in a range", (tx) => tx.list(1_500n), () => db.write(remove(2_000n))],
    [
      "a missing collection",
      (tx) => tx.read(1n, "new"),
      () => db.run({ op: "createCollection", database, collection: "new" }),
    ],
    [
      "a dropped collection",
      (tx) => tx.read(1n, "new"),
      () => db.run({ op: "deleteCollection", database, collection: "new", force: true }),
    ],
  ];
  for (const [what, look, change] of conflicting) {
    const [first, second] = [await OpenTransaction.begin(db), await OpenTransaction.begin(db, "snapshot")];
    for (const tx of [first, second]) {
      await look(tx);
      await tx.put(tx === first ? 1n : 2n, `"${what}"`);
    }
    await change();
    t.is((await first.failedCommit()).code, "TRANSACTION_CONFLICT", what);
    t.true((await second.commit()) > 0, what);
  }
});

test("what is written outside of a range or another document is no conflict", async (t) => {
  const db = await engineWithDatabase();
  for (const id of [1n, 2n, 3n]) await db.write(create(id));
  const tx = await OpenTransaction.begin(db);
  await tx.list(0n, 2);
  await tx.read(10n);
  await tx.put(10n, "1");
  await db.write(update(4n, "2"));
  await db.write(update(11n, "2"));
  t.true((await tx.commit()) > 0);
});

test("a transaction is checked against commits that are still on their way to the disk", async (t) => {
  const db = await engineWithDatabase();
  await db.write(create(1n));
  const tx = await OpenTransaction.begin(db);
  await tx.read(1n);
  await tx.create(2n);
  const command = { op: "commitTransaction", database, transaction: tx.id, requestId: "" } as const;
  const [written, committed] = await db.machine.run(
    Promise.allSettled([
      db.engine.execute({ op: "writeDocument", database, operation: update(1n, "2") }),
      db.engine.execute(command),
    ]),
  );
  t.is(written.status, "fulfilled");
  t.is(committed.status === "rejected" ? committed.reason.code : "", "TRANSACTION_CONFLICT");
});

test("a conflict with a commit that fails is none: nobody hears of what never became visible", async (t) => {
  const db = await engineWithDatabase();
  await db.write(create(1n));
  const tx = await OpenTransaction.begin(db);
  await tx.read(1n);
  await tx.create(2n);
  const big = update(1n, `"${"x".repeat(100_000)}"`);
  const command = { op: "commitTransaction", database, transaction: tx.id, requestId: "" } as const;
  db.machine.faults.failNext("noSpace", /\.wal/);
  const [written, committed] = await db.machine.run(
    Promise.allSettled([
      db.engine.execute({ op: "writeDocument", database, operation: big }),
      db.engine.execute(command),
    ]),
  );
  t.is(written.status === "rejected" ? written.reason.code : "", "DISK_FULL");
  t.is(committed.status, "fulfilled");
  t.is(await db.read(2n), "{}");
});

test("reading only needs no check: the snapshot is a state that was", async (t) => {
  const db = await engineWithDatabase();
  await db.write(create(1n));
  const tx = await OpenTransaction.begin(db);
  await tx.list();
  await db.write(update(1n, "2"));
  t.is(await tx.commit(), 0);
  t.is((await tx.failedCommit()).code, "TRANSACTION_NOT_FOUND");
});

test("an idle transaction is rolled back, and says so to those who come later", async (t) => {
  const db = await engineWithDatabase();
  const tx = await OpenTransaction.begin(db, "serializable", 1_000);
  await tx.create(1n);
  await db.machine.advance(900);
  t.is(await tx.read(1n), "{}");
  await db.machine.advance(900);
  t.is(await tx.read(1n), "{}");
  await db.machine.advance(1_100);
  t.is(await tx.read(1n), "TRANSACTION_NOT_FOUND");
  t.regex((await tx.failedCommit()).message, /idle/);
  t.is(await db.read(1n), "DOCUMENT_NOT_FOUND");
});

test("a rollback, a close and a restart leave nothing of a transaction", async (t) => {
  const db = await engineWithDatabase();
  const [first, second, third] = [
    await OpenTransaction.begin(db),
    await OpenTransaction.begin(db),
    await OpenTransaction.begin(db),
  ];
  for (const [i, tx] of [first, second, third].entries()) await tx.create(BigInt(i + 1));
  await first.rollback();
  t.is((await first.failedCommit()).code, "TRANSACTION_NOT_FOUND");
  await db.run({ op: "closeDatabase", database });
  t.is((await second.failedCommit()).code, "TRANSACTION_NOT_FOUND");
  await db.restart();
  t.is((await third.failedCommit()).code, "TRANSACTION_NOT_FOUND");
  t.deepEqual(await ids(db), []);
});

test("a commit repeated with its request id has the same outcome, also while the first is under way", async (t) => {
  const db = await engineWithDatabase();
  const tx = await OpenTransaction.begin(db);
  await tx.create(1n);
  const command = { op: "commitTransaction", database, transaction: tx.id, requestId: "r" } as const;
  const both = await db.machine.run(Promise.all([db.engine.execute(command), db.engine.execute(command)]));
  t.deepEqual(both[0], both[1]);
  t.deepEqual(await db.run(command), both[0]);
  t.is(await db.codeOf({ ...command, requestId: "s" }), "TRANSACTION_NOT_FOUND");
});

// Found by reading: the outcomes of commits under way were among those that are forgotten first.
test("a commit under way is found by its repetition however many transactions end meanwhile", async (t) => {
  const db = await engineWithDatabase();
  const tx = await OpenTransaction.begin(db);
  await tx.create(1n);
  const commit = { op: "commitTransaction", database, transaction: tx.id, requestId: "r" } as const;
  const begin = { op: "beginTransaction", database, isolation: "snapshot" } as const;
  const first = db.engine.execute(commit);
  // None of these waits for the disk, so all of them are done before the commit is durable.
  for (let i = 0; i <= limits.endedTransactions; i++) {
    const { transaction } = await db.engine.execute(begin);
    await db.engine.execute({ op: "rollbackTransaction", database, transaction });
  }
  const both = await db.machine.run(Promise.all([first, db.engine.execute(commit)]));
  t.deepEqual(both[0], both[1]);
});

async function failureOf(commit: Promise<number>): Promise<DocDBError> {
  try {
    await commit;
  } catch (error) {
    if (error instanceof DocDBError) return error;
    throw error;
  }
  throw new Error("the commit succeeded");
}

test("a commit repeated after a restart is found, or proven to have left nothing", async (t) => {
  const db = await engineWithDatabase();
  const [applied, lost, rolledBack] = [
    await OpenTransaction.begin(db),
    await OpenTransaction.begin(db),
    await OpenTransaction.begin(db),
  ];
  for (const [i, tx] of [applied, lost, rolledBack].entries()) await tx.create(BigInt(i + 1));
  const version = await applied.commit("r");
  await rolledBack.rollback();
  t.like(await failureOf(rolledBack.commit("r")), { metadata: { outcome: "nothing" } });
  await db.crash();
  t.is(await applied.commit("r"), version);
  const failure = await failureOf(lost.commit("r"));
  t.is(failure.code, "TRANSACTION_NOT_FOUND");
  t.is(failure.metadata["outcome"], "nothing");
  t.is((await failureOf(lost.commit())).metadata["outcome"], undefined, "without a request id there is no record");
  t.is((await failureOf(applied.commit("other"))).metadata["outcome"], "nothing", "under that id nothing was applied");
  await db.machine.advance(limits.requestRetentionMs + 1);
  t.is((await failureOf(lost.commit("r"))).metadata["outcome"], "unknown", "its record could be forgotten by now");
  t.is(await db.read(2n), "DOCUMENT_NOT_FOUND");
});

test("a database that a disk failure made read-only proves nothing of commits that it doesn't know", async (t) => {
  const db = await engineWithDatabase();
  const tx = await OpenTransaction.begin(db);
  await tx.create(1n);
  db.machine.faults.failNext("syncRefusal", /\.wal/);
  t.is((await failureOf(tx.commit("r"))).code, "IO_ERROR");
  t.is((await failureOf(tx.commit("r"))).code, "IO_ERROR");
  const other = { op: "commitTransaction", database, transaction: tx.id, requestId: "s" } as const;
  const unproven = await db.run(other).catch((error: DocDBError) => error);
  t.like(unproven, { code: "TRANSACTION_NOT_FOUND", metadata: { outcome: "unknown" } });
  await db.run({ op: "closeDatabase", database });
  const outcome = await tx.commit("r").catch((error: DocDBError) => error.metadata["outcome"]);
  t.true(outcome === 1 || outcome === "nothing", "opened again, it knows");
  t.is(await db.read(1n), outcome === 1 ? "{}" : "DOCUMENT_NOT_FOUND");
});

test("what is written again in a transaction takes no room a second time", async (t) => {
  const db = await engineWithDatabase();
  const tx = await OpenTransaction.begin(db);
  const count = 40_000;
  const operations = Array.from({ length: count }, (_, i) => update(BigInt(i + 1), "1"));
  const batch = { op: "batchWrite", database, operations, atomic: true, transaction: tx.id } as const;
  t.is((await db.run(batch)).outcomes.length, count);
  t.is((await db.run(batch)).outcomes.length, count);
  const more = Array.from({ length: count }, (_, i) => update(BigInt(count + i + 1), "1"));
  t.is(await db.codeOf({ ...batch, operations: more }), "TOO_MANY_OPERATIONS");
});

test("names that can't be a collection's are not kept by a transaction", async (t) => {
  const db = await engineWithDatabase();
  const tx = await OpenTransaction.begin(db);
  await tx.read(1n, "absent");
  const transactionMemory = () => db.engine.stats(database).databases[0]?.opened?.memory.transactions;
  const before = transactionMemory();
  for (let i = 0; i < 10; i++) t.is(await tx.read(1n, `${i}`.repeat(1_000)), "INVALID_NAME");
  t.is(transactionMemory(), before);
  // Nor do they conflict with anything.
  await tx.create(1n);
  t.is(await tx.commit(), 1);
});

test("calls in one transaction run one after the other", async (t) => {
  const db = await engineWithDatabase();
  const tx = await OpenTransaction.begin(db);
  const write = (n: number) =>
    db.engine.execute({ op: "writeDocument", database, operation: update(1n, String(n)), transaction: tx.id });
  const list = { op: "listDocuments", database, collection: "", after: 0n, pageSize: 9, transaction: tx.id } as const;
  const commit = { op: "commitTransaction", database, transaction: tx.id, requestId: "" } as const;
  const calls = [write(1), write(2), db.engine.execute(list), write(3), db.engine.execute(commit)] as const;
  const [, , page] = await db.machine.run(Promise.all(calls));
  t.is(Buffer.from(page.items[0]?.json ?? "").toString(), "2");
  t.is(await db.read(1n), "3");
});

test("transactions are bounded in number", async (t) => {
  const db = await engineWithDatabase();
  const open: OpenTransaction[] = [];
  const room = Math.min(limits.openTransactions, limits.snapshots);
  for (let i = 0; i < room; i++) open.push(await OpenTransaction.begin(db));
  const begin = { op: "beginTransaction", database, isolation: "serializable" } as const;
  t.regex(await db.codeOf(begin), /MEMORY_LIMIT|TOO_MANY_SNAPSHOTS/);
  await open[5]?.rollback();
  t.is(await db.codeOf(begin), "none");
});

test("the winner of concurrent LAST_COMMIT_WINS transactions is the same before and after a restart", async (t) => {
  const db = await engineWithDatabase();
  await db.write(create(1n, '"first"'));
  for (let round = 0; round < 10; round++) {
    const open = [];
    for (let i = 0; i < 4; i++) open.push(await OpenTransaction.begin(db, "last_commit_wins"));
    for (const [i, tx] of open.entries()) {
      await tx.read(1n);
      await tx.put(1n, String(round * 10 + i));
      // Whoever began first doesn't win for that.
    }
    const commits = open.map(({ id: transaction }) =>
      db.engine.execute({ op: "commitTransaction", database, transaction, requestId: "" }),
    );
    const versions = (await db.machine.run(Promise.all(commits.reverse()))).map(({ version }) => version);
    const winner = open.toReversed()[versions.indexOf(Math.max(...versions))];
    const before = await db.read(1n);
    t.is(before, String(round * 10 + open.indexOf(winner as OpenTransaction)));
    await (round % 2 === 0 ? db.restart() : db.crash());
    t.is(await db.read(1n), before);
  }
});

test("what a LAST_COMMIT_WINS transaction updates is there after its commit, also if it was deleted", async (t) => {
  const db = await engineWithDatabase();
  await db.write(create(1n, "1"));
  await db.write(create(2n, "1"));
  const tx = await OpenTransaction.begin(db, "last_commit_wins");
  await tx.put(1n, "2");
  await tx.write(remove(2n));
  await db.write(remove(1n));
  await db.write(remove(2n));
  t.true((await tx.commit()) > 0);
  t.is(await db.read(1n), "2");
  t.is(await db.read(2n), "DOCUMENT_NOT_FOUND");
});
