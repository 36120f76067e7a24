// A scan of a whole collection while as much is written as the disk takes: it returns exactly its snapshot, keeps
// memory flat, and holds up nobody. On a real disk; DOCDB_SCAN_DOCUMENTS makes it larger, and the log gives the
// figures.

import test from "ava";
import { maxDocumentId } from "../../src/base/limits.ts";
import type { Command, CommandName, Result } from "../../src/engine/commands.ts";
import { Engine } from "../../src/engine/engine.ts";
import { realPlatform } from "../../src/platform/real/real-platform.ts";
import { Scheduler } from "../../src/scheduler/scheduler.ts";
import { silentObserver } from "../../src/telemetry/observer.ts";
import { temporaryDirectory } from "../server/temporary-server.ts";
import { described, watchTurns } from "./turn-watch.ts";

const documents = Number(process.env["DOCDB_SCAN_DOCUMENTS"] ?? 50_000);
const writers = 16;
const database = "d";
const collection = "";
const mebibyte = 1024 * 1024;

type Execute = <K extends CommandName>(command: Command<K>) => Promise<Result<K>>;

const firstText = (id: bigint): string => `{"first":${id},"filler":"${"x".repeat(150)}"}`;

async function load(execute: Execute): Promise<void> {
  for (let next = 1; next <= documents; next += 5_000) {
    const count = Math.min(5_000, documents - next + 1);
    const operations = Array.from({ length: count }, (_, i) => {
      const id = BigInt(next + i);
      return { kind: "create", collection, id, json: Buffer.from(firstText(id)) } as const;
    });
    await execute({ op: "batchWrite", database, operations, atomic: false });
  }
}

/** Updates, deletes and creates at random until it is stopped; returns how many writes there were. */
async function storm(execute: Execute, stopped: () => boolean): Promise<number> {
  let writes = 0;
  const writer = async (number: number): Promise<void> => {
    while (!stopped()) {
      const operations = Array.from({ length: 20 }, (_, i) => {
        const id = BigInt(1 + ((writes * 7919 + number * 104_729 + i * 31) % (documents + 1_000)));
        if ((writes + i) % 3 === 0) return { kind: "delete", collection, id, allowMissing: true } as const;
        return {
          kind: "update",
          collection,
          id,
          json: Buffer.from(`{"again":${writes}}`),
          allowMissing: true,
        } as const;
      });
      await execute({ op: "batchWrite", database, operations, atomic: false });
      writes += operations.length;
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, i) => writer(i)));
  return writes;
}

/** Scans a snapshot, and checks every document. */
async function scan(execute: Execute, snapshot: string, reverse: boolean): Promise<number> {
  let count = 0;
  let from: bigint | undefined = reverse ? maxDocumentId : 1n;
  const bounds = { reverse, pageSize: 1_000, pageBytes: 256 * 1024 };
  while (from !== undefined) {
    const page: Result<"scanDocuments"> = await execute({
      op: "scanDocuments",
      database,
      collection,
      snapshot,
      from,
      ...bounds,
    });
    for (const { id, json } of page.items) {
      const expected = BigInt(reverse ? documents - count : count + 1);
      if (id !== expected || Buffer.from(json).toString() !== firstText(id)) {
        throw new Error(`document ${expected} was to come, and it was ${id}: ${Buffer.from(json).toString()}`);
      }
      count++;
    }
    from = page.next;
  }
  return count;
}

test.serial(`a scan of ${documents} documents in a storm of writes returns exactly its snapshot`, async (t) => {
  const platform = realPlatform();
  const directory = await temporaryDirectory(t);
  const engine = await Engine.open({ directory, platform, observer: silentObserver, fsyncMode: "group" });
  t.teardown(() => engine.close());
  const limits = { slots: 4, queuePerDatabase: 1_000, queueTotal: 1_000 };
  const scheduler = new Scheduler(engine, platform.clock, limits);
  const execute: Execute = (command) => scheduler.execute(command);
  await execute({ op: "createDatabase", database });
  await load(execute);

  const { snapshot } = await execute({ op: "openSnapshot", database });
  let stop = false;
  const stopped = (): boolean => stop;
  const storming = storm(execute, stopped);
  // The storm must be under way before the scan begins.
  await new Promise((resolve) => setTimeout(resolve, 300));
  const before = process.memoryUsage();
  const watched = watchTurns();
  const figures: string[] = [];
  for (const reverse of [false, true]) {
    const started = performance.now();
    t.is(await scan(execute, snapshot, reverse), documents);
    const rate = documents / ((performance.now() - started) / 1000);
    figures.push(`${Math.round(rate).toLocaleString("en-US")} documents/s${reverse ? " backwards" : ""}`);
  }
  const duringScan = await watched();
  const watchedEnd = watchTurns();
  await execute({ op: "closeSnapshot", database, snapshot });
  stop = true;
  const writes = await storming;
  const duringEnd = await watchedEnd();
  const grownMiB = (process.memoryUsage().rss - before.rss) / mebibyte;
  figures.push(`${writes.toLocaleString("en-US")} writes meanwhile`, `${grownMiB.toFixed(1)} MiB more memory`);
  t.log(figures.join(", "));
  t.log(`while it scanned: ${described(duringScan)}`);
  t.log(`at the end of the snapshot: ${described(duringEnd)}`);
  t.true(writes > 1_000, `${writes} writes`);
  t.true(grownMiB < 250 + documents / 5_000, `${grownMiB} MiB`);
  // On a busy machine the caches are shared, and the same work may take twice its time now and then.
  for (const report of [duringScan, duringEnd]) {
    const over = report.long.filter(({ ownMs }) => ownMs > 10).length;
    t.true(over <= 2 + report.turns / 2_000 && report.longestMs < 40, described(report));
  }
});
