// Databases as a whole: their lives, their files, and the directory that they share.

import test from "ava";
import { DocDBError } from "../../src/base/errors.ts";
import { Engine } from "../../src/engine/engine.ts";
import type { Survival } from "../../src/platform/sim/power-loss.ts";
import { SimulatedCrash } from "../../src/platform/sim/simulated-machine.ts";
import { silentObserver } from "../../src/telemetry/observer.ts";
import { machines } from "../platform/machines.ts";
import { create, directory, engineWithDatabase, SimulatedEngine } from "./simulated-engine.ts";

const make = (database: string) => ({ op: "createDatabase", database }) as const;
const remove = (database: string) => ({ op: "deleteDatabase", database }) as const;
const close = { op: "closeDatabase", database: "d" } as const;

test("a closed database opens again on use", async (t) => {
  const db = await engineWithDatabase();
  await db.write(create(1n, "1"));
  t.is((await db.run(close)).state, "closed");
  t.is((await db.run({ op: "getDatabase", database: "d" })).state, "closed");
  t.is(await db.read(1n), "1");
  t.is((await db.run({ op: "getDatabase", database: "d" })).state, "open");
});

test("closing waits for the writes under way, and those that come meanwhile open it again", async (t) => {
  const db = await engineWithDatabase();
  const operations = [1n, 2n, 3n].map(
    (id) => ({ op: "writeDocument", database: "d", operation: create(id, "1") }) as const,
  );
  const [first, second, third] = operations as [(typeof operations)[0], (typeof operations)[0], (typeof operations)[0]];
  const all = [
    db.engine.execute(first),
    db.engine.execute(close),
    db.engine.execute(second),
    db.engine.execute(close),
    db.engine.execute(third),
  ];
  await db.machine.run(Promise.all(all));
  for (const id of [1n, 2n, 3n]) t.is(await db.read(id), "1");
});

test("a clean start replays nothing and changes no file but the directory's own", async (t) => {
  const db = await engineWithDatabase();
  await db.write(create(1n, "1"));
  await db.machine.run(db.engine.close());
  const before = db.machine.files();
  await db.start();
  t.is(await db.read(1n), "1");
  await db.machine.run(db.engine.close());
  t.deepEqual(db.machine.files(), before);
});

test("a deleted database is gone with all its files, and a new one of its name is empty", async (t) => {
  const db = await engineWithDatabase();
  await db.run(make("d2"));
  await db.write(create(1n, "1"));
  await db.run({ op: "checkpointDatabase", database: "d" });
  await db.run(remove("D"));
  t.is(await db.read(1n), "DATABASE_NOT_FOUND");
  const files = [...db.machine.files().keys()];
  t.deepEqual(
    files.filter((path) => path.includes("/d.")),
    [],
  );
  t.true(files.includes("/db/data/d2.data"));
  await db.run(make("d"));
  t.is(await db.read(1n), "DOCUMENT_NOT_FOUND");
});

test("deleting waits for the writes under way, and what comes later finds no database", async (t) => {
  const db = await engineWithDatabase();
  const before = db.engine.execute({ op: "writeDocument", database: "d", operation: create(1n) });
  const gone = db.engine.execute(remove("d"));
  await db.machine.run(Promise.all([before, gone]));
  t.is(await db.codeOf({ op: "writeDocument", database: "d", operation: create(2n) }), "DATABASE_NOT_FOUND");
});

test("names clash without regard to case, and names of files are no names", async (t) => {
  const db = await engineWithDatabase();
  t.is(await db.codeOf(make("D")), "DATABASE_EXISTS");
  for (const name of ["", "../x", ".catalog", "a/b", "a.b", "a\0"])
    t.is(await db.codeOf(make(name)), "INVALID_NAME", name);
  t.is(await db.codeOf(remove("none")), "DATABASE_NOT_FOUND");
  t.is(await db.codeOf({ op: "openDatabase", database: "none", createIfMissing: false }), "DATABASE_NOT_FOUND");
  t.is(await db.codeOf({ op: "openDatabase", database: "New", createIfMissing: true }), "none");
  t.is(await db.codeOf({ op: "openDatabase", database: "new", createIfMissing: true }), "none");
});

test("databases are listed page by page, in order of their lower-case names", async (t) => {
  const db = await engineWithDatabase();
  for (const name of ["b", "A", "C"]) await db.run(make(name));
  const first = await db.run({ op: "listDatabases", after: "", pageSize: 3 });
  t.deepEqual([first.items.map((item) => item.database), first.more], [["A", "b", "C"], true]);
  const rest = await db.run({ op: "listDatabases", after: "c", pageSize: 3 });
  t.deepEqual([rest.items.map((item) => item.database), rest.more], [["d"], false]);
});

const survivals: readonly Survival[] = ["drop", "keep", "torn"];

test("a crash at any I/O of a creation leaves no database or a whole one, and the name can be used", async (t) => {
  const outcomes = new Set<string>();
  for (let io = 1; io <= 60; io++) {
    const db = await new SimulatedEngine().start();
    db.machine.crashAtIo(db.machine.ioCount + io, "power", survivals[io % 3]);
    await db.run(make("d")).catch((error: unknown) => t.true(error instanceof SimulatedCrash));
    await db.crash();
    const exists = db.engine.databases().length === 1;
    outcomes.add(exists ? "whole" : "none");
    if (!exists) await db.run(make("d"));
    await db.write(create(1n, "1"));
    t.is(await db.read(1n), "1", `I/O ${io}`);
  }
  t.deepEqual([...outcomes].sort(), ["none", "whole"]);
});

test("a crash at any I/O of a deletion leaves the whole database or nothing of it", async (t) => {
  const outcomes = new Set<string>();
  for (let io = 1; io <= 60; io++) {
    const db = await engineWithDatabase();
    await db.write(create(1n, "1"));
    db.machine.crashAtIo(db.machine.ioCount + io, "power", survivals[io % 3]);
    await db.run(remove("d")).catch((error: unknown) => t.true(error instanceof SimulatedCrash));
    await db.crash();
    const exists = db.engine.databases().length === 1;
    outcomes.add(exists ? "whole" : "none");
    t.is(await db.read(1n), exists ? "1" : "DATABASE_NOT_FOUND", `I/O ${io}`);
    if (!exists)
      t.deepEqual(
        [...db.machine.files().keys()].filter((path) => path.includes("/d.")),
        [],
      );
  }
  t.deepEqual([...outcomes].sort(), ["none", "whole"]);
});

test("files that the catalog doesn't know are never overwritten", async (t) => {
  for (const file of ["data/e.data", "wal/e.wal.3", "data/E.index"]) {
    const db = await engineWithDatabase();
    db.machine.writeFile(`${directory}/${file}`, Buffer.from("precious"));
    const error = await t.throwsAsync(db.run(make("e")), { instanceOf: DocDBError });
    t.is(error?.code, "DATABASE_EXISTS");
    t.true(error?.message.includes(file));
    await db.restart();
    t.is(db.machine.readFile(`${directory}/${file}`).toString(), "precious");
  }
});

test("a database that can't be opened leaves the others serving, and says why", async (t) => {
  const db = await engineWithDatabase();
  await db.run(make("sound"));
  await db.run(close);
  db.machine.removeFile("/db/data/d.data");
  t.is(await db.read(1n), "DATABASE_CORRUPT");
  const info = await db.run({ op: "getDatabase", database: "d" });
  t.is(info.state, "failed");
  t.regex(info.stateReason, /d\.data: the data file is missing/);
  t.is(await db.codeOf({ op: "writeDocument", database: "sound", operation: create(1n) }), "none");
});

for (const [name, onFreshMachine] of Object.entries(machines)) {
  test(`a second engine on the same directory is refused at once and harms nothing (${name})`, async (t) => {
    await onFreshMachine(async ({ platform, directory: bench }) => {
      const options = {
        directory: `${bench}/deep/db`,
        platform,
        observer: silentObserver,
        fsyncMode: "group",
      } as const;
      const engine = await Engine.open(options);
      const error = await t.throwsAsync(Engine.open(options), { instanceOf: DocDBError });
      t.is(error?.code, "ALREADY_RUNNING");
      await engine.execute(make("d"));
      await engine.execute({ op: "writeDocument", database: "d", operation: create(1n, "1") });
      await engine.close();
      const next = await Engine.open(options);
      const found = await next.execute({ op: "getDocument", database: "d", collection: "", id: 1n });
      t.is(Buffer.from(found.json).toString(), "1");
      await next.close();
    });
  });
}

test("an engine that is closed refuses everything", async (t) => {
  const db = await engineWithDatabase();
  await db.machine.run(db.engine.close());
  t.is(await db.codeOf(make("e")), "SHUTTING_DOWN");
});

test("a cancelled command does nothing", async (t) => {
  const db = await engineWithDatabase();
  const command = { op: "writeDocument", database: "d", operation: create(1n) } as const;
  const error = await t.throwsAsync(db.engine.execute(command, { signal: AbortSignal.abort() }), {
    instanceOf: DocDBError,
  });
  t.is(error?.code, "CANCELLED");
  t.is(await db.read(1n), "DOCUMENT_NOT_FOUND");
});
