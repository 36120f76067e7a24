// A process that puts load on a server: see loads.ts.

import { setTimeout as sleep } from "node:timers/promises";
import { DocDBError } from "../src/base/errors.ts";
import { document } from "./contender.ts";
import type { Load, LoadAnswer, LoadRequest, LoadResult } from "./loads.ts";
import { type RawClient, rawClient } from "./raw-client.ts";

/**
 * How often a connection that asks at a rate looks what is due, in milliseconds. What is due then is asked together: a
 * thousand clients that each send one call at a time would measure what a message costs.
 */
const tickMs = 200;
/** A connection whose call was refused without a word about when to come again waits so long. */
const pauseMs = 10;

interface Connection {
  readonly client: RawClient;
  readonly database: string;
  inFlight: number;
}

class Measurement {
  readonly #latencies: number[] = [];
  readonly #failed: Record<string, number> = {};
  readonly #succeeded: Record<string, number> = {};
  #withoutRetryInfo = 0;
  unsent = 0;

  constructor(databases: readonly string[]) {
    for (const database of databases) this.#succeeded[database] = 0;
  }

  succeeded(database: string, tookMs: number): void {
    this.#latencies.push(tookMs);
    this.#succeeded[database] = (this.#succeeded[database] ?? 0) + 1;
  }

  /** Returns the milliseconds that the caller is to wait. */
  failed(error: unknown): number {
    if (!(error instanceof DocDBError)) throw error;
    this.#failed[error.code] = (this.#failed[error.code] ?? 0) + 1;
    if (error.status === "RESOURCE_EXHAUSTED" && error.retryAfterMs === undefined) this.#withoutRetryInfo++;
    return error.retryAfterMs ?? pauseMs;
  }

  result(seconds: number): LoadResult {
    const sorted = Float64Array.from(this.#latencies).sort();
    const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0;
    const [p50, p99, p999] = [at(0.5), at(0.99), at(0.999)];
    const [failed, succeeded, withoutRetryInfo] = [this.#failed, this.#succeeded, this.#withoutRetryInfo];
    return { succeeded, seconds, failed, withoutRetryInfo, unsent: this.unsent, p50, p99, p999 };
  }
}

let started: Load | undefined;
let connections: Connection[] = [];

async function start(wanted: Load): Promise<void> {
  started = wanted;
  const { socket, databases, pipeline } = wanted;
  connections = Array.from({ length: wanted.connections }, (_, i) => {
    const database = databases[i % databases.length] as string;
    return { client: rawClient({ socket, database, pipeline }), database, inFlight: 0 };
  });
  // A few at a time: the server's backlog of connections that aren't accepted yet is bounded.
  for (let first = 0; first < connections.length; first += 32) {
    await Promise.all(connections.slice(first, first + 32).map(({ client }) => client.get(1, 60_000)));
  }
}

async function run({ databases, perSecond, ...load }: Load, seconds: number): Promise<LoadResult> {
  const measurement = new Measurement(databases);
  const endMs = performance.now() + seconds * 1000;
  const one = async (connection: Connection): Promise<void> => {
    connection.inFlight++;
    const beganMs = performance.now();
    try {
      await operation(load.workload, connection.client, load.documents, load.deadlineMs);
      const nowMs = performance.now();
      if (nowMs <= endMs) measurement.succeeded(connection.database, nowMs - beganMs);
    } catch (error) {
      const waitMs = measurement.failed(error);
      if (perSecond === undefined) await sleep(waitMs);
    } finally {
      connection.inFlight--;
    }
  };
  const asking = async (connection: Connection): Promise<void> => {
    while (performance.now() < endMs) await one(connection);
  };
  const atRate = async (connection: Connection, rate: number): Promise<void> => {
    let due = Math.random();
    let beforeMs = performance.now();
    const calls = new Set<Promise<void>>();
    while (performance.now() < endMs) {
      await sleep(load.bursts === true ? tickMs : Math.max(1, 1000 / rate));
      const nowMs = performance.now();
      due += ((nowMs - beforeMs) * rate) / 1000;
      beforeMs = nowMs;
      for (; due >= 1; due--) {
        if (connection.inFlight >= load.inFlight) {
          measurement.unsent++;
          continue;
        }
        const call = one(connection);
        calls.add(call);
        void call.finally(() => calls.delete(call));
      }
    }
    await Promise.all(calls);
  };
  await Promise.all(
    connections.flatMap((connection) =>
      perSecond === undefined
        ? Array.from({ length: load.inFlight }, () => asking(connection))
        : [atRate(connection, perSecond)],
    ),
  );
  return measurement.result(seconds);
}

function operation(
  workload: Load["workload"],
  client: RawClient,
  documents: number,
  deadlineMs: number,
): Promise<unknown> {
  const id = 1 + Math.floor(Math.random() * documents);
  if (workload === "get") return client.get(id, deadlineMs);
  if (workload === "create") return client.create(document, deadlineMs);
  return client.patch(id, `{"step":${Math.floor(Math.random() * 1e9)}}`, deadlineMs);
}

async function answer(request: LoadRequest): Promise<LoadAnswer> {
  try {
    if (request.kind === "start") {
      await start(request.load);
      return { ready: true };
    }
    if (started === undefined) throw new Error("it hasn't started");
    return { result: await run(started, request.seconds) };
  } catch (error) {
    return { failed: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

process.on("message", (request: LoadRequest) => {
  void answer(request).then((answered) => process.connected && process.send?.(answered));
});
process.on("SIGTERM", () => process.exit(0));
