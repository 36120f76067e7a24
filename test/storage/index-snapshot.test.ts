import test from "ava";
import { SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import { Turn } from "../../src/platform/turn.ts";
import { ChunkedWriter } from "../../src/storage/chunked-file.ts";
import { DocumentIndex } from "../../src/storage/document-index.ts";
import { encodeEnd, loadSnapshot, type LoadedSnapshot, writeShards } from "../../src/storage/index-snapshot.ts";
import { sampleCommits, del, put } from "./sample-commits.ts";

const path = "/x.index";
const position = { databaseId: 5, replayFrom: 9, extents: [{ generation: 1, bytes: 4242 }] };

function sampleIndex(): DocumentIndex {
  const index = new DocumentIndex();
  let offset = 36;
  const commits = [{ version: 1, mutations: [put(1n, "x"), put(2n ** 53n + 1n, "y"), del(3n)] }, ...sampleCommits];
  for (const { version, mutations } of commits) {
    for (const mutation of mutations)
      index.apply(mutation, version, { offset: (offset += 100), length: 60, parity: 1 });
  }
  return index;
}

async function writeSnapshot(machine: SimulatedMachine, index: DocumentIndex): Promise<void> {
  const { fs, clock } = machine.platform();
  const work = async (): Promise<void> => {
    const file = await fs.open(path, "create");
    const writer = new ChunkedWriter(file, 0);
    await writeShards(writer, index, position.databaseId, 99, new Turn(clock));
    await writer.write(encodeEnd(index, position, 99));
    await writer.flush();
    await file.close();
  };
  await machine.run(work());
}

function load(machine: SimulatedMachine, databaseId = position.databaseId): Promise<LoadedSnapshot | string> {
  const { fs, clock } = machine.platform();
  return machine.run(loadSnapshot(fs, path, databaseId, new Turn(clock)));
}

/** Everything that an index knows, as plain data. */
function contentOf(index: DocumentIndex): unknown {
  return {
    next: index.nextCollectionId,
    collections: [...index.collections].map(({ id, name, createTimeMs, nextId, table }) => {
      const entries: unknown[] = [];
      for (const shard of table.shards) shard.forEach((low, high, entry) => entries.push([low, high, entry]));
      return { id, name, createTimeMs, nextId, entries };
    }),
  };
}

test("an index survives a round trip, collections, tombstones and next ids included", async (t) => {
  const machine = new SimulatedMachine(1);
  const index = sampleIndex();
  await writeSnapshot(machine, index);
  const loaded = await load(machine);
  if (typeof loaded === "string") return t.fail(loaded);
  t.deepEqual(loaded.position, position);
  t.deepEqual(contentOf(loaded.index), contentOf(index));
  t.is(loaded.index.collection(0)?.table.tombstones, 2);
  return undefined;
});

test("an empty index survives a round trip", async (t) => {
  const machine = new SimulatedMachine(1);
  await writeSnapshot(machine, new DocumentIndex());
  const loaded = await load(machine);
  t.deepEqual(typeof loaded === "string" ? loaded : contentOf(loaded.index), contentOf(new DocumentIndex()));
});

test("a snapshot with any damaged byte, cut short or with something behind it is refused, never misread", async (t) => {
  const machine = new SimulatedMachine(1);
  await writeSnapshot(machine, sampleIndex());
  const sound = machine.readFile(path);
  t.log(`${sound.length} bytes`);
  for (let at = 0; at < sound.length; at++) {
    const bytes = Buffer.from(sound);
    bytes[at] = (bytes[at] as number) ^ (1 << (at % 8));
    machine.writeFile(path, bytes);
    t.is(typeof (await load(machine)), "string", `byte ${at}`);
  }
  for (let length = 0; length < sound.length; length += 3) {
    machine.writeFile(path, sound.subarray(0, length));
    t.is(typeof (await load(machine)), "string", `${length} bytes`);
  }
  machine.writeFile(path, Buffer.concat([sound, Buffer.alloc(1)]));
  t.is(await load(machine), "something follows its end block");
});

test("a missing snapshot and one of another database are told apart", async (t) => {
  const machine = new SimulatedMachine(1);
  t.is(await load(machine), "there is none");
  await writeSnapshot(machine, sampleIndex());
  t.is(await load(machine, 6), "it belongs to another database");
});
