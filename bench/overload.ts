// More than the server can do: 1,000 clients in four processes ask four times what it serves at its best, whatever the
// answers. What it still serves, what it refuses and how, what memory that takes, and how soon a caller beside them
// notices nothing any more.

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, connect, jsonText } from "../src/client/index.ts";
import { document } from "./contender.ts";
import { type Load, LoadProcess, type LoadResult, rateOf } from "./loads.ts";
import { cpuMicrosOf, memoryBytesOf, type ServerProcess, startDocdb } from "./server-processes.ts";
import type { Settings } from "./settings.ts";
import { mebibytes, rounded, table } from "./table.ts";

const processes = 4;
const clients = 1_000;
const documents = 1_000;
const overloadFactor = 4;
const memorySampleMs = 250;
/** What the caller beside them is asked to be: as before, give or take. */
const recoveredFactor = 1.5;
const recoveryLimitSeconds = 30;

type Kind = Pick<Load, "workload" | "pipeline" | "inFlight"> & { readonly peakInFlight: number };

/** Calls that each client has in flight at most, overloaded and at its best. */
const kinds: readonly Kind[] = [
  { workload: "get", pipeline: false, inFlight: 32, peakInFlight: 4 },
  { workload: "create", pipeline: false, inFlight: 32, peakInFlight: 4 },
  { workload: "get", pipeline: true, inFlight: 128, peakInFlight: 64 },
  { workload: "create", pipeline: true, inFlight: 128, peakInFlight: 64 },
];

export async function overload(settings: Settings, directory: string): Promise<string[]> {
  const wanted = kinds.filter(
    (kind) => settings.only.length === 0 || settings.only.some((part) => nameOf(kind).includes(part)),
  );
  const rows: Rows = { load: [], answers: [] };
  for (const kind of wanted) {
    const place = join(directory, nameOf(kind).replaceAll(" ", "-"));
    const server = startDocdb(place, settings.verbose, { flags: ["--max-connections", String(2 * clients)] });
    try {
      await fill(server.socket);
      await measure(kind, server, settings, rows);
    } finally {
      await server.end("SIGTERM");
    }
  }
  const load = ["1,000 clients", "at its best/s", "asked/s", "served/s", "of the best, %", "CPU us a call: best"];
  const answers = ["what they get", "answered/s", "p99 ms", "refused/s", "no RetryInfo", "late/s", "other/s"];
  return [
    table([...load, "overloaded", "of the best by CPU, %"], rows.load),
    table([...answers, "MiB before", "most", "normal after s"], rows.answers),
  ];
}

/** What the server does, and what its clients and the machine notice of it. */
interface Rows {
  readonly load: string[][];
  readonly answers: string[][];
}

async function measure(kind: Kind, server: ServerProcess, { seconds }: Settings, rows: Rows): Promise<void> {
  const { socket } = server;
  const base = { socket, databases: ["busy"], documents, deadlineMs: 10_000, ...kind };
  const admin = await connect({ socket, deadlineMs: 60_000 });
  const probe = await LoadProcess.start({ ...base, connections: 1, inFlight: 16, perSecond: 50 });
  const normal = await probe.run(seconds);
  const before = memoryBytesOf(server.pid);
  const peak = await together(server, admin, { ...base, inFlight: kind.peakInFlight }, seconds);
  const perSecond = (overloadFactor * peak.perSecond) / clients;
  const memory = sampleMemory(server);
  const over = await together(server, admin, { ...base, perSecond, bursts: true }, seconds * 2);
  const most = memory.stop();
  const normalAfter = await recovery(probe, normal);
  await probe.close();
  await admin.close();
  const { QUEUE_FULL = 0, MEMORY_LIMIT = 0, DEADLINE_EXCEEDED = 0, ...others } = over.failed;
  const each = (count: number): string => rounded(count / over.seconds);
  const failures = Object.values(over.failed).reduce((sum, count) => sum + count, 0);
  const sent = over.answered * over.seconds + failures;
  rows.load.push([
    nameOf(kind),
    rounded(peak.perSecond),
    each(sent + over.unsent),
    rounded(over.perSecond),
    rounded((100 * over.perSecond) / peak.perSecond),
    rounded(peak.cpuMicros),
    rounded(over.cpuMicros),
    rounded((100 * peak.cpuMicros) / over.cpuMicros),
  ]);
  rows.answers.push([
    nameOf(kind),
    rounded(over.answered),
    rounded(over.p99),
    each(QUEUE_FULL + MEMORY_LIMIT),
    rounded(over.withoutRetryInfo),
    each(DEADLINE_EXCEEDED),
    Object.keys(others).length === 0 ? "0" : JSON.stringify(others),
    mebibytes(before),
    mebibytes(most),
    normalAfter,
  ]);
}

interface Together extends Pick<LoadResult, "failed" | "unsent" | "withoutRetryInfo" | "seconds"> {
  /** Commands that the server executed a second, by its own count. */
  readonly perSecond: number;
  /** CPU time of the server for each of them, in microseconds: what it refuses is paid for in this. */
  readonly cpuMicros: number;
  /** Calls whose answers came while the load was on, by the clients' count. */
  readonly answered: number;
  /** The worst of the processes. */
  readonly p99: number;
}

/** Puts a load on from all processes, with the clients shared among them. */
async function together(
  { pid }: ServerProcess,
  admin: Client,
  load: Omit<Load, "connections">,
  seconds: number,
): Promise<Together> {
  const connections = clients / processes;
  const all = await Promise.all(
    Array.from({ length: processes }, () => LoadProcess.start({ ...load, connections, yielding: true })),
  );
  const executed = executedIn(admin, pid, seconds);
  const results = await Promise.all(all.map((each) => each.run(seconds)));
  await Promise.all(all.map((each) => each.close()));
  const failed: Record<string, number> = {};
  for (const result of results) {
    for (const [code, count] of Object.entries(result.failed)) failed[code] = (failed[code] ?? 0) + count;
  }
  const sum = (of: (result: LoadResult) => number): number => results.reduce((total, result) => total + of(result), 0);
  return {
    ...(await executed),
    answered: sum(rateOf),
    failed,
    unsent: sum(({ unsent }) => unsent),
    withoutRetryInfo: sum(({ withoutRetryInfo }) => withoutRetryInfo),
    p99: Math.max(...results.map(({ p99 }) => p99)),
    seconds,
  };
}

/** Commands that the server executes from now on for so long, and what each takes. */
async function executedIn(
  client: Client,
  pid: number,
  seconds: number,
): Promise<Pick<Together, "perSecond" | "cpuMicros">> {
  const [before, startMs, startMicros] = [await client.stats(), performance.now(), cpuMicrosOf(pid)];
  await sleep(seconds * 1000);
  const after = await client.stats();
  const executed = after.scheduler.executed - before.scheduler.executed;
  const perSecond = (executed * 1000) / (performance.now() - startMs);
  return { perSecond, cpuMicros: (cpuMicrosOf(pid) - startMicros) / executed };
}

/** Seconds after which the caller beside the others has the latencies that it had alone. */
async function recovery(probe: LoadProcess, normal: LoadResult): Promise<string> {
  const startMs = performance.now();
  for (;;) {
    const { p50, p99 } = await probe.run(1);
    const seconds = (performance.now() - startMs) / 1000;
    if (p50 <= recoveredFactor * normal.p50 && p99 <= recoveredFactor * normal.p99) return rounded(seconds);
    if (seconds > recoveryLimitSeconds) return `p99 ${rounded(p99, 1)} ms, not ${rounded(normal.p99, 1)}`;
  }
}

function sampleMemory({ pid }: ServerProcess): { stop(): number } {
  let most = 0;
  const timer = setInterval(() => {
    most = Math.max(most, memoryBytesOf(pid));
  }, memorySampleMs);
  return {
    stop() {
      clearInterval(timer);
      return most;
    },
  };
}

function nameOf({ workload, pipeline }: Kind): string {
  return `${workload} ${pipeline ? "pipelines" : "unary"}`;
}

async function fill(socket: string): Promise<void> {
  const client = await connect({ socket, waitForServerMs: 60_000, deadlineMs: 120_000 });
  const db = await client.databases.create("busy").then(() => client.database("busy"));
  const batch = db.batch();
  for (let id = 1; id <= documents; id++) batch.create(db.collection(), jsonText(document), { id });
  await batch.commit();
  await client.close();
  await sleep(200);
}
