// A thousand databases in one process that keeps a hundred open: whether each is served, what that costs, and how soon
// the server is back after a stop and after a kill in the middle of it.

import { join } from "node:path";
import { type Client, connect, jsonText } from "../src/client/index.ts";
import { smallDocument } from "./contender.ts";
import { memoryBytesOf, type ServerProcess, startDocdb } from "./server-processes.ts";
import type { Settings } from "./settings.ts";
import { mebibytes, rounded, table } from "./table.ts";

const databases = 1_000;
const documents = 1_000;
const workers = 16;
const restarts = 3;

/** Figures of one part of the run. */
type Row = (string | number)[];

export async function manyDatabases({ verbose }: Settings, directory: string): Promise<string[]> {
  const place = join(directory, "docdb");
  let server = startDocdb(place, verbose);
  const client = await connect({ socket: server.socket, waitForServerMs: 60_000, deadlineMs: 60_000 });
  const rows: Row[] = [];
  const step = async (what: string, work: (database: string) => Promise<void>): Promise<void> => {
    rows.push(await overAll(what, work, server));
  };
  await step("create it", async (database) => void (await client.databases.create(database)));
  await step(`write ${rounded(documents)} documents`, (database) => fill(client, database));
  await step("read a document", (database) => read(client, database, 1));
  await step("update a document", (database) => update(client, database, 1));
  await step("read it again", (database) => read(client, database, 2));
  const { pool } = await client.stats();
  const starts: Row[] = [];
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    for (let i = 0; i < restarts; i++) {
      // What a kill leaves: as many databases as may be open with something to replay.
      if (signal === "SIGKILL") await overAll("", (database) => update(client, database, 2), server);
      const stopping = performance.now();
      await server.end(signal);
      const stopMs = performance.now() - stopping;
      const began = performance.now();
      server = startDocdb(place, verbose);
      starts.push([signal, Math.round(stopMs), ...(await readiness(client, began))]);
    }
  }
  const wrong = await check(client);
  await client.close();
  await server.end("SIGTERM");
  const verdict = wrong === 0 ? "all there" : `${wrong} WRONG`;
  const each = [
    `for each of ${rounded(databases)} databases`,
    "seconds",
    "per second",
    "p50 ms",
    "p99 ms",
    "errors",
    "memory MiB",
  ];
  return [
    table(each, rows),
    `${pool.open} open of ${pool.maxOpen} at most, ${pool.opens} openings, ${pool.evictions} made room for others`,
    table(["stopped with", "ms to stop", "ms to the first get", "ms until all are recovered"], starts),
    `${rounded(databases)} databases compared with what was acknowledged: ${verdict}.`,
  ];
}

/** Does something in every database, a few at a time. */
async function overAll(what: string, work: (database: string) => Promise<void>, server: ServerProcess): Promise<Row> {
  const latencies: number[] = [];
  let [next, errors] = [0, 0];
  const worker = async (): Promise<void> => {
    while (next < databases) {
      const database = nameOf(next++);
      const began = performance.now();
      await work(database).catch((error: unknown) => {
        if (errors++ === 0) console.error(`${what}: ${String(error)}`);
      });
      latencies.push(performance.now() - began);
    }
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: workers }, worker));
  const seconds = (performance.now() - began) / 1_000;
  latencies.sort((a, b) => a - b);
  const [p50, p99] = [0.5, 0.99].map((share) => rounded(latencies[Math.floor(share * databases)] ?? 0, 1));
  const memory = mebibytes(memoryBytesOf(server.pid));
  return [what, rounded(seconds, 1), databases / seconds, p50 ?? "", p99 ?? "", errors, memory];
}

function nameOf(number: number): string {
  return `tenant-${number}`;
}

async function fill(client: Client, database: string): Promise<void> {
  const db = client.database(database);
  const batch = db.batch();
  for (let id = 1; id <= documents; id++) batch.create(db.collection(), jsonText(smallDocument), { id });
  await batch.commit();
}

async function read(client: Client, database: string, id: number): Promise<void> {
  await client.database(database).collection().getOrThrow(id);
}

async function update(client: Client, database: string, id: number): Promise<void> {
  await client.database(database).collection().update(id, updated);
}

const updated = { updated: true };

/** Milliseconds from `began` to the first answer, and until nothing is left to recover. */
async function readiness(client: Client, began: number): Promise<number[]> {
  for (;;) {
    try {
      await read(client, nameOf(databases - 1), 3);
      break;
    } catch (error) {
      if (performance.now() - began > 60_000) throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
  const firstMs = performance.now() - began;
  // The server looks for what it has to recover right after it is ready.
  await new Promise((resolve) => setTimeout(resolve, 500));
  let settledMs = firstMs;
  while ((await client.stats()).pool.toRecover > 0) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    settledMs = performance.now() - began;
  }
  return [Math.round(firstMs), Math.round(settledMs)];
}

/** How many databases lack a document or an update. */
async function check(client: Client): Promise<number> {
  let wrong = 0;
  for (let i = 0; i < databases; i++) {
    const collection = client.database(nameOf(i)).collection();
    const found = new Map<bigint, string>();
    for await (const { id, json } of collection.scan()) found.set(id, json);
    const isUpdated = [1n, 2n].every((id) => found.get(id) === JSON.stringify(updated));
    if (found.size !== documents || !isUpdated || found.get(3n) !== smallDocument) wrong++;
  }
  return wrong;
}
