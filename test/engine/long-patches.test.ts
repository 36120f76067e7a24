// Patches that take too long for a turn of the event loop are worked out elsewhere. For everybody else such a write is
// like any other: it has its place among the writes of its database, and counts on what it finds there. Here all
// patches take too long.

import test from "ava";
import { DocDBError } from "../../src/base/errors.ts";
import { MemoryAccount } from "../../src/base/memory-account.ts";
import type { WriteOperation } from "../../src/engine/commands.ts";
import { LongPatch, LongPatches } from "../../src/engine/long-patches.ts";
import { RealClock } from "../../src/platform/real/real-clock.ts";
import { WorkerJobs } from "../../src/platform/real/worker-jobs.ts";
import { SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import { create, engineWithDatabase, type SimulatedEngine, update } from "./simulated-engine.ts";
import { OpenTransaction } from "./transactions/open-transaction.ts";

const database = "d";
const collection = "";

const documentWith = (list: readonly number[] = []): string => JSON.stringify({ list, filling: "x", more: [1, 2] });

function jsonPatch(id: bigint, ...operations: readonly object[]): WriteOperation {
  const text = Buffer.from(JSON.stringify(operations));
  return { kind: "patch", collection, id, patch: { form: "jsonPatch", text } };
}

/** Adds a number to the list of a document. */
const adds = (id: bigint, number: number): WriteOperation =>
  jsonPatch(id, { op: "add", path: "/list/-", value: number });

async function listOf(db: SimulatedEngine, id: bigint): Promise<number[]> {
  return (JSON.parse(await db.read(id)) as { list: number[] }).list;
}

async function slowEngine(seed: number): Promise<SimulatedEngine> {
  const machine = new SimulatedMachine(seed, { slowTurns: 0.5 });
  return await engineWithDatabase({ mutationsInPiece: 1, patchWorkInTurn: 0 }, machine);
}

test("a long patch of what is in memory and of what isn't", async (t) => {
  const db = await slowEngine(1);
  const { machine, engine } = db;
  const made = engine.execute({ op: "writeDocument", database, operation: create(1n, documentWith([1])) });
  const patched = engine.execute({ op: "writeDocument", database, operation: adds(1n, 2) });
  const [{ version: first }, { version: second }] = await machine.run(Promise.all([made, patched]));
  t.deepEqual([first, second], [1, 2]);
  await db.restart();
  await db.write(adds(1n, 3));
  t.is(await db.read(1n), documentWith([1, 2, 3]));
});

test("what comes while a long patch is worked out waits for its turn, and readers don't", async (t) => {
  for (let seed = 1; seed <= 20; seed++) {
    const db = await slowEngine(seed);
    const { machine, engine } = db;
    await db.write(create(1n, documentWith()));
    const write = async (operation: WriteOperation): Promise<number> =>
      (await engine.execute({ op: "writeDocument", database, operation })).version;
    let seen = "";
    const read = async (): Promise<void> => {
      seen = (await engine.execute({ op: "getDocument", database, collection, id: 1n })).json.toString();
    };
    const [patched, next, behind] = await machine.run(
      Promise.all([write(adds(1n, 1)), write(adds(1n, 2)), write(update(1n, '"last"')), write(create(2n)), read()]),
    );
    t.true(patched < next && next < behind, `${patched}, ${next}, ${behind}`);
    t.is(seen, documentWith());
    t.is(await db.read(1n), '"last"');
  }
});

test("a long patch and a transaction's commit: the later one counts on the earlier", async (t) => {
  let inBetween = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const db = await slowEngine(seed);
    const { machine, engine } = db;
    await db.write(create(1n, documentWith()));
    const tx = await OpenTransaction.begin(db);
    await tx.put(1n, documentWith([1]));
    const patching = engine.execute({ op: "writeDocument", database, operation: adds(1n, 2) });
    await machine.steps(seed % 5);
    const committing = engine.execute({ op: "commitTransaction", database, transaction: tx.id, requestId: "" });
    const [patch, commit] = await machine.run(Promise.allSettled([patching, committing]));
    t.is(patch.status, "fulfilled");
    if (commit.status === "fulfilled") inBetween++;
    t.deepEqual(await listOf(db, 1n), commit.status === "fulfilled" ? [1, 2] : [2]);
  }
  t.true(inBetween > 0, "a commit came in between at least once");
});

test("a long patch is judged anew when the write that it was judged by fails", async (t) => {
  for (let seed = 1; seed <= 20; seed++) {
    const db = await slowEngine(seed);
    const { machine, engine } = db;
    await db.write(create(2n));
    const tx = await OpenTransaction.begin(db);
    await tx.put(1n, documentWith([7]));
    machine.faults.failNext("noSpace", /\.wal/);
    const making = engine.execute({ op: "writeDocument", database, operation: create(1n, documentWith([1])) });
    const patching = engine.execute({ op: "writeDocument", database, operation: adds(1n, 2) });
    // It gets the version that the failed one had, and doesn't wait in line.
    const again = making.catch(() =>
      engine.execute({ op: "commitTransaction", database, transaction: tx.id, requestId: "" }),
    );
    const [patched, made] = await machine.run(Promise.allSettled([patching, again]));
    t.is(made.status, "fulfilled");
    const list = await listOf(db, 1n);
    t.deepEqual(list, patched.status === "fulfilled" ? [7, 2] : [7]);
  }
});

test("an atomic batch with long patches is what its operations make one after the other, or nothing", async (t) => {
  const db = await slowEngine(3);
  await db.write(create(1n, documentWith()));
  const copies = Array.from({ length: 8 }, (_, i) => ({ op: "copy", from: "/list", path: `/copy${i}` }));
  const operations: WriteOperation[] = [
    adds(1n, 1),
    adds(1n, 2),
    create(0n),
    create(30n, '{"list":[]}'),
    adds(30n, 1),
    jsonPatch(30n, ...copies),
    adds(30n, 2),
    update(1n, '{"list":[]}'),
    adds(1n, 3),
    create(4n, documentWith()),
    adds(4n, 1),
  ];
  const failing = [...operations, jsonPatch(4n, { op: "test", path: "/list/0", value: 2 })];
  await t.throwsAsync(db.run({ op: "batchWrite", database, operations: failing, atomic: true }), {
    message: /^Operation 11 .*another value at "\/list\/0"/,
  });
  t.is(await db.read(30n), "DOCUMENT_NOT_FOUND");
  t.deepEqual(await listOf(db, 1n), []);
  const { outcomes } = await db.run({ op: "batchWrite", database, operations, atomic: true });
  t.true(outcomes.every((outcome) => outcome.ok));
  t.deepEqual(await listOf(db, 1n), [3]);
  t.deepEqual(await listOf(db, 4n), [1]);
  const third = JSON.parse(await db.read(30n)) as Record<string, number[]>;
  t.deepEqual([third["list"], third["copy7"]], [[1, 2], [1]]);
});

test("each of a batch that isn't atomic, and a transaction, apply long patches in order too", async (t) => {
  const db = await slowEngine(4);
  const operations = [create(1n, documentWith()), adds(1n, 1), adds(1n, 2), adds(9n, 1), adds(1n, 3)];
  const { outcomes } = await db.run({ op: "batchWrite", database, operations, atomic: false });
  t.deepEqual(
    outcomes.map(({ ok }) => ok),
    [true, true, true, false, true],
  );
  const { transaction } = await db.run({ op: "beginTransaction", database, isolation: "serializable" });
  await db.run({ op: "batchWrite", database, operations: [adds(1n, 4), adds(1n, 5)], atomic: true, transaction });
  await db.run({ op: "writeDocument", database, operation: adds(1n, 6), transaction });
  t.deepEqual(await listOf(db, 1n), [1, 2, 3]);
  await db.run({ op: "commitTransaction", database, transaction, requestId: "" });
  t.deepEqual(await listOf(db, 1n), [1, 2, 3, 4, 5, 6]);
});

test("a long patch that can't be made or applied says why, as a short one does", async (t) => {
  const db = await slowEngine(5);
  await db.write(create(1n, documentWith()));
  const merge = (text: string): WriteOperation => {
    return { kind: "patch", collection, id: 1n, patch: { form: "mergePatch", text: Buffer.from(text) } };
  };
  const codeOf = (operation: WriteOperation): Promise<string> =>
    db.codeOf({ op: "writeDocument", database, operation });
  t.is(await codeOf(merge(`{"a":"${"x".repeat(600_000)}"`)), "INVALID_JSON");
  t.is(await codeOf(jsonPatch(1n, { op: "remove", path: "/absent" })), "PATH_NOT_FOUND");
  t.is(await codeOf(jsonPatch(9n, { op: "add", path: "/a", value: "x".repeat(600_000) })), "DOCUMENT_NOT_FOUND");
  t.is(await codeOf({ ...adds(1n, 1), precondition: { version: 7 } }), "VERSION_MISMATCH");
  t.is(await db.read(1n), documentWith());
  await db.write(merge(`{"filling":null,"more":"${"y".repeat(600_000)}"}`));
  t.is(await db.read(1n), JSON.stringify({ list: [], more: "y".repeat(600_000) }));
});

test("a call that has ended while its patch was worked out leaves nothing", async (t) => {
  const codes = new Set<string>();
  for (let seed = 1; seed <= 20; seed++) {
    const db = await slowEngine(seed);
    const { machine, engine } = db;
    await db.write(create(1n, documentWith()));
    const caller = { gone: false };
    const ending = new AbortController();
    const context = seed % 2 === 0 ? { caller } : { signal: ending.signal };
    const patching = engine.execute({ op: "writeDocument", database, operation: adds(1n, 1) }, context);
    const outcome = patching.then(
      () => "OK",
      (error: unknown) => (error instanceof DocDBError ? error.code : "unknown"),
    );
    const behind = engine.execute({ op: "writeDocument", database, operation: adds(1n, 2) });
    await machine.steps(seed % 7);
    caller.gone = true;
    ending.abort();
    const [code] = await machine.run(Promise.all([outcome, behind]));
    codes.add(code);
    t.deepEqual(await listOf(db, 1n), code === "OK" ? [1, 2] : [2]);
  }
  t.true(codes.has("CANCELLED"), [...codes].join());
});

test("a long patch for which there is no memory is refused, and what it takes is given back", async (t) => {
  const machine = new SimulatedMachine(6);
  const db = await engineWithDatabase({ patchWorkInTurn: 0, memoryBytes: 700_000, cacheBytes: 0 }, machine);
  await db.write(create(1n, documentWith()));
  await db.write(create(2n, JSON.stringify("x".repeat(100_000))));
  await db.write(adds(1n, 1));
  const before = db.engine.memory.bytes;
  const replacing = jsonPatch(2n, { op: "replace", path: "", value: 1 });
  t.is(await db.codeOf({ op: "writeDocument", database, operation: replacing }), "MEMORY_LIMIT");
  t.is(await db.codeOf({ op: "writeDocument", database, operation: adds(9n, 1) }), "DOCUMENT_NOT_FOUND");
  t.is(db.engine.memory.bytes, before);
});

test("a patch that takes more memory than a thread may have is refused, and the next one isn't", async (t) => {
  const memory = new MemoryAccount();
  const patches = new LongPatches(new WorkerJobs({ heapMebibytes: 32 }), new RealClock(), memory, 0);
  const members = Array.from({ length: 300_000 }, (_, i) => `"${i}":1`).join();
  const merge = (text: string): LongPatch => {
    const patch = { form: "mergePatch", text: Buffer.from(text) } as const;
    return new LongPatch({ kind: "patch", collection, id: 1n, patch, compiled: undefined }, Buffer.from("{}"));
  };
  await t.throwsAsync(patches.apply(merge(`{${members}}`)), { code: "MEMORY_LIMIT", message: /too many members/ });
  t.is(Buffer.from(await patches.apply(merge('{"a":1}'))).toString(), '{"a":1}');
  t.is(memory.bytes, 0);
  await patches.rest();
});

test("many long patches, short writes and commits at the same time: none is lost, and all are in order", async (t) => {
  for (let seed = 1; seed <= 10; seed++) {
    const db = await slowEngine(seed);
    const { machine, engine } = db;
    await db.write(create(1n, documentWith()));
    const done: { version: number; number: number }[] = [];
    const write = async (number: number): Promise<void> => {
      const { version } = await engine.execute({ op: "writeDocument", database, operation: adds(1n, number) });
      done.push({ version, number });
    };
    const commit = async (number: number): Promise<void> => {
      const { transaction } = await engine.execute({ op: "beginTransaction", database, isolation: "serializable" });
      await engine.execute({ op: "writeDocument", database, operation: adds(1n, number), transaction });
      try {
        const { version } = await engine.execute({ op: "commitTransaction", database, transaction, requestId: "" });
        done.push({ version, number });
      } catch {
        // Somebody was faster.
      }
    };
    const all = Array.from({ length: 8 }, (_, i) => (i % 3 === 1 ? commit(i) : write(i)));
    await machine.run(Promise.all(all));
    const expected = done.sort((a, b) => a.version - b.version).map(({ number }) => number);
    t.deepEqual(await listOf(db, 1n), expected);
  }
});
