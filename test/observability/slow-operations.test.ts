// The log of slow operations: what was slow and where its time went, for some of them, and nothing that is in
// documents.

import { join } from "node:path";
import test from "ava";
import { connect } from "../../src/client/index.ts";
import { defaultOptions } from "../../src/server/options.ts";
import { startServer } from "../../src/server/server.ts";
import type { Facts, Observer } from "../../src/telemetry/observer.ts";
import { SlowOperations } from "../../src/telemetry/slow-operations.ts";
import { noTime } from "../../src/telemetry/time-spent.ts";
import { temporaryDirectory } from "../server/temporary-server.ts";

/** Gathers the facts of what is logged as slow. */
function gathering(): { observer: Observer; slow: Facts[] } {
  const slow: Facts[] = [];
  const event: Observer["event"] = (_level, message, facts) => {
    if (message === "slow operation") slow.push(facts ?? {});
  };
  return { observer: { event, failure: () => undefined }, slow };
}

test("a slow operation is logged with its document and the parts of its time, and without contents", async (t) => {
  const directory = await temporaryDirectory(t);
  const [dataDirectory, socket] = [join(directory, "data"), join(directory, "s")];
  const { observer, slow } = gathering();
  // With a threshold of 0 everything is slow.
  const options = { ...defaultOptions, dataDirectory, socket, slowOperationMs: 0, cacheBytes: 0 };
  const server = await startServer(options, observer);
  t.teardown(() => server.close());
  await using db = await connect({ socket, database: "shop", createIfMissing: true });
  const items = db.collection("_default");
  await items.create({ secret: "content" }, { id: 7n });
  await items.get(7n);
  t.false(JSON.stringify(slow).includes("content"));
  const [create, get] = ["CreateDocument", "GetDocument"].map((name) =>
    slow.find(({ operation }) => operation === name),
  ) as [Record<string, number>, Record<string, number>];
  t.like(create, { database: "shop", collection: "_default", id: "7" });
  t.like(get, { database: "shop", collection: "_default", id: "7" });
  const parts = ["queueMs", "engineMs", "readMs", "groupWaitMs", "appendMs", "fsyncMs"];
  for (const facts of [create, get]) {
    const sum = parts.reduce((total, part) => total + (facts[part] ?? Number.NaN), 0);
    t.true(sum <= (facts["durationMs"] ?? 0) + 0.1, `${sum} ms of ${facts["durationMs"]}`);
  }
  t.true((create["appendMs"] ?? 0) > 0 && (create["fsyncMs"] ?? 0) > 0);
  t.true((get["readMs"] ?? 0) > 0);
  t.is(get["fsyncMs"], 0);
  for await (const _ of items.scan());
  const scan = slow.find(({ operation }) => operation === "ScanDocuments");
  t.is(scan?.["commands"], 2, "the snapshot and one page");
});

test("of many slow operations in a second some are logged, and the next line says how many were not", (t) => {
  let nowMs = 0;
  const { observer, slow } = gathering();
  const operations = new SlowOperations(10, observer, { now: () => nowMs, monotonicMs: () => nowMs });
  const one = { operation: "GetDocument", durationMs: 12.345, facts: undefined, trace: undefined, error: undefined };
  for (let i = 0; i < 100; i++) operations.note(one, noTime(), 1);
  t.is(slow.length, 5);
  t.false("passedOver" in (slow[4] ?? {}));
  nowMs = 1_000;
  operations.note({ ...one, trace: { traceId: "abc" } }, noTime(), 3);
  t.like(slow[5], { operation: "GetDocument", durationMs: 12.35, traceId: "abc", commands: 3, passedOver: 95 });
});
