// Defects that the scheduler once had, alone or together with the engine. Each test opens with the story of its defect.

import test from "ava";
import { Scheduler } from "../../src/scheduler/scheduler.ts";
import { SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import { create, engineWithDatabase, update } from "../engine/simulated-engine.ts";
import { codeOf } from "../platform/machines.ts";

test("thousands of writes that wait for their database to open all succeed", async (t) => {
  // A write gave its slot back in the same call that had started it, and that started the next one: queued behind a
  // database that was opening, thousands of writes ran inside each other until the stack was full.
  const count = 10_000;
  const db = await engineWithDatabase({}, new SimulatedMachine(5, { stepLimit: 1e7 }));
  await db.run({ op: "closeDatabase", database: "d" });
  const scheduler = new Scheduler(db.engine, db.clock, { slots: 4, queuePerDatabase: count, queueTotal: count });
  const calls = Array.from({ length: count }, (_, i) =>
    codeOf(scheduler.execute({ op: "writeDocument", database: "d", operation: update(BigInt(i + 1), "1") })),
  );
  const codes = await db.machine.run(Promise.all(calls));
  t.deepEqual([...new Set(codes)], ["none"]);
  t.is(await db.read(BigInt(count)), "1");
});

test("calls that wait for one database to open hold up no call of another one", async (t) => {
  // Each held its slot while the database was recovered. As many calls as there are slots, all for one database with
  // much to replay, and the server answered nobody until it was open.
  const db = await engineWithDatabase();
  await db.run({ op: "createDatabase", database: "small" });
  const inSmall = { database: "small", collection: "", id: 1n } as const;
  await db.run({ op: "writeDocument", database: "small", operation: create(1n) });
  for (let id = 1n; id <= 200n; id++) await db.write(create(id));
  db.machine.crash("kill");
  await db.start();
  await db.run({ op: "getDocument", ...inSmall });
  const scheduler = new Scheduler(db.engine, db.clock, { slots: 4, queuePerDatabase: 100, queueTotal: 100 });
  const order: string[] = [];
  const slow = [1n, 2n, 3n, 4n].map((id) =>
    scheduler.execute({ op: "getDocument", database: "d", collection: "", id }).then(() => order.push("d")),
  );
  const quick = scheduler.execute({ op: "getDocument", ...inSmall }).then(() => order.push("small"));
  await db.machine.run(quick);
  t.is((await db.run({ op: "getDatabase", database: "d" })).state, "closed");
  await db.machine.run(Promise.all(slow));
  t.deepEqual(order, ["small", "d", "d", "d", "d"]);
});
