// Many databases on the real server, of which few are open at a time: what was acknowledged is there, whatever is
// closed under its clients, and after a kill and a stop.

import { join } from "node:path";
import test from "ava";
import { type Client, connect } from "../../src/client/index.ts";
import { temporaryDirectory } from "../server/temporary-server.ts";
import { type ServerChild, startServerChild } from "./server-child.ts";

const count = 200;
const maxOpen = 20;
const workers = 16;
const names: readonly string[] = Array.from({ length: count }, (_, i) => `tenant-${i}`);

/** Does something for every database, a few at a time. */
async function forAll(work: (name: string) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let name = names[next++]; name !== undefined; name = names[next++]) await work(name);
  };
  await Promise.all(Array.from({ length: workers }, worker));
}

/** Every database must hold its document as it was acknowledged last. */
async function wrongOnes(client: Client, acknowledged: ReadonlyMap<string, number>): Promise<string[]> {
  const wrong: string[] = [];
  await forAll(async (name) => {
    const document = await client.database(name).collection<{ round: number }>().getOrThrow(1);
    if (document.value.round < (acknowledged.get(name) ?? 0)) wrong.push(name);
  });
  return wrong;
}

test(`${count} databases are served by a process that keeps ${maxOpen} open`, async (t) => {
  t.timeout(180_000);
  const directory = await temporaryDirectory(t);
  const [data, socket] = [join(directory, "data"), join(directory, "docdb.sock")];
  const start = (): ServerChild => startServerChild(data, socket, ["--max-open-databases", String(maxOpen)]);
  let server = start();
  t.teardown(() => server.end("SIGKILL"));
  const connected = (): Promise<Client> => connect({ socket, waitForServerMs: 60_000, deadlineMs: 60_000 });
  await using client = await connected();
  const acknowledged = new Map<string, number>();
  const write = async (name: string, round: number): Promise<void> => {
    await client.database(name).collection().update(1, { round }, { allowMissing: true });
    acknowledged.set(name, round);
  };
  await forAll(async (name) => void (await client.databases.create(name)));
  for (const round of [1, 2]) await forAll((name) => write(name, round));
  const { pool } = await client.stats();
  t.like(pool, { databases: count, maxOpen, openFailures: 0, failed: 0, waiting: 0 });
  t.true(pool.open <= maxOpen && pool.evictions >= 2 * count - maxOpen, `${pool.open}, ${pool.evictions}`);
  t.deepEqual(await wrongOnes(client, acknowledged), []);

  // Killed while databases come and go: those that were open are recovered, while the server answers already.
  const writing = forAll((name) => write(name, 3));
  while (acknowledged.get("tenant-60") !== 3) await new Promise((resolve) => setTimeout(resolve, 2));
  await server.end("SIGKILL");
  await t.throwsAsync(writing);
  server = start();
  while (!/recovered (\d+) of \1 databases, 0 failed/.test(server.log())) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await using second = await connected();
  t.deepEqual(await wrongOnes(second, acknowledged), []);

  // A stop leaves nothing to recover.
  await server.end("SIGTERM");
  server = start();
  await using third = await connected();
  t.deepEqual(await wrongOnes(third, acknowledged), []);
  t.notRegex(server.log(), /recovering/);
});
