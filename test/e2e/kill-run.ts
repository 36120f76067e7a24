// A server that is killed with SIGKILL again and again at random moments, while clients write. What was acknowledged is
// known in this process only. After each kill all of it must be there, with the same bytes and versions; what was not
// acknowledged is there whole or not at all; and there is nothing else.
//
// A kill leaves the page cache alone, so this holds for every fsync mode.

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, connect, type Database, DocDBError } from "../../src/client/index.ts";
import { type ServerChild, startServerChild } from "./server-child.ts";
import { type Stored, Writer } from "./writer.ts";

const databases = ["left", "right"];

export interface KillRun {
  /** An empty directory; everything happens below it. */
  readonly directory: string;
  readonly kills: number;
  /** Clients that write, on each of two databases. */
  readonly writersPerDatabase: number;
  /** Milliseconds of writing before a kill: at least, and at most. */
  readonly writingMs: readonly [shortest: number, longest: number];
  /** Flags of the server. */
  readonly flags: readonly string[];
}

/** Thrown when a promise was broken; the message has what is wrong and the server's log. */
export class BrokenPromise extends Error {
  override readonly name = "BrokenPromise";
}

/** Runs a server until it was killed so many times; returns how many calls were acknowledged. */
export async function runKills(run: KillRun): Promise<number> {
  const { directory, kills, writersPerDatabase, flags } = run;
  const [data, socket] = [join(directory, "data"), join(directory, "s.sock")];
  const writers = databases.map((_, i) =>
    Array.from({ length: writersPerDatabase }, (__, j) => new Writer(i * writersPerDatabase + j + 1)),
  );
  let server: ServerChild | undefined;
  try {
    for (let kill = 0; kill <= kills; kill++) {
      server = startServerChild(data, socket, flags);
      const client = await connect({ socket, waitForServerMs: 20_000 });
      if (kill === 0) await createDatabases(client);
      const problems = await check(client, writers);
      if (problems.length > 0) throw new Error(`after kill ${kill}:\n${problems.join("\n")}`);
      if (kill < kills) await writeUntilKilled(client, writers, server, run.writingMs);
      await client.close();
    }
    await server?.end("SIGTERM");
  } catch (error) {
    const told = await server?.end("SIGKILL").then(server.log, String);
    throw new BrokenPromise(`with ${flags.join(" ")}: ${String(error)}\n${told ?? ""}`, { cause: error });
  }
  return writers.flat().reduce((sum, writer) => sum + writer.calls, 0);
}

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
  [shortest, longest]: KillRun["writingMs"],
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
  const checkpoints = databases.map((name) => maybeCheckpoint(client.database(name)));
  await sleep(Math.random() * 20);
  await server.end("SIGKILL");
  await all;
  await Promise.all(checkpoints);
}

/** Asks for a checkpoint, which the kill may interrupt. Compactions come by themselves, with the settings. */
async function maybeCheckpoint(db: Database): Promise<void> {
  if (Math.random() < 0.5) return;
  try {
    await db.checkpoint();
  } catch (error) {
    if (!(error instanceof DocDBError) || error.status !== "UNAVAILABLE") throw error;
  }
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
