import test from "ava";
import { DocDBError } from "../../src/base/errors.ts";
import { limits } from "../../src/base/limits.ts";
import { put } from "./sample-commits.ts";
import { layout, StoredDatabase } from "./stored-database.ts";

/** Counts the datasyncs of the WAL from now on. */
function countSyncs(db: StoredDatabase): { syncs: number; writes: number } {
  const counts = { syncs: 0, writes: 0 };
  db.machine.beforeIo = (_io, call, path): void => {
    if (!path.startsWith("/wal/")) return;
    if (call === "datasync") counts.syncs++;
    if (call === "write") counts.writes++;
  };
  return counts;
}

function submit(db: StoredDatabase, count: number): Promise<PromiseSettledResult<void>[]> {
  const commits = Array.from({ length: count }, (_, i) => db.store.commit([put(BigInt(i + 1), "x")]).done);
  return Promise.allSettled(commits);
}

function codes(results: PromiseSettledResult<void>[]): string[] {
  return results.map((result) => (result.status === "fulfilled" ? "ok" : (result.reason as DocDBError).code));
}

test("commits that are submitted together share one fsync", async (t) => {
  const db = await new StoredDatabase().create();
  await db.commit(put(1n, "first, opens a segment"));
  const counts = countSyncs(db);
  await db.machine.run(submit(db, 200));
  t.deepEqual(counts, { syncs: 1, writes: 1 });
});

test("commits that arrive while a group is on its way share the next fsync", async (t) => {
  const db = await new StoredDatabase().create();
  await db.commit(put(1n, "x"));
  const counts = countSyncs(db);
  const first = submit(db, 3);
  await db.machine.steps(2);
  const second = submit(db, 50);
  await db.machine.run(Promise.all([first, second]));
  t.is(counts.syncs, 2);
});

test("in mode always each commit has an fsync of its own", async (t) => {
  const db = await new StoredDatabase({ fsyncMode: "always" }).create();
  await db.commit(put(1n, "x"));
  const counts = countSyncs(db);
  await db.machine.run(submit(db, 20));
  t.is(counts.syncs, 20);
});

test("in mode none nothing waits for an fsync, in mode interval one follows in time", async (t) => {
  for (const [fsyncMode, expected] of [
    ["none", 0],
    ["interval", 1],
  ] as const) {
    const db = await new StoredDatabase({ fsyncMode, fsyncIntervalMs: 50 }).create();
    await db.commit(put(1n, "x"));
    await db.machine.advance(1_000);
    const counts = countSyncs(db);
    await db.machine.run(submit(db, 20));
    t.is(counts.syncs, 0);
    await db.machine.advance(60);
    t.is(counts.syncs, expected, fsyncMode);
  }
});

test("a group is closed when it has become big", async (t) => {
  const db = await new StoredDatabase({ segmentBytes: 1e9 }).create();
  await db.commit(put(1n, "x"));
  const counts = countSyncs(db);
  const big = "x".repeat(limits.groupBytes / 2);
  await db.machine.run(Promise.all([1n, 2n, 3n].map((id) => db.store.commit([put(id, big)]).done)));
  t.is(counts.syncs, 3);
});

test("nothing is visible before the fsync that covers it", async (t) => {
  const db = await new StoredDatabase().create();
  await db.commit(put(1n, "old"));
  let visibleAtSync: string | undefined = "not asked";
  let isSynced = false;
  db.machine.beforeIo = (_io, call, path): void => {
    if (call !== "datasync" || !path.startsWith("/wal/")) return;
    visibleAtSync = String(db.store.visibleVersion);
    isSynced = true;
  };
  const { done } = db.store.commit([put(1n, "new")]);
  const order = done.then(() => isSynced);
  while (!isSynced) {
    t.is(db.store.visibleVersion, 1);
    t.true(await db.machine.step());
  }
  t.true(await db.machine.run(order));
  t.is(visibleAtSync, "1");
  t.is(db.store.visibleVersion, 2);
  t.is(await db.read(1n), "new");
});

test("commits are answered in the order in which they were submitted", async (t) => {
  const db = await new StoredDatabase().create();
  const answered: number[] = [];
  const commits = Array.from({ length: 30 }, (_, i) => db.store.commit([put(1n, `${i}`)]));
  await db.machine.run(Promise.all(commits.map(({ version, done }) => done.then(() => answered.push(version)))));
  t.deepEqual(
    answered,
    commits.map(({ version }) => version),
  );
  t.is(await db.read(1n), "29");
});

test("a full disk refuses the group and all behind it, and writes succeed when there is space again", async (t) => {
  const db = await new StoredDatabase().create();
  await db.commit(put(100n, "kept"));
  const sizes = [layout.data, layout.activeSegment].map((path) => db.machine.readFile(path).length);
  db.machine.faults.failFrom(1, "noSpace");
  const first = submit(db, 3);
  await db.machine.steps(2);
  const behind = submit(db, 3);
  t.deepEqual(new Set(codes((await db.machine.run(Promise.all([first, behind]))).flat())), new Set(["DISK_FULL"]));
  t.true(db.events.includes("abort"));
  t.deepEqual(
    [layout.data, layout.activeSegment].map((path) => db.machine.readFile(path).length),
    sizes,
  );
  t.deepEqual(await db.present(3), []);
  db.machine.faults.clear();
  t.is(await db.commit(put(1n, "again")), 2);
  db.machine.crash("power", "drop");
  await db.open();
  t.deepEqual([await db.read(100n), await db.read(1n), await db.read(2n)], ["kept", "again", undefined]);
});

test("a failed write is taken back, and what follows stands on sound ground", async (t) => {
  const db = await new StoredDatabase().create();
  await db.commit(put(1n, "kept"));
  for (const path of [/\.wal/, /\.data/]) {
    db.machine.faults.failNext("writeError", path);
    t.deepEqual(codes(await db.machine.run(submit(db, 2))), ["IO_ERROR", "IO_ERROR"]);
  }
  t.is(await db.commit(put(2n, "after")), 2);
  db.machine.crash("power", "drop");
  await db.open();
  t.deepEqual([await db.read(1n), await db.read(2n)], ["kept", "after"]);
});

test("after a failed fsync nothing is appended or synced any more, and reads go on", async (t) => {
  const db = await new StoredDatabase().create();
  await db.commit(put(100n, "kept"));
  db.machine.faults.failNext("syncFailure", /\.wal/);
  const first = submit(db, 2);
  t.deepEqual(codes(await db.machine.run(first)), ["IO_ERROR", "IO_ERROR"]);
  t.is(db.store.readOnly?.code, "DATABASE_READ_ONLY");
  t.deepEqual(db.events, ["read-only", "abort"]);
  const touched: string[] = [];
  db.machine.beforeIo = (_io, call, path): void => {
    if (["write", "datasync", "truncate", "create", "rename"].includes(call)) touched.push(`${call} ${path}`);
  };
  t.deepEqual(codes(await db.machine.run(submit(db, 2))), ["DATABASE_READ_ONLY", "DATABASE_READ_ONLY"]);
  await t.throwsAsync(db.machine.run(db.store.upkeep.checkpoint()), { instanceOf: DocDBError });
  t.is(await db.read(100n), "kept");
  t.is(await db.read(1n), undefined);
  await db.close();
  t.deepEqual(touched, []);
  await db.open();
  t.is(db.store.readOnly, undefined);
  t.is(await db.read(100n), "kept");
});

test("what waited behind a group whose fsync failed is refused too", async (t) => {
  const db = await new StoredDatabase().create();
  await db.commit(put(1n, "x"));
  db.machine.faults.failNext("syncFailure", /\.wal/);
  const first = submit(db, 1);
  await db.machine.steps(2);
  const behind = submit(db, 2);
  const results = await db.machine.run(Promise.all([first, behind]));
  t.deepEqual(codes(results.flat()), ["IO_ERROR", "DATABASE_READ_ONLY", "DATABASE_READ_ONLY"]);
});

test("a write that can be neither finished nor taken back ends all writing", async (t) => {
  const db = await new StoredDatabase().create();
  await db.commit(put(1n, "kept"));
  db.machine.faults.failFrom(1, "writeError", /\.wal/);
  t.deepEqual(codes(await db.machine.run(submit(db, 1))), ["IO_ERROR"]);
  t.is(db.store.readOnly?.code, "DATABASE_READ_ONLY");
  t.is(await db.read(1n), "kept");
});

test("a change of segments that fails half-way ends all writing and loses nothing", async (t) => {
  for (let skipped = 0; skipped < 4; skipped++) {
    const db = await new StoredDatabase({ segmentBytes: 200 }).create();
    await db.fill(2);
    let calls = 0;
    db.machine.beforeIo = (io, call, path): void => {
      const ofChange = call === "rename" || (call === "syncDirectory" && path === "/wal" && calls > 0);
      if (ofChange && calls++ === skipped) db.machine.faults.failAt(io, call === "rename" ? "error" : "syncRefusal");
    };
    const codesSeen = [];
    for (let id = 3n; id <= 8n; id++)
      codesSeen.push(...codes(await db.machine.run(Promise.allSettled([db.store.commit([put(id, "x")]).done]))));
    db.machine.beforeIo = undefined;
    t.true(codesSeen.includes("DATABASE_READ_ONLY"), codesSeen.join());
    const acknowledged = 2 + codesSeen.filter((code) => code === "ok").length;
    await db.close();
    await db.open();
    t.deepEqual(
      await db.present(acknowledged),
      Array.from({ length: acknowledged }, (_, i) => i + 1),
    );
    await db.commit(put(50n, "x"));
  }
});
