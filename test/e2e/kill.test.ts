// The promise, on the real server: 25 times it is killed with SIGKILL at a random moment, while 16 clients write. What
// was acknowledged is known in this process only. After each kill all of it must be there, with the same bytes and
// versions; what was not acknowledged is there whole or not at all; and there is nothing else.

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import test from "ava";
import { type Client, connect, type Database } from "../../src/client/index.ts";
import { temporaryDirectory } from "../server/temporary-server.ts";
import { type ServerChild, startServerChild } from "./server-child.ts";
import { type Stored, Writer } from "./writer.ts";

const kills = 25;
const writersPerDatabase = 8;
const databases = ["left", "right"];
/** Milliseconds of writing before a kill. */
const shortest = 30;
const longest = 400;

test(`${kills} kills under 16 concurrent writers lose no acknowledged write and show no half of another`, async (t) => {
  t.timeout(180_000);
  const directory = await temporaryDirectory(t);
  const [data, socket] = [join(directory, "data"), join(directory, "s.sock")];
  const writers = databases.map((_, i) =>
    Array.from({ length: writersPerDatabase }, (__, j) => new Writer(i * writersPerDatabase + j + 1)),
  );
  let server: ServerChild | undefined;
  t.teardown(async () => {
    await server?.end("SIGKILL");
    if (!t.passed) t.log(server?.log());
  });
  for (let kill = 0; kill <= kills; kill++) {
    server = startServerChild(data, socket);
    const client = await connect({ socket, waitForServerMs: 20_000 });
    if (kill === 0) await createDatabases(client);
    const problems = await check(client, writers);
    if (problems.length > 0) t.fail(`after kill ${kill}:\n${problems.join("\n")}`);
    if (kill < kills) await writeUntilKilled(client, writers, server);
    await client.close();
  }
  await server?.end("SIGTERM");
  const calls = writers.flat().reduce((sum, writer) => sum + writer.calls, 0);
  t.log(`${calls} calls were acknowledged`);
  t.true(calls > 0);
});

async function createDatabases(client: Client): Promise<void> {
  for (const name of databases) {
    await client.databases.create(name);
    await client.database(name).collections.create("appended");
  }
}

async function writeUntilKilled(
  client: Client,
  writers: readonly (readonly Writer[])[],
  server: ServerChild,
): Promise<void> {
  const writing = databases.flatMap((name, i) => {
    const group = writers[i] ?? [];
    const floor = greatestVersion(group);
    return group.map((writer) => writer.write(client.database(name), floor));
  });
  const all = Promise.all(writing);
  // A failure of a writer must not wait for the kill to be noticed.
  all.catch(() => undefined);
  await sleep(shortest + Math.random() * (longest - shortest));
  // Some kills hit a checkpoint.
  const checkpoints = Promise.allSettled(databases.map((name) => client.database(name).checkpoint()));
  await sleep(Math.random() * 20);
  await server.end("SIGKILL");
  await all;
  await checkpoints;
}

/** What is wrong with what is stored. */
async function check(client: Client, writers: readonly (readonly Writer[])[]): Promise<string[]> {
  const problems: string[] = [];
  for (const [i, name] of databases.entries()) {
    const db = client.database(name);
    const [own, appended] = [await storedIn(db, "_default"), await storedIn(db, "appended")];
    const strange = { own: new Set(own.keys()), appended: new Set(appended.keys()) };
    for (const writer of writers[i] ?? []) problems.push(...writer.check(own, appended, strange));
    for (const id of [...strange.own, ...strange.appended]) problems.push(`${name}: nobody wrote document ${id}`);
  }
  return problems;
}

async function storedIn(db: Database, collection: string): Promise<Stored> {
  const stored = new Map();
  for await (const document of db.collection(collection).list({ pageSize: 1_000 })) stored.set(document.id, document);
  return stored;
}

/** The greatest version that a writer has seen, acknowledged or stored. */
function greatestVersion(writers: readonly Writer[]): bigint {
  return writers.reduce(
    (greatest, writer) => (writer.greatestVersion > greatest ? writer.greatestVersion : greatest),
    0n,
  );
}
