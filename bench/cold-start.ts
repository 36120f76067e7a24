// How soon a killed server answers again, and how much memory it then has, with many small documents.

import { join } from "node:path";
import { type Contender, type ContenderName, smallDocument } from "./contender.ts";
import { contender } from "./contenders.ts";
import { memoryBytesOf, type ServerProcess, startDocdb, startRedis } from "./server-processes.ts";
import type { Settings } from "./settings.ts";
import { mebibytes, rounded, spread, table } from "./table.ts";

const kills = 3;

type Start = (directory: string, verbose: boolean) => ServerProcess;

export async function coldStart(settings: Settings, directory: string, withRedis: boolean): Promise<string> {
  const subjects: [ContenderName, string, Start][] = [["docdb", "DocDB", startDocdb]];
  if (withRedis) subjects.push(["redis", "Redis", startRedis]);
  const rows: string[][] = [];
  for (const [name, title, start] of subjects) {
    const { startMs, memory } = await killAndStart(name, start, join(directory, `cold-${name}`), settings);
    rows.push([title, spread(startMs), `${mebibytes(memory)} MiB`]);
  }
  const what = `kill -9 with ${rounded(settings.manyDocuments)} documents of 200 B`;
  return table([what, "ms to the first get", "memory after it (Pss)"], rows);
}

async function killAndStart(
  name: ContenderName,
  start: Start,
  directory: string,
  { manyDocuments, verbose }: Settings,
): Promise<{ startMs: number[]; memory: number }> {
  let server = start(directory, verbose);
  let client = await connected(name, server);
  await client.load(manyDocuments, smallDocument);
  const startMs: number[] = [];
  let memory = 0;
  for (let kill = 0; kill < kills; kill++) {
    await server.end("SIGKILL");
    // A client of the server that is gone has nothing to close in good order.
    await client.close().catch(() => undefined);
    const began = performance.now();
    server = start(directory, verbose);
    client = await connected(name, server, manyDocuments);
    startMs.push(performance.now() - began);
    memory = memoryBytesOf(server.pid);
  }
  await client.close();
  await server.end("SIGTERM");
  return { startMs, memory };
}

/** A client of a server that is just starting, once it has read document `id`, if one is named. */
async function connected(name: ContenderName, { socket }: ServerProcess, id?: number): Promise<Contender> {
  const client = await contender(name, socket);
  for (;;) {
    try {
      if (id !== undefined) await client.get(id);
      return client;
    } catch (error) {
      // Redis says LOADING until it has read everything.
      if (!/LOADING|ECONN|ENOENT/.test(String(error))) throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}
