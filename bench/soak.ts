// The mixed workload for minutes: whether the files stay within their settings, how late the event loop was, and how
// long the server takes to answer again when it is killed, right after a checkpoint and with a WAL to replay.

import { join } from "node:path";
import { type Client, connect, type DatabaseStats, type Document, jsonText } from "../src/client/index.ts";
import { document } from "./contender.ts";
import { type LoopDelay, memoryBytesOf, type ServerProcess, startDocdb } from "./server-processes.ts";
import type { Settings } from "./settings.ts";
import { mebibytes, rounded, table } from "./table.ts";

const workers = 64;
const samples = 20;
const database = "soak";

type Opened = NonNullable<DatabaseStats["opened"]>;

interface Sample {
  readonly minutes: number;
  readonly perSecond: number;
  readonly opened: Opened;
  readonly memory: number;
  readonly loop: LoopDelay;
}

export async function soak(settings: Settings, directory: string): Promise<string[]> {
  const place = join(directory, "docdb");
  let server = startDocdb(place, settings.verbose);
  const client = await connect({ socket: server.socket, waitForServerMs: 60_000 });
  await client.databases.create(database);
  const { rows, model } = await work(client, server, settings);
  const kills: string[][] = [];
  for (const when of ["as it is", "right after a checkpoint"]) {
    if (when !== "as it is") await client.database(database).checkpoint();
    const { wal } = await openedStats(client);
    await server.end("SIGKILL");
    const began = performance.now();
    server = startDocdb(place, settings.verbose);
    await firstGet(client, model);
    kills.push([when, mebibytes(wal.replayBytes), mebibytes(wal.bytes), rounded(performance.now() - began)]);
  }
  const lost = await check(client, model);
  await client.close();
  await server.end("SIGTERM");
  const head = ["minutes", "ops/s", "documents", "data MiB", "dead MiB", "WAL MiB", "since checkpoint", "memory MiB"];
  return [
    table([...head, "loop p99 ms", "p99.9", "max"], rows.map(rowOf)),
    table(["killed with kill -9", "WAL to replay, MiB", "WAL in all, MiB", "ms to the first get"], kills),
    `${rounded(model.size)} documents compared with the acknowledged: ${lost === 0 ? "all there" : `${lost} WRONG`}.`,
  ];
}

/** What was acknowledged last of each document: the text's number. */
type Model = Map<bigint, number>;

async function work(
  client: Client,
  server: ServerProcess,
  { minutes, documents }: Settings,
): Promise<{ rows: Sample[]; model: Model }> {
  const collection = client.database(database).collection();
  const model: Model = new Map();
  // Ids that no call is about at the moment, so that each worker knows what it will find.
  const free: bigint[] = [];
  let [operations, step] = [0, 0];
  const startMs = performance.now();
  const endMs = startMs + minutes * 60_000;

  const one = async (): Promise<void> => {
    // Past the wanted number of documents, creations become deletions until it is reached again.
    const full = model.size >= documents;
    const chance = Math.random();
    const text = ++step;
    if (free.length < workers || (chance < 0.3 && !full)) {
      const { id } = await collection.create(jsonText(textOf(text)));
      model.set(id, text);
      free.push(id);
      return;
    }
    const id = takeAny(free);
    if (chance < 0.5 && chance >= 0.3) {
      await collection.update(id, jsonText(textOf(text)));
      model.set(id, text);
    } else if (chance < 0.6) {
      await collection.delete(id);
      model.delete(id);
      return;
    } else {
      checkDocument(await collection.getOrThrow(id), model.get(id));
    }
    free.push(id);
  };
  const worker = async (): Promise<void> => {
    for (; performance.now() < endMs; operations++) await one();
  };

  const rows: Sample[] = [];
  const sampler = async (): Promise<void> => {
    const everyMs = (minutes * 60_000) / samples;
    let before = 0;
    for (let sample = 1; sample <= samples; sample++) {
      await new Promise((resolve) => setTimeout(resolve, startMs + sample * everyMs - performance.now()));
      const perSecond = (operations - before) / (everyMs / 1000);
      before = operations;
      const [opened, loop] = [await openedStats(client), await server.loopDelay()];
      rows.push({ minutes: (sample * everyMs) / 60_000, perSecond, opened, memory: memoryBytesOf(server.pid), loop });
      process.stderr.write(`${rowOf(rows.at(-1) as Sample).join("  ")}\n`);
    }
  };
  await Promise.all([...Array.from({ length: workers }, worker), sampler()]);
  return { rows, model };
}

function takeAny(free: bigint[]): bigint {
  const i = Math.floor(Math.random() * free.length);
  const [id, last] = [free[i] as bigint, free.pop() as bigint];
  if (i < free.length) free[i] = last;
  return id;
}

function textOf(step: number): string {
  return `{"step":${step},"document":${document}}`;
}

function checkDocument({ id, json }: Document<unknown>, step: number | undefined): void {
  if (step === undefined || json !== textOf(step)) throw new Error(`document ${id} has not what was acknowledged`);
}

async function openedStats(client: Client): Promise<Opened> {
  const { databases } = await client.stats({ database });
  const opened = databases[0]?.opened;
  if (opened === undefined) throw new Error("the database isn't open");
  return opened;
}

/** Waits until a server that was just started reads a document. */
async function firstGet(client: Client, model: Model): Promise<void> {
  const [id] = model.keys();
  for (;;) {
    try {
      await client
        .database(database)
        .collection()
        .get(id ?? 1n);
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}

/** Documents that are not as they were acknowledged. */
async function check(client: Client, model: Model): Promise<number> {
  let [wrong, seen] = [0, 0];
  for await (const { id, json } of client.database(database).collection().scan()) {
    const step = model.get(id);
    if (step === undefined || json !== textOf(step)) wrong++;
    else seen++;
  }
  return wrong + model.size - seen;
}

function rowOf({ minutes, perSecond, opened, memory, loop }: Sample): string[] {
  const { documents, dataFile, wal } = opened;
  return [
    rounded(minutes, 1),
    rounded(perSecond),
    rounded(documents),
    ...[dataFile.bytes, dataFile.deadBytes, wal.bytes, wal.replayBytes, memory].map(mebibytes),
    ...[loop.p99, loop.p999, loop.max].map((ms) => rounded(ms, 1)),
  ];
}
