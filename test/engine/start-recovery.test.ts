// What is recovered at a start, while the server serves already, and what the log tells of it.

import test from "ava";
import type { DatabaseInfo } from "../../src/engine/commands.ts";
import { silentObserver } from "../../src/telemetry/observer.ts";
import { codeOf } from "../platform/machines.ts";
import { create, directory, SimulatedEngine, update } from "./simulated-engine.ts";

interface Recovered {
  readonly db: SimulatedEngine;
  /** What the log tells of recoveries. */
  readonly lines: string[];
  /** Which databases could not be recovered. */
  readonly failures: string[];
}

/** An engine with databases of which the first ones were in use when the power went. */
async function afterCrash(dirty: number, clean: number): Promise<Recovered> {
  const [lines, failures]: [string[], string[]] = [[], []];
  const observer = {
    ...silentObserver,
    event: (_level: string, message: string) => void (/recover(ing|ed) \d/.test(message) && lines.push(message)),
    failure: (where: string) => void failures.push(where),
  };
  const db = await new SimulatedEngine({ scrubIntervalMs: 0, observer }).start();
  for (let i = 0; i < dirty + clean; i++) {
    const database = `db${i}`;
    await db.run({ op: "createDatabase", database });
    await db.run({ op: "writeDocument", database, operation: create(1n, `"${database}"`) });
    if (i >= dirty) await db.run({ op: "closeDatabase", database });
  }
  await db.crash();
  return { db, lines, failures };
}

function states({ engine }: SimulatedEngine): string {
  const initial = ({ state }: DatabaseInfo): string => state.slice(0, 1);
  return engine.databases().map(initial).join("");
}

function read(db: SimulatedEngine, database: string): Promise<string> {
  return db.codeOf({ op: "getDocument", database, collection: "", id: 1n });
}

test("databases that were not closed in good order are recovered at a start, and the others stay closed", async (t) => {
  const { db, lines } = await afterCrash(3, 2);
  t.is(states(db), "ccccc");
  const recovering = db.engine.recover();
  await db.machine.run(recovering);
  t.is(states(db), "ooocc");
  t.deepEqual(lines, [
    "recovering 3 databases that were not closed in good order",
    "recovered 3 of 3 databases, 0 failed",
  ]);
  for (let i = 0; i < 5; i++) t.is(await read(db, `db${i}`), "none");
});

test("after a clean stop nothing is to be recovered, also when the databases were only read since", async (t) => {
  const { db, lines } = await afterCrash(2, 1);
  await db.machine.run(db.engine.recover());
  await db.restart();
  lines.length = 0;
  await read(db, "db0");
  await db.crash();
  await db.machine.run(db.engine.recover());
  t.is(states(db), "ccc");
  t.deepEqual(lines, []);
});

test("a crash in the middle of a close is recovered once, and not at every start", async (t) => {
  // The close had written all but its last record, and the next opening found nothing to do: so the next close wrote
  // nothing either, and every start took the database for one that needs recovery.
  const { db, lines } = await afterCrash(1, 0);
  await db.machine.run(db.engine.recover());
  await db.run({ op: "writeDocument", database: "db0", operation: update(1n, `"new"`) });
  const closing = codeOf(db.run({ op: "closeDatabase", database: "db0" }));
  db.machine.beforeIo = (_io, call, path) => {
    if (call === "rename" && path.endsWith(".index.tmp")) db.machine.crashAtIo(db.machine.ioCount + 3, "kill");
  };
  await closing;
  db.machine.beforeIo = undefined;
  await db.start();
  await db.machine.run(db.engine.recover());
  await db.restart();
  lines.length = 0;
  await db.machine.run(db.engine.recover());
  t.deepEqual(lines, []);
  t.is(await read(db, "db0"), "none");
});

test("a database that was created and never used needs no recovery", async (t) => {
  const { db, lines } = await afterCrash(0, 0);
  await db.run({ op: "createDatabase", database: "new" });
  await db.crash();
  await db.machine.run(db.engine.recover());
  t.is(states(db), "c");
  t.deepEqual(lines, []);
});

test("a database that can't be opened keeps no other from being recovered", async (t) => {
  const { db, lines, failures } = await afterCrash(4, 1);
  db.machine.removeFile(`${directory}/data/db1.data`);
  db.machine.removeFile(`${directory}/wal/db2.wal`);
  await db.machine.run(db.engine.recover());
  t.is(states(db), "offoc");
  t.is(lines.at(-1), "recovered 2 of 4 databases, 2 failed");
  t.deepEqual(failures.sort(), ["recovering database db1", "recovering database db2"]);
  t.is(await read(db, "db1"), "DATABASE_CORRUPT");
  t.is(await read(db, "db3"), "none");
  t.like(db.engine.stats("").pool, { open: 2, failed: 2, opens: 2, failures: 2, toRecover: 0 });
});

test("no more are recovered than may be open, and none has to give way", async (t) => {
  const { db: before, lines } = await afterCrash(6, 1);
  const db = await new SimulatedEngine({ ...before.options, maxOpenDatabases: 3 }, before.machine).start();
  await read(db, "db6");
  await db.machine.run(db.engine.recover());
  t.is(db.engine.stats("").pool.open, 3);
  t.is(db.engine.databases()[6]?.state, "open");
  t.is(lines.at(-1), "recovered 2 of 6 databases, 0 failed, 4 at their first use");
  for (let i = 0; i < 7; i++) t.is(await read(db, `db${i}`), "none");
});

test("who uses a database doesn't wait for the recovery of all", async (t) => {
  const { db } = await afterCrash(30, 0);
  const recovering = db.engine.recover();
  while (db.engine.stats("").pool.open === 0) await db.machine.step();
  t.is(await read(db, "db29"), "none");
  t.true(db.engine.stats("").pool.toRecover > 10);
  await db.machine.run(recovering);
  t.is(db.engine.stats("").pool.open, 30);
});

test("a stop during the recovery ends it, and loses nothing", async (t) => {
  const { db, failures } = await afterCrash(20, 0);
  const recovering = db.engine.recover();
  while (db.engine.stats("").pool.open < 2) await db.machine.step();
  await db.machine.run(db.engine.close());
  await db.machine.run(recovering);
  t.deepEqual(failures, []);
  await db.start();
  await db.machine.run(db.engine.recover());
  for (let i = 0; i < 20; i++) t.is(await read(db, `db${i}`), "none");
});

test("a crash at any I/O of the recovery loses nothing", async (t) => {
  const { db } = await afterCrash(2, 0);
  await db.run({ op: "writeDocument", database: "db0", operation: update(2n, `"two"`) });
  await db.crash();
  let survived = false;
  for (let io = 1; !survived; io++) {
    const machine = db.machine.fork(io);
    const other = await new SimulatedEngine({}, machine).start();
    machine.crashAtIo(machine.ioCount + io);
    survived = (await codeOf(machine.run(other.engine.recover()))) === "none";
    machine.crashAtIo(Number.POSITIVE_INFINITY);
    await other.start();
    await machine.run(other.engine.recover());
    for (const database of ["db0", "db1"]) t.is(await read(other, database), "none", `I/O ${io}`);
    t.is(await other.codeOf({ op: "getDocument", database: "db0", collection: "", id: 2n }), "none", `I/O ${io}`);
  }
});
