// What a command's times tell: each layer wrote down when it did its part, in the order of the work.

import test from "ava";
import { Scheduler } from "../../src/scheduler/scheduler.ts";
import { Meters } from "../../src/telemetry/meters.ts";
import { OperationTimes } from "../../src/telemetry/operation-times.ts";
import { engineWithDatabase } from "./simulated-engine.ts";

const json = Buffer.from('{"a":1}');
const write = { op: "writeDocument", database: "d" } as const;
const create = { kind: "create", collection: "", id: 0n, json } as const;

test("a create was queued, started, submitted, appended and synced, in this order", async (t) => {
  const meters = new Meters();
  const db = await engineWithDatabase({ meters });
  const scheduler = new Scheduler(db.engine, db.clock, { slots: 1, queuePerDatabase: 10, queueTotal: 10 });
  const times = new OperationTimes(db.clock, { traceId: "a trace" });
  await db.machine.run(scheduler.execute({ ...write, operation: create }, { times }));
  times.ended();
  const { queuedMs, startedMs, submittedMs, group, endedMs } = times;
  const marks = [queuedMs, startedMs, submittedMs, group?.appendMs, group?.appendedMs, group?.syncedMs, endedMs];
  t.true(
    marks.every((mark) => mark !== undefined && !Number.isNaN(mark)),
    marks.join(),
  );
  t.deepEqual(
    marks,
    marks.toSorted((a = 0, b = 0) => a - b),
  );
  t.true((group?.syncedMs ?? 0) > (group?.appendedMs ?? 0), "the simulated disk takes time to sync");
  t.deepEqual([group?.commits, group?.traced], [1, [{ traceId: "a trace" }]]);
  t.true(meters.fsyncs.count >= 1 && meters.walBytes > json.length);
});

test("commits that share a group share its times, and a batch that isn't atomic is in its group once", async (t) => {
  const db = await engineWithDatabase();
  const { clock } = db;
  const [one, batch] = [new OperationTimes(clock, { traceId: "1" }), new OperationTimes(clock, { traceId: "2" })];
  const single = db.engine.execute({ ...write, operation: create }, { times: one });
  const operations = [create, create, create];
  const several = db.engine.execute({ op: "batchWrite", database: "d", operations, atomic: false }, { times: batch });
  await db.machine.run(Promise.all([single, several]));
  t.not(one.group, undefined);
  t.is(one.group, batch.group);
  t.is(one.group?.commits, 4);
  t.deepEqual(one.group?.traced.map(({ traceId }) => traceId).toSorted(), ["1", "2"]);
});

test("a read of the disk takes time, and one from memory none", async (t) => {
  const db = await engineWithDatabase();
  const { clock } = db;
  await db.machine.run(db.engine.execute({ ...write, operation: { ...create, id: 7n } }));
  const read = async (): Promise<OperationTimes> => {
    const times = new OperationTimes(clock, undefined);
    const command = { op: "getDocument", database: "d", collection: "", id: 7n } as const;
    await db.machine.run(db.engine.execute(command, { times }));
    return times;
  };
  t.true((await read()).readMs > 0);
  t.is((await read()).readMs, 0);
});
