// How much one database feels of another: a quiet one that is asked once in 10 ms while clients flood its neighbour,
// and a hundred databases that all are asked as much as they answer.

import { join } from "node:path";
import { connect, jsonText } from "../src/client/index.ts";
import { document } from "./contender.ts";
import { type Load, LoadProcess, type LoadResult, rateOf } from "./loads.ts";
import { startDocdb } from "./server-processes.ts";
import type { Settings } from "./settings.ts";
import { medianOf, rounded, table } from "./table.ts";

const documents = 1_000;
const floodClients = 256;
const equalDatabases = 100;
/** Databases write their first files and code is compiled meanwhile, in the order in which they were asked first. */
const warmUpSeconds = 2;

export async function fairness(settings: Settings, directory: string): Promise<string[]> {
  const server = startDocdb(join(directory, "docdb"), settings.verbose);
  try {
    const names = Array.from({ length: equalDatabases }, (_, i) => `d${i}`);
    await fill(server.socket, ["quiet", "flooded", ...names]);
    const tables: string[] = [];
    const base = { socket: server.socket, documents, deadlineMs: 30_000 };
    tables.push(await quietTable(base, settings));
    tables.push(await equalTable(base, names, settings));
    return tables;
  } finally {
    await server.end("SIGTERM");
  }
}

async function fill(socket: string, databases: readonly string[]): Promise<void> {
  const client = await connect({ socket, waitForServerMs: 60_000, deadlineMs: 120_000 });
  for (const name of databases) {
    await client.databases.create(name);
    const db = client.database(name);
    const batch = db.batch();
    for (let id = 1; id <= documents; id++) batch.create(db.collection(), jsonText(document), { id });
    await batch.commit();
  }
  await client.close();
}

type Base = Pick<Load, "socket" | "documents" | "deadlineMs">;

/** The quiet database's calls alone and beside a flood, in turns. */
async function quietTable(base: Base, { seconds, rounds }: Settings): Promise<string> {
  const rows: string[][] = [];
  for (const pipeline of [false, true]) {
    for (const workload of ["get", "create"] as const) {
      const asked = { ...base, databases: ["quiet"], connections: 1, inFlight: 64, perSecond: 100, pipeline, workload };
      const flooding: Load = {
        ...base,
        databases: ["flooded"],
        connections: floodClients,
        inFlight: 1,
        pipeline,
        workload,
        yielding: true,
      };
      const quiet = await LoadProcess.start(asked);
      const flood = await LoadProcess.start(flooding);
      const [alone, beside, floods]: [LoadResult[], LoadResult[], LoadResult[]] = [[], [], []];
      for (let round = 0; round < rounds; round++) {
        alone.push(await quiet.run(seconds));
        const [under, of] = await Promise.all([quiet.run(seconds), flood.run(seconds + 0.2)]);
        beside.push(under);
        floods.push(of);
      }
      await Promise.all([quiet.close(), flood.close()]);
      const p99 = (results: LoadResult[]): number => medianOf(results.map((result) => result.p99));
      const p50 = (results: LoadResult[]): number => medianOf(results.map((result) => result.p50));
      rows.push([
        `${workload}, ${pipeline ? "pipelines" : "unary"}`,
        rounded(p50(alone), 2),
        rounded(p99(alone), 2),
        rounded(p50(beside), 2),
        rounded(p99(beside), 2),
        rounded(medianOf(alone.map(({ p99: each }, i) => (beside[i]?.p99 ?? 0) / each)), 1),
        rounded(medianOf(floods.map(rateOf))),
        rounded(medianOf(floods.map(({ p50: each }) => each)), 1),
      ]);
    }
  }
  const head = ["quiet database, ms", "alone p50", "p99", "flooded p50", "p99", "p99 ratio", "flood calls/s", "p50 ms"];
  return table(head, rows);
}

/** All databases under the same load: how the slowest does beside the mean. */
async function equalTable(base: Base, databases: readonly string[], { seconds }: Settings): Promise<string> {
  const rows: string[][] = [];
  for (const pipeline of [false, true]) {
    for (const workload of ["get", "create"] as const) {
      const connections = databases.length;
      const load: Load = { ...base, databases, connections, inFlight: pipeline ? 16 : 4, pipeline, workload };
      const all = await LoadProcess.start(load);
      await all.run(warmUpSeconds);
      const { succeeded, ...rest } = await all.run(Math.max(5, seconds));
      await all.close();
      const counts = Object.values(succeeded);
      const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
      rows.push([
        `${workload}, ${pipeline ? "pipelines" : "unary"}`,
        rounded(rateOf({ succeeded, ...rest })),
        rounded(mean / rest.seconds),
        rounded((100 * Math.min(...counts)) / mean),
        rounded((100 * Math.max(...counts)) / mean),
      ]);
    }
  }
  return table([`${databases.length} databases`, "calls/s", "mean of one", "slowest, %", "fastest, %"], rows);
}
