// Defects that the engine once had. Each test opens with the story of its defect.

import test from "ava";
import type { Engine } from "../../src/engine/engine.ts";
import type { FaultKind } from "../../src/platform/sim/faults.ts";
import type { Survival } from "../../src/platform/sim/power-loss.ts";
import { SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import { codeOf } from "../platform/machines.ts";
import { create, engineWithDatabase, SimulatedEngine, update } from "./simulated-engine.ts";

const make = { op: "createDatabase", database: "d" } as const;
const remove = { op: "deleteDatabase", database: "d" } as const;
const close = { op: "closeDatabase", database: "d" } as const;
const write = (id: bigint, json = `"${id}"`, collection = "") =>
  ({ op: "writeDocument", database: "d", operation: update(id, json, collection) }) as const;

/** How a process ends: killed, or with its machine. */
const ends: readonly (Survival | "kill")[] = ["kill", "drop", "keep", "torn"];

test("what is acknowledged after a deletion that failed is still there after a restart", async (t) => {
  // The catalog said "deleting" on the disk, its directory could not be synced, and the deletion failed. The database
  // went on taking writes, and the next start finished the deletion: what had been acknowledged was gone.
  for (const fault of ["syncRefusal", "syncFailure"] as const) {
    for (const end of ends) {
      const db = await engineWithDatabase();
      await db.write(create(1n, `"1"`));
      db.machine.faults.failNext(fault, /^\/db$/);
      t.is(await db.codeOf(remove), "IO_ERROR");
      db.machine.faults.clear();
      const code = await db.codeOf(write(2n));
      t.not(code, "INTERNAL");
      if (end === "kill") db.machine.crash("kill");
      else db.machine.crash("power", end);
      await db.start();
      if (code === "none") t.is(await db.read(2n), `"2"`, `${fault}, ${end}`);
      else t.true([`"1"`, "DATABASE_NOT_FOUND"].includes(await db.read(1n)), `${fault}, ${end}`);
    }
  }
});

/** Ends the faults. A failed sync of a directory takes a new process too: then this returns true. */
async function recovered(db: SimulatedEngine): Promise<boolean> {
  const inDoubt = db.machine.faults.struck.some(({ call }) => call === "syncDirectory");
  db.machine.faults.clear();
  if (inDoubt) await db.crash();
  return inDoubt;
}

test("a deletion that failed can be repeated, whatever failed", async (t) => {
  // The other side of the same: a database that is neither there nor gone must not stay so until a restart.
  const codes = new Set<string>();
  for (const fault of ["error", "noSpace", "syncRefusal"] as const) {
    for (let io = 1; io <= 40; io++) {
      const db = await engineWithDatabase();
      await db.write(create(1n));
      db.machine.faults.failAt(db.machine.ioCount + io, fault);
      const code = await db.codeOf(remove);
      codes.add(code);
      // A start ends the deletion that it finds.
      const answers = (await recovered(db)) ? ["none", "DATABASE_NOT_FOUND"] : ["none"];
      if (code !== "none") t.true(answers.includes(await db.codeOf(remove)), `${fault} at I/O ${io}`);
      t.is(await db.codeOf(make), "none", `${fault} at I/O ${io}`);
      await db.crash();
      t.is(await db.read(1n), "DOCUMENT_NOT_FOUND", `${fault} at I/O ${io}`);
    }
  }
  t.deepEqual([...codes].sort(), ["DISK_FULL", "IO_ERROR", "none"]);
});

test("a write that waits for a database to close is refused when the engine closes, and opens nothing", async (t) => {
  // It went on when the closing had ended, though the engine had closed meanwhile and given up the lock: it opened the
  // files and wrote to them while another process could do the same.
  for (let seed = 1; seed <= 20; seed++) {
    const db = await engineWithDatabase({}, new SimulatedMachine(seed));
    await db.write(create(1n));
    const late: string[] = [];
    let unlocked = false;
    db.machine.beforeIo = (_io, call, path): void => {
      if (unlocked) late.push(`${call} ${path}`);
      if (call === "unlock") unlocked = true;
    };
    const closing = codeOf(db.engine.execute(close));
    const waiting = codeOf(db.engine.execute(write(2n)));
    await db.machine.run(Promise.all([db.engine.close(), closing]));
    t.is(await db.machine.run(waiting), "SHUTTING_DOWN");
    await db.machine.runUntilIdle();
    t.true(unlocked);
    t.deepEqual(late, []);
    await db.start();
    t.is(await db.read(2n), "DOCUMENT_NOT_FOUND");
  }
});

test("closing a database stops its compaction, and what waits for it to open again is answered soon", async (t) => {
  // The client's compaction counted as a use that closing waits for, though only closing would have told it to stop:
  // closing took as long as the compaction, and so did everything that came meanwhile.
  const settings = { checkpointBytes: 1e12, compactionBatchBytes: 300 };
  const db = await engineWithDatabase(settings, new SimulatedMachine(3, { stepLimit: 1e7 }));
  for (let id = 1n; id <= 600n; id++) await db.write(create(id));
  const { done, progress } = compactUntil(db.engine, 3);
  await db.machine.run(progress.reached);
  const closed = db.engine.execute(close).then(() => progress.count);
  const read = db.engine.execute({ op: "getDocument", database: "d", collection: "", id: 1n });
  t.true((await db.machine.run(closed)) <= 10, `the compaction came to ${progress.count} before it was closed`);
  t.is(await db.machine.run(done), "SHUTTING_DOWN");
  t.is((await db.machine.run(read)).id, 1n);
  t.is(await db.codeOf({ op: "compactDatabase", database: "d" }), "none");
  await db.crash();
  for (const id of [1n, 300n, 600n]) t.is(await db.read(id), "{}");
});

/** A compaction; `reached` resolves when it has told of its progress so many times, `done` with how it ended. */
function compactUntil(engine: Engine, times: number) {
  const { promise: reached, resolve } = Promise.withResolvers<void>();
  const progress = { count: 0, reached };
  const onProgress = (): void => {
    if (++progress.count === times) resolve();
  };
  return { done: codeOf(engine.execute({ op: "compactDatabase", database: "d" }, { onProgress })), progress };
}

test("a creation that failed can be repeated, whatever failed", async (t) => {
  // When the last change of the catalog failed, the files of the new database stayed, and the next attempt took them
  // for somebody else's: until a restart the name could neither be created nor deleted.
  const faults: readonly FaultKind[] = ["error", "noSpace", "syncRefusal"];
  const firstCodes = new Set<string>();
  for (const fault of faults) {
    for (let io = 1; io <= 50; io++) {
      const db = await new SimulatedEngine().start();
      db.machine.faults.failAt(db.machine.ioCount + io, fault);
      const code = await db.codeOf(make);
      firstCodes.add(code);
      await recovered(db);
      const info = await codeOf(db.run({ op: "getDatabase", database: "d" }));
      if (code !== "none" && info !== "none") t.is(await db.codeOf(make), "none", `${fault} at I/O ${io}`);
      t.is(await db.codeOf(write(1n)), "none", `${fault} at I/O ${io}`);
      await db.crash();
      t.is(await db.read(1n), `"1"`, `${fault} at I/O ${io}`);
    }
  }
  t.deepEqual([...firstCodes].sort(), ["DISK_FULL", "IO_ERROR", "none"]);
});

test("a drop isn't refused because of a document that then fails to come about", async (t) => {
  // It counted the documents on their way to the disk, and answered COLLECTION_NOT_EMPTY before it was known what would
  // become of them: nobody ever saw the document that it told of.
  const drop = { op: "deleteCollection", database: "d", collection: "c", force: false } as const;
  for (const [fails, codes] of [
    [true, ["DISK_FULL", "none"]],
    [false, ["none", "COLLECTION_NOT_EMPTY"]],
  ] as const) {
    const db = await engineWithDatabase();
    await db.run({ op: "createCollection", database: "d", collection: "c" });
    if (fails) db.machine.faults.failNext("noSpace", /\.wal/);
    const both = [db.engine.execute(write(1n, `"${"x".repeat(100)}"`, "c")), db.engine.execute(drop)];
    t.deepEqual(await db.machine.run(Promise.all(both.map(codeOf))), codes);
    t.is(await db.read(1n, "c"), fails ? "COLLECTION_NOT_FOUND" : `"${"x".repeat(100)}"`);
  }
});

test("a wall clock before 1970 is no failure of the disk", async (t) => {
  // A negative time fails an assertion where a group is encoded. That was taken for an I/O error: every write was
  // refused because "the disk failed", and an operator looked for a defect that the disk didn't have.
  const db = await engineWithDatabase();
  db.machine.jumpWallClock(-1_700_100_000_000);
  const { createTimeMs, updateTimeMs } = await db.run(write(1n));
  t.true(createTimeMs >= 0 && updateTimeMs >= 0, `${createTimeMs}, ${updateTimeMs}`);
  t.is(await db.codeOf({ op: "createCollection", database: "d", collection: "c" }), "none");
  t.is(await db.codeOf({ op: "createDatabase", database: "e" }), "none");
  await db.crash();
  t.is(await db.read(1n), `"1"`);
});
