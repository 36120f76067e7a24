// The healing service over an executor that the test controls: what becomes of its answers on the wire.

import { type Client, Metadata, status } from "@grpc/grpc-js";
import test from "ava";
import {
  GetHealingStatsRequest,
  HealDatabaseRequest,
  HealDatabaseResponse,
  HealDocumentRequest,
  HealingServiceService as Healing,
  HealOutcome,
  HealSource,
} from "../../gen/docdb/v1/healing.ts";
import type { ExecutionContext } from "../../src/engine/commands.ts";
import { call, failureOf } from "./calls.ts";
import { fakeServer } from "./fake-server.ts";

const progress = (checked: number) => ({ checked, total: 9, corrupt: 2, healed: 1, quarantined: 1 });

function healDatabase(client: Client) {
  return client.makeServerStreamRequest(
    Healing.healDatabase.path,
    (request: HealDatabaseRequest) => Buffer.from(HealDatabaseRequest.encode(request).finish()),
    (bytes) => HealDatabaseResponse.decode(bytes),
    HealDatabaseRequest.create({ database: "d" }),
    new Metadata(),
  );
}

test("HealDocument says how the document is and where its copy came from", async (t) => {
  const { client } = await fakeServer(t, () => Promise.resolve({ outcome: "healed", version: 7, source: "backup" }));
  const request = HealDocumentRequest.create({ database: "d", id: 3n });
  const healed = await call(client, Healing.healDocument, request);
  t.deepEqual(healed, { outcome: HealOutcome.HEALED, version: 7n, source: HealSource.BACKUP });
  const failure = await failureOf(call(client, Healing.healDocument, HealDocumentRequest.create({ database: "d" })));
  t.is(failure.status, status.INVALID_ARGUMENT);
  t.is(failure.reason, "INVALID_ID");
});

test("HealDatabase tells its progress while it works, and is done in the last message", async (t) => {
  const { client } = await fakeServer(t, async (_command, { onHealProgress }) => {
    onHealProgress?.(progress(4));
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    return progress(9);
  });
  const startedMs = performance.now();
  const messages: HealDatabaseResponse[] = [];
  let firstMs = 0;
  for await (const message of healDatabase(client)) {
    if (messages.length === 0) firstMs = performance.now() - startedMs;
    messages.push(message as HealDatabaseResponse);
  }
  t.true(firstMs < 1_100, `the first message came after ${firstMs.toFixed(0)} ms`);
  t.like(messages[0], { documentsChecked: 4n, documentsTotal: 9n, done: false });
  const counts = { documentsCorrupt: 2n, documentsHealed: 1n, documentsQuarantined: 1n };
  t.deepEqual(messages.at(-1), { documentsChecked: 9n, documentsTotal: 9n, ...counts, done: true });
});

test("cancelling HealDatabase stops the work", async (t) => {
  const stopped = Promise.withResolvers<void>();
  const { client } = await fakeServer(t, async (_command, { signal }: ExecutionContext) => {
    await new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve(), { once: true }));
    stopped.resolve();
    return progress(1);
  });
  const stream = healDatabase(client);
  stream.on("error", () => undefined);
  stream.once("data", () => stream.cancel());
  await t.notThrowsAsync(stopped.promise);
});

test("GetHealingStats leaves out the times of what never happened", async (t) => {
  const never = { lastScrubTimeMs: 0, lastScrubDurationMs: 0, lastCorruptionTimeMs: 0, scrubsCompleted: 0 };
  const counts = { checked: 5, corrupt: 4, healed: { memory: 1, wal: 2, backup: 0 }, quarantined: 1 };
  const scrubbed = { ...never, scrubsCompleted: 3, lastScrubTimeMs: 1_500, lastScrubDurationMs: 250 };
  const { client } = await fakeServer(t, () =>
    Promise.resolve({
      databases: [
        { database: "a", ...never, ...counts },
        { database: "b", ...scrubbed, ...counts },
      ],
    }),
  );
  const { databases } = await call(client, Healing.getHealingStats, GetHealingStatsRequest.create());
  const [a, b] = databases;
  t.like(a, { documentsChecked: 5n, documentsCorrupt: 4n, documentsHealedFromMemory: 1n, documentsHealedFromWal: 2n });
  t.is(a?.lastScrubTime, undefined);
  t.is(a?.lastScrubDuration, undefined);
  t.is(a?.lastCorruptionTime, undefined);
  t.deepEqual(b?.lastScrubTime, { seconds: 1n, nanos: 500_000_000 });
  t.deepEqual(b?.lastScrubDuration, { seconds: 0n, nanos: 250_000_000 });
});
