// The measurements of throughput: contenders take turns in each round, so that whatever the machine does besides hits
// all of them, and what is reported is the median of the rounds with its spread.

import { join } from "node:path";
import { type ContenderName, document } from "./contender.ts";
import { ClientProcess, type Job, type Measured, type Workload } from "./jobs.ts";
import { type ServerProcess, startDocdb, startEcho, startRedis } from "./server-processes.ts";
import type { Settings } from "./settings.ts";
import { medianOf, rounded, spread, table } from "./table.ts";

interface Measurement {
  readonly name: string;
  readonly title: string;
  readonly workload: Workload;
  readonly inFlight: number;
  readonly contenders: readonly ContenderName[];
  /** Documents that one operation is about. */
  readonly documents: number;
}

const levels = [1, 64, 256];
const durable: readonly ContenderName[] = ["docdb", "docdb-unary", "redis"];

function measurements({ documents }: Settings): readonly Measurement[] {
  const of = (workload: Workload, title: string, contenders: readonly ContenderName[]): readonly Measurement[] =>
    levels.map((inFlight) => ({
      name: `${workload}-${inFlight}`,
      title: `${title}, ${inFlight} in flight`,
      workload,
      inFlight,
      contenders,
      documents: 1,
    }));
  return [
    ...of("get", "get", ["docdb", "docdb-unary", "redis", "echo-stream", "echo"]),
    ...of("create", "durable create", durable),
    {
      name: "batch",
      title: "durable batch of 100, 16 at a time (documents/s)",
      workload: "batch",
      inFlight: 16,
      contenders: ["docdb", "redis"],
      documents: 100,
    },
    {
      name: "mixed",
      title: "mixed 40 % get, 30 % create, 20 % update, 10 % delete, 64 in flight",
      workload: "mixed",
      inFlight: 64,
      contenders: durable,
      documents: 1,
    },
    {
      name: "scan",
      title: "scan of all (documents/s)",
      workload: "scan",
      inFlight: 1,
      contenders: ["docdb", "redis"],
      documents,
    },
  ];
}

/** Whether a measurement of this name is wanted. */
export function isWanted(name: string, { only }: Settings): boolean {
  return only.length === 0 || only.some((part) => name.includes(part));
}

const titles: Readonly<Record<ContenderName, string>> = {
  docdb: "DocDB",
  "docdb-unary": "DocDB, unary",
  redis: "Redis",
  "echo-stream": "grpc-js echo, stream",
  echo: "grpc-js echo, unary",
};

/** Runs what is wanted; returns its tables, or nothing when there is none. */
export async function figures(settings: Settings, directory: string, withRedis: boolean): Promise<string[]> {
  const wanted = measurements(settings).filter(({ name }) => isWanted(name, settings));
  if (wanted.length === 0) return [];
  const servers: Partial<Record<"docdb" | "redis" | "echo", ServerProcess>> = {
    docdb: startDocdb(join(directory, "docdb"), settings.verbose),
    echo: startEcho(join(directory, "echo"), settings.verbose),
  };
  if (withRedis) servers.redis = startRedis(join(directory, "redis"), settings.verbose);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const clients = new Map<ContenderName, ClientProcess>();
  for (const name of Object.keys(titles) as ContenderName[]) {
    const server = servers[name.split("-")[0] as keyof typeof servers];
    if (server === undefined || !wanted.some(({ contenders }) => contenders.includes(name))) continue;
    const client = await ClientProcess.start(name, server.socket);
    const already = name === "docdb-unary" && clients.has("docdb");
    await client.load(settings.documents, document, already);
    clients.set(name, client);
  }
  const results: { readonly measurement: Measurement; readonly found: Found }[] = [];
  for (const measurement of wanted) {
    if (settings.verbose || process.stderr.isTTY) process.stderr.write(`${measurement.title}\n`);
    results.push({ measurement, found: await inTurns(measurement, clients, settings) });
  }
  for (const client of clients.values()) await client.close();
  for (const server of Object.values(servers)) await server.end("SIGTERM");
  return [throughput(results), ...latencies(results)];
}

type Found = ReadonlyMap<ContenderName, readonly Measured[]>;

async function inTurns(
  { workload, inFlight, contenders }: Measurement,
  clients: ReadonlyMap<ContenderName, ClientProcess>,
  { seconds, rounds }: Settings,
): Promise<Found> {
  const present = contenders.flatMap((name) => clients.get(name) ?? []);
  const found = new Map<ContenderName, Measured[]>(present.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < present.length; i++) {
      const client = present[(i + round) % present.length] as ClientProcess;
      const warmUpSeconds = round === 0 ? seconds : seconds / 4;
      const job: Job = { workload, inFlight, seconds, warmUpSeconds };
      found.get(client.name)?.push(await client.measure(job));
      if (workload !== "get" && workload !== "scan") await client.clear();
    }
  }
  return found;
}

function throughput(results: readonly { readonly measurement: Measurement; readonly found: Found }[]): string {
  const names = (Object.keys(titles) as ContenderName[]).filter((name) => results.some(({ found }) => found.has(name)));
  const head = ["operations/s: median (min..max)", ...names.map((name) => titles[name]), "to unary", "to Redis"];
  const rows = results.map(({ measurement: { title, documents }, found }) => {
    const rate = (name: ContenderName): readonly number[] | undefined =>
      found.get(name)?.map(({ perSecond }) => perSecond * documents);
    const ratio = (peer: ContenderName): string | undefined => {
      const [own, theirs] = [rate("docdb"), rate(peer)];
      return own === undefined || theirs === undefined ? undefined : rounded(medianOf(own) / medianOf(theirs), 2);
    };
    const cells = names.map((name) => {
      const rates = rate(name);
      return rates === undefined ? undefined : spread(rates);
    });
    return [title, ...cells, ratio("docdb-unary"), ratio("redis")];
  });
  return table(head, rows);
}

/** For the mixed workload and for calls made alone. */
function latencies(results: readonly { readonly measurement: Measurement; readonly found: Found }[]): string[] {
  const interesting = results.filter(({ measurement: { name } }) => name === "mixed" || name.endsWith("-1"));
  if (interesting.length === 0) return [];
  const rows = interesting.flatMap(({ measurement, found }) =>
    [...found].map(([name, measured]) => [
      `${measurement.name}: ${titles[name]}`,
      ...(["p50", "p95", "p99"] as const).map((percentile) =>
        spread(
          measured.map((each) => each[percentile]),
          2,
        ),
      ),
    ]),
  );
  return [table(["milliseconds: median (min..max)", "p50", "p95", "p99"], rows)];
}
