// Commits that are planned and published over several turns of the event loop: for everybody else they happen at one
// moment. On machines on which turns end wherever they can.

import test from "ava";
import { plant } from "../../src/base/sabotage.ts";
import { SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import { create, engineWithDatabase, remove, type SimulatedEngine, update } from "./simulated-engine.ts";
import { OpenTransaction } from "./transactions/open-transaction.ts";

const database = "d";
const collection = "";
const ids = Array.from({ length: 12 }, (_, i) => BigInt(i + 1));

async function slowEngine(seed: number): Promise<SimulatedEngine> {
  return await engineWithDatabase({ mutationsInPiece: 1 }, new SimulatedMachine(seed, { slowTurns: 1 }));
}

/** The versions and the count that readers find while a batch goes from one version of all documents to the next. */
async function seenDuringBatches(seed: number): Promise<Set<string>> {
  const db = await slowEngine(seed);
  const { engine, machine } = db;
  await db.run({ op: "batchWrite", database, operations: ids.map((id) => create(id)), atomic: true });
  const seen = new Set<string>();
  let running = true;
  const note = (what: string, versions: readonly number[]): void => {
    if (versions.length !== ids.length && versions.length !== 0) seen.add(`${what} of ${versions.length} documents`);
    if (new Set(versions).size > 1) seen.add(`${what} of versions ${[...new Set(versions)].join(", ")}`);
  };
  const looks = [
    async () => {
      const { outcomes } = await engine.execute({ op: "batchGetDocuments", database, collection, ids });
      note(
        "a batch",
        outcomes.flatMap((outcome) => (outcome.ok ? [outcome.value.version] : [])),
      );
    },
    async () => {
      const page = await engine.execute({ op: "listDocuments", database, collection, after: 0n, pageSize: 100 });
      note(
        "a list",
        page.items.map(({ version }) => version),
      );
    },
    async () => {
      const { documents } = await engine.execute({ op: "getCollection", database, collection });
      note(
        "a count",
        Array.from({ length: documents }, () => 0),
      );
    },
  ];
  const reading = Promise.all(
    looks.map(async (look) => {
      while (running) {
        await look();
        // What is in memory is answered at once: the machine must get on.
        await new Promise((resolve) => setImmediate(resolve));
      }
    }),
  );
  for (let round = 0; round < 3; round++) {
    await db.run({ op: "batchWrite", database, operations: ids.map((id) => update(id, "1")), atomic: true });
    await db.run({ op: "batchWrite", database, operations: ids.map((id) => remove(id)), atomic: true });
    await db.run({ op: "batchWrite", database, operations: ids.map((id) => create(id, "2")), atomic: true });
  }
  running = false;
  await machine.run(reading);
  return seen;
}

test("readers see all of a large commit or nothing of it", async (t) => {
  for (let seed = 1; seed <= 5; seed++) t.deepEqual([...(await seenDuringBatches(seed))], []);
});

test("as many ids as are looked up over several turns are found as of one version", async (t) => {
  const many = Array.from({ length: 1_100 }, (_, i) => BigInt(i + 1));
  let between = 0;
  for (let seed = 1; seed <= 3; seed++) {
    const machine = new SimulatedMachine(seed, { slowTurns: 1 });
    const db = await engineWithDatabase({}, machine);
    const { engine } = db;
    await db.run({ op: "batchWrite", database, operations: many.map((id) => create(id)), atomic: true });
    const reading = engine.execute({ op: "batchGetDocuments", database, collection, ids: many });
    await machine.steps(3);
    await db.write(update(1_100n, '"meanwhile"'));
    const { outcomes } = await machine.run(reading);
    t.is(new Set(outcomes.map((outcome) => (outcome.ok ? outcome.value.version : 0))).size, 1);
    if ((await db.read(1_100n)) === '"meanwhile"') between++;
  }
  t.is(between, 3);
});

test.serial("readers that see a part of a large commit are caught", async (t) => {
  const remedy = plant("large-commit-seen-in-part");
  t.teardown(remedy);
  t.not((await seenDuringBatches(1)).size, 0);
});

test("what is submitted while a large commit is planned comes after it, in its order", async (t) => {
  let comesFirst = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const db = await slowEngine(seed);
    const { engine, machine } = db;
    const operations = ids.map((id) => update(id, '"batch"'));
    const batch = engine.execute({ op: "batchWrite", database, operations, atomic: true });
    await machine.steps(seed);
    const writes = ["first", "second"].map(async (text) => {
      const operation = update(5n, JSON.stringify(text));
      return (await engine.execute({ op: "writeDocument", database, operation })).version;
    });
    const made = engine.execute({ op: "createCollection", database, collection: "c" });
    const { outcomes } = await machine.run(batch);
    const [first = 0, second = 0] = await machine.run(Promise.all(writes));
    await machine.run(made);
    const versions = new Set(outcomes.map((outcome) => (outcome.ok ? outcome.value.version : 0)));
    t.is(versions.size, 1);
    const [version = 0] = versions;
    if (version < first) comesFirst++;
    t.true(first < second && first !== version && second !== version);
    t.is(await db.read(5n), version > second ? '"batch"' : '"second"');
    t.is(await db.read(6n), '"batch"');
  }
  t.true(comesFirst > 0, "the batch was planned first at least once");
});

test("a large commit is planned anew when a commit that it was judged by fails", async (t) => {
  for (let seed = 1; seed <= 20; seed++) {
    const db = await slowEngine(seed);
    const { engine, machine } = db;
    await db.write(create(100n));
    // The batch is possible only if the write before it comes to something.
    const operations = [...ids.slice(1).map((id) => create(id)), { ...update(1n, "2"), allowMissing: false } as const];
    machine.faults.failNext("noSpace", /\.wal/);
    const failing = engine.execute({ op: "writeDocument", database, operation: create(1n, '"lost"') });
    const batch = engine.execute({ op: "batchWrite", database, operations, atomic: true });
    const [first, second] = await machine.run(Promise.allSettled([failing, batch]));
    t.is(first.status, "rejected");
    t.is(second.status, "rejected");
    for (const id of [1n, 2n]) t.is(await db.read(id), "DOCUMENT_NOT_FOUND");
    t.is(await db.codeOf({ op: "batchWrite", database, operations, atomic: true }), "DOCUMENT_NOT_FOUND");
    await db.write(create(1n));
    await db.run({ op: "batchWrite", database, operations, atomic: true });
    t.is(await db.read(1n), "2");
  }
});

test("a transaction that conflicts with a large commit under way hears of it when that is visible", async (t) => {
  for (let seed = 1; seed <= 10; seed++) {
    const db = await slowEngine(seed);
    const { engine, machine } = db;
    const tx = await OpenTransaction.begin(db);
    await tx.read(12n);
    await tx.put(50n, "1");
    const operations = ids.map((id) => create(id));
    const batch = engine.execute({ op: "batchWrite", database, operations, atomic: true });
    const commit = engine.execute({ op: "commitTransaction", database, transaction: tx.id, requestId: "" });
    const [written, committed] = await machine.run(Promise.allSettled([batch, commit]));
    t.is(written.status, "fulfilled");
    // Which of the two is planned first is open; what the second one sees of the first is not.
    if (committed.status === "fulfilled") t.is(committed.value.version, 1);
    else t.regex(String(committed.reason), /version 1 after this transaction began/);
  }
});

test("a batch of many operations is one commit, in pieces of the usual size too", async (t) => {
  const db = await engineWithDatabase({}, new SimulatedMachine(1, { slowTurns: 0.5 }));
  const operations = Array.from({ length: 5_000 }, (_, i) => create(BigInt(i + 1)));
  const { outcomes } = await db.run({ op: "batchWrite", database, operations, atomic: true });
  t.true(outcomes.every((outcome) => outcome.ok && outcome.value.version === 1));
  t.is((await db.run({ op: "getCollection", database, collection })).documents, 5_000);
});
