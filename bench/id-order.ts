// What the order of a collection's ids costs: how long it takes to build, in turns of what length, and how many bytes
// an id. Run with: npx node --expose-gc bench/id-order.ts [ids]

import { realPlatform } from "../src/platform/real/real-platform.ts";
import { Turn } from "../src/platform/turn.ts";
import { sortedIds } from "../src/storage/id-merge.ts";
import type { IdOrder } from "../src/storage/id-order.ts";
import { IndexTable } from "../src/storage/index-table.ts";

const count = Number(process.argv[2] ?? 1_000_000);
const platform = realPlatform();
const u32 = (): number => platform.random.u32();

const arrivals: Readonly<Record<string, (i: number) => readonly [low: number, high: number]>> = {
  sequential: (i) => [i + 1, 0],
  "random 32-bit": () => [u32(), 0],
  "random 64-bit": () => [u32(), u32()],
};

for (const [name, idOf] of Object.entries(arrivals)) {
  const table = new IndexTable();
  const entry = { version: 1, offset: 1, length: 1, parity: 0, deleted: false, createTimeMs: 0 } as const;
  for (let i = 0; i < count; i++) table.set(...idOf(i), entry);
  const { order, ms, longestMs } = await build(table);
  const built = order.memoryBytes / order.count;
  const { live } = table;
  const addMs = elapsed(() => {
    for (let i = 0; i < 100_000; i++) order.add(...idOf(count + i));
  });
  const seekMs = elapsed(() => {
    for (let i = 0; i < 100_000; i++) order.ascending(...idOf(i), 10);
  });
  const figures = {
    ids: live,
    "build ms": Math.round(ms),
    "longest turn ms": longestMs.toFixed(1),
    "bytes an id": built.toFixed(2),
    "us an insertion": (addMs / 100).toFixed(2),
    "us a page of 10": (seekMs / 100).toFixed(2),
  };
  process.stdout.write(`${name}: ${JSON.stringify(figures)}\n`);
}

/** Builds the order while another task of the event loop measures the turns, in CPU time of this thread. */
async function build(table: IndexTable): Promise<{ order: IdOrder; ms: number; longestMs: number }> {
  let longestMs = 0;
  let done = false;
  const watch = async (): Promise<void> => {
    while (!done) {
      const before = process.threadCpuUsage();
      await new Promise((resolve) => setImmediate(resolve));
      const { user, system } = process.threadCpuUsage(before);
      longestMs = Math.max(longestMs, (user + system) / 1000);
    }
  };
  const watching = watch();
  globalThis.gc?.();
  const started = performance.now();
  const order = await sortedIds(table, new Turn(platform.clock));
  const ms = performance.now() - started;
  done = true;
  await watching;
  return { order, ms, longestMs };
}

function elapsed(work: () => void): number {
  const started = performance.now();
  work();
  return performance.now() - started;
}
