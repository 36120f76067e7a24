// How much one database feels of another: a quiet one that is asked once in 10 ms while clients flood its neighbour,
// and a hundred databases that all are asked as much as they answer. What the quiet one feels of a flood of another
// server is what the machine is to blame for.

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
  const other = startDocdb(join(directory, "other"), settings.verbose);
  try {
    const names = Array.from({ length: equalDatabases }, (_, i) => `d${i}`);
    await fill(server.socket, ["quiet", "flooded", ...names]);
    await fill(other.socket, ["flooded"]);
    const tables: string[] = [];
    const base = { socket: server.socket, documents, deadlineMs: 30_000 };
    tables.push(await quietTable(base, other.socket, settings));
    tables.push(await equalTable(base, names, settings));
    return tables;
  } finally {
    await Promise.all([server.end("SIGTERM"), other.end("SIGTERM")]);
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

/** A kind of call, and who is asked. */
interface Flooding extends Base {
  readonly pipeline: boolean;
  readonly workload: "get" | "create";
  /** The socket of the other server. */
  readonly other: string;
}

/** What the quiet database's callers measured, and those of the flood beside them. */
interface Beside {
  readonly quiet: LoadResult;
  readonly flood: LoadResult;
}

interface Rounds {
  readonly alone: LoadResult[];
  /** Beside a flood of the other server. */
  readonly apart: Beside[];
  /** Beside a flood of a database of its own server. */
  readonly together: Beside[];
}

async function quietTable(base: Base, other: string, settings: Settings): Promise<string> {
  const rows: string[][] = [];
  for (const pipeline of [false, true]) {
    for (const workload of ["get", "create"] as const) {
      const name = `${workload}, ${pipeline ? "pipelines" : "unary"}`;
      rows.push([name, ...quietRow(await measureQuiet({ ...base, pipeline, workload, other }, settings))]);
    }
  }
  const alone = ["quiet database, ms", "alone p50", "p99", "other server flooded: p99 ratio"];
  return table([...alone, "flooded p50", "p99", "p99 ratio", "flood calls/s", "p50 ms"], rows);
}

/** The quiet database's calls alone, beside a flood elsewhere, and beside one of its server, in turns. */
async function measureQuiet({ other, ...base }: Flooding, { seconds, rounds }: Settings): Promise<Rounds> {
  const asked = { ...base, databases: ["quiet"], connections: 1, inFlight: 64, perSecond: 100 };
  const flooding = { ...base, databases: ["flooded"], connections: floodClients, inFlight: 1, yielding: true };
  const quiet = await LoadProcess.start(asked);
  const flood = await LoadProcess.start(flooding);
  const elsewhere = await LoadProcess.start({ ...flooding, socket: other });
  const beside = async (load: LoadProcess): Promise<Beside> => {
    const [of, flooded] = await Promise.all([quiet.run(seconds), load.run(seconds + 0.2)]);
    return { quiet: of, flood: flooded };
  };
  const results: Rounds = { alone: [], apart: [], together: [] };
  for (let round = 0; round < rounds; round++) {
    results.alone.push(await quiet.run(seconds));
    results.apart.push(await beside(elsewhere));
    results.together.push(await beside(flood));
  }
  await Promise.all([quiet.close(), flood.close(), elsewhere.close()]);
  return results;
}

function quietRow({ alone, apart, together }: Rounds): string[] {
  const median = (results: LoadResult[], key: "p50" | "p99", digits: number): string =>
    rounded(medianOf(results.map((result) => result[key])), digits);
  const ratio = (results: Beside[]): string =>
    rounded(medianOf(results.map(({ quiet }, i) => quiet.p99 / (alone[i]?.p99 ?? 0))), 1);
  const quiet = together.map((each) => each.quiet);
  const floods = together.map(({ flood }) => flood);
  return [
    median(alone, "p50", 2),
    median(alone, "p99", 2),
    ratio(apart),
    median(quiet, "p50", 2),
    median(quiet, "p99", 2),
    ratio(together),
    rounded(medianOf(floods.map(rateOf))),
    median(floods, "p50", 1),
  ];
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
