// What telemetry costs: the same server with nothing counted, with metrics, and with metrics and one call in a hundred
// recorded and sent to a collector (one in this process, which throws away what it gets). They take turns in each
// round, and ratios are taken within a round, so that what disturbs the machine for a while disturbs neither alone.

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { document } from "./contender.ts";
import { ClientProcess, type Job, type Workload } from "./jobs.ts";
import { cpuMicrosOf, startDocdb } from "./server-processes.ts";
import type { Settings } from "./settings.ts";
import { medianOf, rounded, spread, table } from "./table.ts";

interface Measurement {
  readonly name: string;
  readonly title: string;
  readonly workload: Workload;
  readonly inFlight: number;
  readonly unary?: true;
}

const measurements: readonly Measurement[] = [
  { name: "get-64", title: "get, 64 in flight", workload: "get", inFlight: 64 },
  { name: "get-unary", title: "get, unary, 64 in flight", workload: "get", inFlight: 64, unary: true },
  { name: "create-64", title: "durable create, 64 in flight", workload: "create", inFlight: 64 },
  { name: "mixed", title: "mixed, 64 in flight", workload: "mixed", inFlight: 64 },
];

const variants = ["off", "metrics", "metrics, 1 % of traces"] as const;

/** Measures what is wanted; returns its table. */
export async function telemetry(settings: Settings, directory: string): Promise<string[]> {
  const wanted = measurements.filter(({ name }) => settings.only.length === 0 || settings.only.includes(name));
  const collector = createServer((request, response) => request.resume().on("end", () => response.end())).listen(0);
  await once(collector, "listening");
  const endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
  const sampled = { OTEL_TRACES_SAMPLER: "parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.01" };
  const { verbose, documents } = settings;
  const servers = {
    off: startDocdb(join(directory, "off"), verbose, { flags: ["--metrics", "false"] }),
    metrics: startDocdb(join(directory, "metrics"), verbose),
    "metrics, 1 % of traces": startDocdb(join(directory, "traces"), verbose, {
      variables: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, ...sampled },
    }),
  };
  const clients = new Map<string, ClientProcess>();
  for (const variant of variants) {
    for (const name of ["docdb", "docdb-unary"] as const) {
      const client = await ClientProcess.start(name, servers[variant].socket);
      await client.load(documents, document, name === "docdb-unary");
      clients.set(`${variant} ${name}`, client);
    }
  }
  const [rates, costs]: string[][][] = [[], []];
  for (const measurement of wanted) {
    const contender = measurement.unary === true ? "docdb-unary" : "docdb";
    const subjects = variants.map((variant): Subject => {
      return { client: clients.get(`${variant} ${contender}`) as ClientProcess, pid: servers[variant].pid };
    });
    const found = await inTurns(measurement, settings, subjects);
    rates?.push([measurement.title, ...rowOf(found, ({ perSecond }) => perSecond, 0)]);
    costs?.push([measurement.title, ...rowOf(found, ({ cpuMicros }) => cpuMicros, 2)]);
  }
  for (const client of clients.values()) await client.close();
  for (const server of Object.values(servers)) await server.end("SIGTERM");
  collector.closeAllConnections();
  collector.close();
  const ratios = ["metrics to off", "with traces to off"];
  return [
    table(["operations/s: median (min..max)", ...variants, ...ratios], rates ?? []),
    table(["CPU us of the server an operation", ...variants, ...ratios], costs ?? []),
  ];
}

/** A server, and the client that talks to it. */
interface Subject {
  readonly client: ClientProcess;
  readonly pid: number;
}

interface Found {
  readonly perSecond: number;
  readonly cpuMicros: number;
}

/** What was found of each variant, by rounds. */
async function inTurns(
  { workload, inFlight }: Measurement,
  { seconds, rounds }: Settings,
  subjects: readonly Subject[],
): Promise<Found[][]> {
  const found: Found[][] = subjects.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < subjects.length; i++) {
      const place = (i + round) % subjects.length;
      const { client, pid } = subjects[place] as Subject;
      const warmUpSeconds = round === 0 ? seconds : seconds / 4;
      const job: Job = { workload, inFlight, seconds, warmUpSeconds };
      const beforeMicros = cpuMicrosOf(pid);
      const { perSecond } = await client.measure(job);
      const cpuMicros = (cpuMicrosOf(pid) - beforeMicros) / (perSecond * (seconds + warmUpSeconds));
      found[place]?.push({ perSecond, cpuMicros });
      if (workload !== "get") await client.clear();
    }
  }
  return found;
}

/** The variants' figures, and the ratios of the later ones to the first. */
function rowOf(found: readonly Found[][], of: (one: Found) => number, digits: number): string[] {
  const figures = found.map((rounds) => rounds.map(of));
  const [off = [], ...others] = figures;
  const ratios = others.map((rounds) => medianOf(rounds.map((figure, round) => figure / (off[round] ?? 0))));
  return [...figures.map((rounds) => spread(rounds, digits)), ...ratios.map((ratio) => rounded(ratio, 3))];
}
