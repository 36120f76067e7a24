// What telemetry costs: the same server with nothing counted, with metrics, and with metrics and one call in a hundred
// recorded and sent to a collector (one in this process, which throws away what it gets). They take turns in each
// round, and ratios are taken within a round, so that what disturbs the machine for a while disturbs neither alone.

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { document } from "./contender.ts";
import { ClientProcess, type Job, type Workload } from "./jobs.ts";
import { startDocdb } from "./server-processes.ts";
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
type Variant = (typeof variants)[number];

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
  const rows: string[][] = [];
  for (const measurement of wanted) {
    const contender = measurement.unary === true ? "docdb-unary" : "docdb";
    const found = await inTurns(measurement, settings, (variant) => clients.get(`${variant} ${contender}`));
    const ratio = (variant: Variant): string =>
      rounded(medianOf(found[variant].map((rate, round) => rate / (found.off[round] ?? 0))), 3);
    rows.push([
      measurement.title,
      ...variants.map((variant) => spread(found[variant])),
      ...variants.slice(1).map(ratio),
    ]);
  }
  for (const client of clients.values()) await client.close();
  for (const server of Object.values(servers)) await server.end("SIGTERM");
  collector.closeAllConnections();
  collector.close();
  const head = ["operations/s: median (min..max)", ...variants, "metrics to off", "with traces to off"];
  return [table(head, rows)];
}

async function inTurns(
  { workload, inFlight }: Measurement,
  { seconds, rounds }: Settings,
  clientOf: (variant: Variant) => ClientProcess | undefined,
): Promise<Record<Variant, number[]>> {
  const found: Record<Variant, number[]> = { off: [], metrics: [], "metrics, 1 % of traces": [] };
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < variants.length; i++) {
      const variant = variants[(i + round) % variants.length] as Variant;
      const client = clientOf(variant);
      const job: Job = { workload, inFlight, seconds, warmUpSeconds: round === 0 ? seconds : seconds / 4 };
      const measured = await client?.measure(job);
      if (measured !== undefined) found[variant].push(measured.perSecond);
      if (workload !== "get") await client?.clear();
    }
  }
  return found;
}
