// A real Prometheus scrapes a real server under load, with the rules of deploy/: every query of the dashboard brings
// data, and a full queue, a damaged document and a dead disk each fire their alert.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { openSync, readSync, writeSync, closeSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, connect } from "../../src/client/index.ts";
import { startServerChild } from "../e2e/server-child.ts";
import type { Bench } from "./bench.ts";

const deploy = join(import.meta.dirname, "..", "..", "deploy");

/** Milliseconds that a query or an alert may take to have what is expected. */
const patienceMs = 60_000;

/** Uses the metrics with Prometheus. */
export async function tryPrometheus(bench: Bench): Promise<void> {
  const found = await Promise.all(["prometheus", "promtool"].map((tool) => bench.run(tool, ["--version"])));
  if (found.some(({ code }) => code !== 0)) return bench.skip("Prometheus", "prometheus and promtool are not here");
  await bench.check("promtool likes the rules and the configuration", () => checkFiles(bench));
  await bench.check("Prometheus answers what the dashboard asks, and alerts", () => scrape(bench));
}

async function checkFiles({ run }: Bench): Promise<string> {
  const checks = [
    ["check", "rules", join(deploy, "alerts.yml")],
    ["check", "config", join(deploy, "prometheus.yml")],
  ];
  for (const args of checks) {
    const { code, stdout, stderr } = await run("promtool", args);
    if (code !== 0) throw new Error(`promtool ${args.join(" ")}:\n${stdout}${stderr}`);
  }
  return "2 files";
}

async function scrape(bench: Bench): Promise<string> {
  const directory = join(bench.directory, "prometheus");
  await mkdir(directory);
  const [metricsPort, port] = [await freePort(), await freePort()];
  const deadDisk = await compileDeadDisk(bench, directory);
  const socket = join(directory, "docdb.sock");
  const flags = ["--metrics-address", `127.0.0.1:${metricsPort}`, "--slots", "1", "--queue-per-database", "8"];
  const server = startServerChild(join(directory, "data"), socket, [...flags, "--cache-mb", "0"], deadDisk.enter);
  const prometheus = await startPrometheus(directory, metricsPort, port);
  try {
    const client = await connect({ socket, waitForServerMs: 20_000 });
    const metrics = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    await checkMetrics(bench, directory, metrics);
    const asked = await underLoad(client, () => askDashboard(port));
    const alerts = ["DocDBQueueFull", "DocDBDocumentCorrupt"];
    await Promise.all([flood(socket), damageDocument(client, join(directory, "data"))]);
    if (deadDisk.sign !== undefined) {
      await writeFile(deadDisk.sign, "");
      await client
        .database("load")
        .collection()
        .create({})
        .catch(() => undefined);
      alerts.push("DocDBCriticalError", "DocDBDatabaseReadOnly");
    }
    await Promise.all(alerts.map((alert) => fires(port, alert)));
    await client.close();
    return `${asked} queries have data; ${alerts.join(", ")} fire`;
  } finally {
    await end(prometheus);
    await server.end("SIGKILL");
  }
}

async function checkMetrics({ run }: Bench, directory: string, metrics: string): Promise<void> {
  const file = join(directory, "metrics.txt");
  await writeFile(file, metrics);
  const { code, stdout, stderr } = await run("sh", ["-c", `promtool check metrics < ${file}`]);
  if (code !== 0) throw new Error(`promtool check metrics:\n${stdout}${stderr}`);
}

interface DeadDisk {
  /** The command that a server is started by. */
  readonly enter: readonly string[];
  /** A file: once it is there, the disk is dead. Undefined without a C compiler. */
  readonly sign: string | undefined;
}

async function compileDeadDisk({ run }: Bench, directory: string): Promise<DeadDisk> {
  const library = join(directory, "dead-disk.so");
  const source = join(import.meta.dirname, "dead-disk.c");
  const { code } = await run("cc", ["-shared", "-fPIC", "-o", library, source, "-ldl"]);
  if (code !== 0) return { enter: [], sign: undefined };
  const sign = join(directory, "disk-is-dead");
  return { enter: ["env", `LD_PRELOAD=${library}`, `DEAD_DISK=${sign}`], sign };
}

/** Starts Prometheus with the rules and the configuration of deploy/, only faster and with another target. */
async function startPrometheus(directory: string, metricsPort: number, port: number): Promise<ChildProcess> {
  const given = await readFile(join(deploy, "prometheus.yml"), "utf8");
  const config = given
    .replaceAll("interval: 5s", "interval: 1s")
    .replace("alerts.yml", join(deploy, "alerts.yml"))
    .replace("docdb:9464", `127.0.0.1:${metricsPort}`);
  const file = join(directory, "prometheus.yml");
  await writeFile(file, config);
  const storage = [`--storage.tsdb.path=${join(directory, "tsdb")}`, "--log.level=error"];
  const args = [`--config.file=${file}`, `--web.listen-address=127.0.0.1:${port}`, ...storage];
  return spawn("prometheus", args, { stdio: "ignore" });
}

/** Does everything that a panel shows, over and over, while `work` runs. */
async function underLoad<T>(client: Client, work: () => Promise<T>): Promise<T> {
  const db = client.database("load");
  await client.databases.create("load");
  const documents = db.collection();
  const isOver = new AbortController();
  const load = async (): Promise<void> => {
    for (let id = 1n; !isOver.signal.aborted; id++) {
      await documents.create({ id: Number(id), text: "x".repeat(2_000) }, { id });
      await documents.update(id, { text: "y".repeat(2_000) });
      await documents.get(id);
      await documents.get(1_000_000n);
      await db.transaction(async (tx) => tx.collection().update(id, { z: 1 }));
      if (id % 20n === 0n) await Promise.all([db.checkpoint(), toTheEnd(documents.scan())]);
      if (id % 40n === 0n) await toTheEnd(db.compact());
      await sleep(5);
    }
  };
  const loading = load();
  try {
    return await Promise.race([work(), loading.then(() => Promise.reject(new Error("the load ended")))]);
  } finally {
    isOver.abort();
    await loading;
  }
}

async function toTheEnd(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets?: readonly { readonly expr: string }[] }[];
}

/** Asks every query of every panel until each has brought series; returns how many there are. */
async function askDashboard(port: number): Promise<number> {
  const text = await readFile(join(deploy, "grafana", "dashboards", "docdb.json"), "utf8");
  const { panels } = JSON.parse(text) as Dashboard;
  const queries = panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })));
  for (const { title, expr } of queries) {
    const query = expr.replaceAll("$__rate_interval", "15s").replaceAll("$database", ".*");
    await until(async () => (await ask(port, query)) > 0, `panel "${title}" stays empty: ${query}`);
  }
  return queries.length;
}

/** How many series a query brings. */
async function ask(port: number, query: string): Promise<number> {
  const { result } = (await api(port, `query?query=${encodeURIComponent(query)}`)) as { result: unknown[] };
  return result.length;
}

async function fires(port: number, name: string): Promise<void> {
  const isFiring = async (): Promise<boolean> => {
    const { alerts } = (await api(port, "alerts")) as { alerts: { labels: Record<string, string>; state: string }[] };
    return alerts.some(({ labels, state }) => labels["alertname"] === name && state === "firing");
  };
  await until(isFiring, `${name} doesn't fire`);
}

async function api(port: number, path: string): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`);
  const { data, error } = (await response.json()) as { data?: unknown; error?: string };
  if (data === undefined) throw new Error(`Prometheus: ${error ?? response.status}`);
  return data;
}

/** Waits for something that may fail at first. */
async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!(await isSo().catch(() => false))) {
    if (performance.now() >= deadline) throw new Error(what);
    await sleep(500);
  }
}

/** Far more reads at once than one slot and a queue of eight take. */
async function flood(socket: string): Promise<void> {
  const client = await connect({ socket, pipeline: false });
  const documents = client.database("load").collection();
  const calls = Array.from({ length: 500 }, () => documents.get(1n).catch(() => undefined));
  await Promise.all(calls);
  await client.close();
}

/** Changes a document in its file, where nothing of it is in memory, and reads it. */
async function damageDocument(client: Client, data: string): Promise<void> {
  await client.databases.create("damaged");
  const documents = client.database("damaged").collection();
  const { id } = await documents.create({ text: "the quick brown fox" });
  await client.databases.close("damaged");
  const file = openSync(join(data, "data", "damaged.data"), "r+");
  const bytes = Buffer.alloc(4_096);
  const at = bytes.subarray(0, readSync(file, bytes, 0, bytes.length, 0)).indexOf("brown");
  writeSync(file, "green", at);
  closeSync(file);
  await documents.get(id).catch(() => undefined);
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as { port: number };
  probe.close();
  return port;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}
