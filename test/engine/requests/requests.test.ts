// Requests with an id: applied once, answered the same, whatever comes in between.

import test from "ava";
import { DocDBError } from "../../../src/base/errors.ts";
import { limits } from "../../../src/base/limits.ts";
import type { DocumentStamp, Outcome, WriteOperation } from "../../../src/engine/commands.ts";
import { OpenTransaction } from "../transactions/open-transaction.ts";
import { create, directory, engineWithDatabase, remove, type SimulatedEngine, update } from "../simulated-engine.ts";

const write = (operation: WriteOperation, requestId: string) =>
  ({ op: "writeDocument", database: "d", operation, requestId }) as const;
const batch = (operations: readonly WriteOperation[], atomic: boolean, requestId: string) =>
  ({ op: "batchWrite", database: "d", operations, atomic, requestId }) as const;

function merge(id: bigint, text: string): WriteOperation {
  return { kind: "patch", collection: "", id, patch: { form: "mergePatch", text: Buffer.from(text) } };
}

function append(id: bigint, text: string): WriteOperation {
  const operations = [{ op: "set", path: "/-", json: Buffer.from(text) }] as const;
  return { kind: "patch", collection: "", id, patch: { form: "operations", operations } };
}

function codes(outcomes: readonly Outcome<DocumentStamp>[]): (string | number)[] {
  return outcomes.map((outcome) => (outcome.ok ? outcome.value.version : (outcome.error as DocDBError).code));
}

/** What may happen between a request and its repetition. */
const meanwhile: Readonly<Record<string, (db: SimulatedEngine) => Promise<unknown>>> = {
  nothing: () => Promise.resolve(),
  "a clean restart": (db) => db.restart(),
  "a power cut": (db) => db.crash(),
  "a checkpoint and a power cut": async (db) => {
    await db.run({ op: "checkpointDatabase", database: "d" });
    await db.crash();
  },
  "a checkpoint and a power cut that takes the index snapshot": async (db) => {
    await db.run({ op: "checkpointDatabase", database: "d" });
    await db.crashWithoutSnapshot();
  },
  "a compaction": (db) => db.run({ op: "compactDatabase", database: "d" }),
  "a compaction and a power cut that takes the index snapshot": async (db) => {
    await db.run({ op: "compactDatabase", database: "d" });
    await db.crashWithoutSnapshot();
  },
};

for (const [what, happens] of Object.entries(meanwhile)) {
  test(`after ${what} a repetition has the outcome of the first request, and nothing is applied twice`, async (t) => {
    // Small segments, so that a checkpoint trims all but the last.
    const db = await engineWithDatabase({ segmentBytes: 1, keepSegments: 0, scrubIntervalMs: 0 });
    await db.write(create(1n, "[0]"));
    await db.write(create(2n, "2"));
    const requests = [
      write(create(0n, "3"), "create"),
      write(update(2n, "4"), "update"),
      write(append(1n, "1"), "patch"),
      write(remove(2n), "delete"),
      write({ kind: "delete", collection: "", id: 9n, allowMissing: true }, "delete of nothing"),
    ];
    const first = [];
    for (const request of requests) first.push(await db.run(request));
    const atomic = batch(
      [append(1n, "2"), create(0n, "5"), { ...remove(8n), allowMissing: true } as never],
      true,
      "atomic",
    );
    const batched = await db.run(atomic);
    const each = batch([append(1n, "3"), remove(8n), append(1n, "4")], false, "each");
    const single = await db.run(each);
    t.deepEqual(codes(single.outcomes).slice(1, 2), ["DOCUMENT_NOT_FOUND"]);
    await db.write(create(9n, "9"));
    const { version } = await db.write(update(7n, "7"));
    const before = await db.read(1n);
    await happens(db);
    for (const [i, request] of requests.entries()) t.deepEqual(await db.run(request), first[i] as DocumentStamp);
    t.deepEqual(await db.run(atomic), batched);
    t.deepEqual(codes((await db.run(each)).outcomes), codes(single.outcomes));
    t.is(await db.read(1n), before);
    t.is(before, "[0,1,2,3,4]");
    t.is(await db.read(9n), "9");
    t.is((await db.write(update(7n, "7"))).version, version + 1);
  });
}

test("the same id for another request is REQUEST_ID_REUSED, and nothing is done", async (t) => {
  const db = await engineWithDatabase();
  await db.run(write(update(1n, "1"), "a"));
  const others = [
    write(update(1n, "2"), "a"),
    write(update(2n, "1"), "a"),
    write(create(1n, "1"), "a"),
    write(remove(1n), "a"),
    write(merge(1n, "1"), "a"),
    write({ ...update(1n, "1"), precondition: { exists: true } }, "a"),
    batch([update(1n, "1"), update(2n, "1")], true, "a"),
  ];
  for (const other of others) t.is(await db.codeOf(other), "REQUEST_ID_REUSED");
  const { outcomes } = await db.run(batch([update(1n, "3"), update(2n, "3")], false, "a"));
  t.is(codes(outcomes)[0], "REQUEST_ID_REUSED");
  await db.restart();
  for (const other of others) t.is(await db.codeOf(other), "REQUEST_ID_REUSED");
  t.is(await db.read(1n), "1");
});

test("repetitions that come while the first is under way wait for it and have its answer", async (t) => {
  const db = await engineWithDatabase();
  await db.write(create(1n, "[]"));
  const calls = Array.from({ length: 20 }, () => db.engine.execute(write(append(1n, "1"), "r")));
  const other = db.engine.execute(write(append(1n, "2"), "r"));
  const [wrong, ...stamps] = await db.machine.run(
    Promise.all([other.then(() => "ok").catch((error: DocDBError) => error.code), ...calls]),
  );
  t.is(wrong, "REQUEST_ID_REUSED");
  t.is(new Set(stamps.map(({ version }) => version)).size, 1);
  t.is(await db.read(1n), "[1]");
});

test("a request that failed is judged anew", async (t) => {
  const db = await engineWithDatabase();
  t.is(await db.codeOf(write(append(1n, "1"), "r")), "DOCUMENT_NOT_FOUND");
  await db.write(create(1n, "[]"));
  t.is(await db.codeOf(write(append(1n, "1"), "r")), "none");
  t.is(await db.codeOf(write(append(1n, "1"), "r")), "none");
  t.is(await db.read(1n), "[1]");
  // The disk refuses a group: nothing of it was applied, the record neither.
  db.machine.faults.failAt(db.machine.ioCount + 1);
  t.not(await db.codeOf(write(append(1n, "2"), "s")), "none");
  db.machine.faults.clear();
  await db.run(write(append(1n, "2"), "s"));
  t.is(await db.read(1n), "[1,2]");
});

test("a batch that isn't atomic goes on where it was interrupted", async (t) => {
  const db = await engineWithDatabase();
  await db.write(create(1n, "[]"));
  const whole = [append(1n, "1"), append(2n, "1"), append(1n, "2")];
  t.deepEqual(codes((await db.run(batch(whole, false, "b"))).outcomes).slice(1, 2), ["DOCUMENT_NOT_FOUND"]);
  await db.write(create(2n, "[]"));
  const { outcomes } = await db.run(batch(whole, false, "b"));
  t.true(outcomes.every(({ ok }) => ok));
  t.is(await db.read(1n), "[1,2]");
  t.is(await db.read(2n), "[1]");
});

test("an id of over 64 bytes or with a NUL is INVALID_REQUEST, any other text is one", async (t) => {
  const db = await engineWithDatabase();
  for (const id of ["é".repeat(33), "a\x001"]) t.is(await db.codeOf(write(update(1n, "1"), id)), "INVALID_REQUEST");
  for (const id of ["é".repeat(32), "__proto__", " "]) t.is(await db.codeOf(write(update(1n, "1"), id)), "none");
});

test("ids of one database mean nothing in another", async (t) => {
  const db = await engineWithDatabase();
  await db.run({ op: "createDatabase", database: "e" });
  await db.run(write(create(1n, "1"), "r"));
  t.is(await db.codeOf({ ...write(create(1n, "2"), "r"), database: "e" }), "none");
});

test("an outcome is kept for ten minutes at least, and forgotten after twice that", async (t) => {
  const db = await engineWithDatabase();
  const pass = (ms: number) => db.machine.advance(ms);
  const { version } = await db.run(write(update(1n, "1"), "r"));
  for (let minutes = 0; minutes < 9; minutes++) {
    await pass(60_000);
    await db.run(write(update(2n, "2"), `other ${minutes}`));
  }
  t.is((await db.run(write(update(1n, "1"), "r"))).version, version);
  for (let minutes = 0; minutes < 12; minutes++) {
    await pass(60_000);
    await db.run(write(update(2n, "2"), `later ${minutes}`));
  }
  t.true((await db.run(write(update(1n, "1"), "r"))).version > version);
  t.is(limits.requestRetentionMs, 600_000);
});

test("a compaction gives back the space of outcomes that nobody needs any more", async (t) => {
  const db = await engineWithDatabase({ idleCloseMs: 0 });
  for (let i = 0; i < 50; i++) await db.run(write(update(1n, "1"), `r${i}`));
  const bytes = async (): Promise<number> => {
    await db.run({ op: "compactDatabase", database: "d" });
    return db.machine.readFile(`${directory}/data/d.data`).length;
  };
  const kept = await bytes();
  await db.machine.advance(2 * limits.requestRetentionMs);
  t.true((await bytes()) < kept / 10);
  t.is(await db.read(1n), "1");
});

test("the damaged record of a request is healed from the WAL", async (t) => {
  const db = await engineWithDatabase({ scrubIntervalMs: 0 });
  const { version } = await db.run(write(update(1n, "1"), "marker"));
  const file = `${directory}/data/d.data`;
  db.machine.flipBit(file, db.machine.readFile(file).indexOf("marker"), 0);
  t.is((await db.run(write(update(1n, "1"), "marker"))).version, version);
});

test("a damaged record that can't be healed is an error, and the request isn't applied again", async (t) => {
  const db = await engineWithDatabase({ segmentBytes: 1, keepSegments: 0, scrubIntervalMs: 0 });
  const { version } = await db.run(write(update(1n, "1"), "marker"));
  for (let i = 0; i < 5; i++) await db.write(update(2n, "2"));
  await db.run({ op: "checkpointDatabase", database: "d" });
  const file = `${directory}/data/d.data`;
  db.machine.flipBit(file, db.machine.readFile(file).indexOf("marker"), 0);
  t.is(await db.codeOf(write(update(1n, "1"), "marker")), "DOCUMENT_CORRUPT");
  // Also when the index is rebuilt from the data file.
  await db.crashWithoutSnapshot();
  t.is(await db.codeOf(write(update(1n, "1"), "marker")), "DOCUMENT_CORRUPT");
  t.is((await db.run({ op: "getDocument", database: "d", collection: "", id: 1n })).version, version);
});

test("the commit of a transaction is found again by its request id, also after a restart", async (t) => {
  const db = await engineWithDatabase();
  const tx = await OpenTransaction.begin(db);
  await tx.create(1n, "1");
  const version = await tx.commit("r");
  t.is(await tx.commit("r"), version);
  await db.crash();
  t.is(await tx.commit("r"), version);
  await t.throwsAsync(tx.commit("s"), { instanceOf: DocDBError, message: /no open transaction/ });
  t.is(await db.codeOf(write(create(2n, "1"), "r")), "none");
});

test("in a transaction a repeated write has the same answer and is applied once", async (t) => {
  const db = await engineWithDatabase();
  await db.write(create(1n, "[]"));
  const tx = await OpenTransaction.begin(db);
  const appending = { ...write(append(1n, "1"), "r"), transaction: tx.id };
  t.deepEqual(await db.run(appending), await db.run(appending));
  t.is(await db.codeOf({ ...write(append(1n, "2"), "r"), transaction: tx.id }), "REQUEST_ID_REUSED");
  const creating = { ...batch([create(0n, "1"), append(1n, "3")], true, "b"), transaction: tx.id };
  t.deepEqual(await db.run(creating), await db.run(creating));
  await tx.commit();
  t.is(await db.read(1n), "[1,3]");
});
