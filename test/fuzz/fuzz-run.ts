// One run of the fuzzer: a server of its own with files of its own, a number of hostile clients, and at the end the
// questions that matter. Does it live, serve, and verify? Is a database that nobody named as it was, byte for byte,
// also after a restart? Has it logged a defect? Has its memory stayed in bounds?

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, connect, DocDBError } from "../../src/client/index.ts";
import { Prng } from "../../src/platform/sim/prng.ts";
import { type ServerChild, startServerChild } from "../e2e/server-child.ts";
import { FuzzClient, type Tally } from "./fuzz-client.ts";
import { Delays } from "./patience.ts";

/** Hostile clients at the same time. */
const clients = 12;
/** How long a server may take to start or to recover: the machine may have more important things to do. */
const startMs = 180_000;
/** Documents of the database that nobody names. */
const besideDocuments = 300;
const mebibyte = 1024 * 1024;

export interface FuzzRun {
  readonly seed: number;
  /** Things that each client does. */
  readonly steps: number;
  /** Clients begin nothing new after this time. */
  readonly milliseconds?: number;
}

/** Returns how many answers there were by status; throws what is wrong, with the server's log. */
export async function runFuzz({ seed, steps, milliseconds = Number.POSITIVE_INFINITY }: FuzzRun): Promise<Tally> {
  const directory = await mkdtemp(join(tmpdir(), "docdb-fuzz-"));
  const [data, socket] = [join(directory, "data"), join(directory, "s.sock")];
  const random = new Prng(seed, 1_000);
  const memoryMb = random.pick([128, 256, 1_024]);
  const flags = [...flagsOf(random), "--memory-mb", String(memoryMb)];
  let server = startServerChild(data, socket, flags);
  try {
    const before = await withClient(socket, prepare);
    const delays = new Delays(server.processId);
    const until = performance.now() + milliseconds;
    const tally = await attack(socket, seed, steps, until, delays).finally(() => delays.close());
    await withClient(socket, (client) => examine(client, before, memoryMb));
    await stopped(server);
    server = startServerChild(data, socket, flags);
    await withClient(socket, (client) => examine(client, before, memoryMb));
    await stopped(server);
    return tally;
  } catch (error) {
    const told = await server.end("SIGKILL").then(() => server.log().split("\n").slice(-30).join("\n"), String);
    throw new Error(`seed ${seed}, with ${flags.join(" ")}: ${String(error)}\nThe end of the server's log:\n${told}`, {
      cause: error,
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Small files, so that segments change and checkpoints and compactions come while clients are at it. */
function flagsOf(random: Prng): string[] {
  const flags = ["--wal-max-file-size-mb", "1", "--checkpoint-interval-mb", String(1 + random.below(4))];
  flags.push("--compaction-min-size-mb", "1", "--compaction-dead-ratio", random.pick(["0.1", "0.3", "0.9"]));
  flags.push("--cache-mb", random.pick(["0", "1", "64"]), "--scrub-interval-ms", random.pick(["0", "1000"]));
  if (random.chance(0.2)) flags.push("--queue-per-database", "4");
  if (random.chance(0.2)) flags.push("--slots", "1");
  return flags;
}

async function withClient<T>(socket: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = await connect({ socket, waitForServerMs: startMs });
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

/** Fills the database that nobody names, and returns what is in it. */
async function prepare(client: Client): Promise<string> {
  await client.databases.create("beside");
  const documents = client.database("beside").collection();
  const ids = Array.from({ length: besideDocuments }, (_, i) => BigInt(i + 1));
  await Promise.all(ids.map((id) => documents.create({ text: `${id} ${"x".repeat(200)}` }, { id })));
  for (const name of ["fuzz1", "fuzz2", "fuzz3"]) {
    await client.databases.create(name);
    for (const collection of ["a", "b", "C"]) await client.database(name).collections.create(collection);
  }
  return await contentsOf(client);
}

/** Every document of that database with its version and times. */
async function contentsOf(client: Client): Promise<string> {
  const lines: string[] = [];
  for await (const { id, version, json, createTime, updateTime } of client.database("beside").collection().list()) {
    lines.push([id, version, createTime.toISOString(), updateTime.toISOString(), json].join(" "));
  }
  return lines.join("\n");
}

async function attack(socket: string, seed: number, steps: number, until: number, delays: Delays): Promise<Tally> {
  const tally: Tally = {};
  let failed = false;
  const work = async (_: unknown, number: number): Promise<void> => {
    const client = new FuzzClient(socket, seed, number + 1, tally, delays);
    try {
      for (let step = 0; step < steps && !failed && performance.now() < until; step++) await client.step();
    } catch (error) {
      failed = true;
      throw error;
    } finally {
      client.close();
    }
  };
  const outcomes = await Promise.allSettled(Array.from({ length: clients }, work));
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  return tally;
}

/** What the process may hold, as docs/configuration.md says. */
function mostResidentMb(memoryMb: number): number {
  return 1.25 * memoryMb + 160;
}

async function examine(client: Client, before: string, memoryMb: number): Promise<void> {
  if ((await contentsOf(client)) !== before) throw new Error("a database that nobody named was changed");
  // What isn't found was deleted meanwhile: its client gave up while the deletion was under way.
  for await (const { name } of client.databases.list()) await examineDatabase(client, name).catch(onlyNotFound);
  const { server } = await client.stats();
  const residentMb = server.residentBytes / mebibyte;
  if (residentMb > mostResidentMb(memoryMb))
    throw new Error(`the server holds ${Math.round(residentMb)} MiB, and may hold ${mostResidentMb(memoryMb)}`);
}

async function examineDatabase(client: Client, name: string): Promise<void> {
  const { state, stateReason } = await client.databases.open(name);
  if (state !== "open") throw new Error(`database ${name} is ${state}: ${stateReason}`);
  for await (const { findings } of client.database(name).verify()) {
    for (const finding of findings) {
      if (finding.severity !== "info")
        throw new Error(`${name}: ${finding.file}, ${finding.offset}: ${finding.message}`);
    }
  }
  await client.database(name).collection().get(1n).catch(onlyNotFound);
}

function onlyNotFound(error: unknown): undefined {
  if (error instanceof DocDBError && error.status === "NOT_FOUND") return undefined;
  throw error;
}

/** Stops the server as an operator does. It must have logged no defect. */
async function stopped(server: ServerChild): Promise<void> {
  await server.end("SIGTERM");
  const defects = server
    .log()
    .split("\n")
    .filter((line) => line.includes('"level":"error"'));
  if (defects.length > 0) throw new Error(`the server logged\n${defects.slice(0, 10).join("\n")}`);
}
