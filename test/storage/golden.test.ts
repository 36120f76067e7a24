// The formats on disk, byte for byte: the files under test/golden were written once, and every later version must write
// the same and read them. A change here is a new format version (docs/formats says how), never a new golden file alone.
// DOCDB_WRITE_GOLDEN=1 writes files that don't exist yet.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import test, { type ExecutionContext } from "ava";
import { hash64 } from "../../src/base/hash.ts";
import { Catalog } from "../../src/engine/catalog.ts";
import { SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import { Turn } from "../../src/platform/turn.ts";
import { ChunkedWriter } from "../../src/storage/chunked-file.ts";
import { dataBytesOf, encodeCheckpointGroup, encodeDataRecords, encodeWalGroup } from "../../src/storage/commit.ts";
import {
  dataHeaderBytes,
  dataRecordHeaderBytes,
  decodeDataHeader,
  encodeDataHeader,
} from "../../src/storage/data-format.ts";
import { type DamagedRecord, scanDataFile } from "../../src/storage/data-scan.ts";
import { DocumentIndex } from "../../src/storage/document-index.ts";
import { encodeEnd, loadSnapshot, writeShards } from "../../src/storage/index-snapshot.ts";
import {
  checkpointOf,
  decodeSegmentHeader,
  encodeSegmentHeader,
  segmentHeaderBytes,
} from "../../src/storage/wal-format.ts";
import { readSegment, type WalGroup } from "../../src/storage/wal-reader.ts";
import { sampleCommits } from "./sample-commits.ts";

const directory = new URL("../golden/", import.meta.url);
const salt = 0x5a17_0001;
const databaseId = 3;
const dataHeader = { databaseId, generation: 1, salt };
const mark = { version: 9, extents: [{ generation: 1, bytes: 247 }], closing: true };

/** Compares with the golden file, and returns its bytes. */
function golden(t: ExecutionContext, name: string, written: Uint8Array): Buffer {
  const file = new URL(name, directory);
  if (process.env["DOCDB_WRITE_GOLDEN"] === "1" && !existsSync(file)) {
    mkdirSync(directory, { recursive: true });
    writeFileSync(file, written);
  }
  const bytes = readFileSync(file);
  t.is(Buffer.from(written).toString("hex"), bytes.toString("hex"), `${name} is written otherwise`);
  return bytes;
}

/** The index of the sample, with each record where the data file of the sample has it. */
function sampleIndex(): DocumentIndex {
  const index = new DocumentIndex();
  let offset = dataHeaderBytes;
  for (const { version, mutations } of sampleCommits) {
    for (const mutation of mutations) {
      const length = dataBytesOf(mutation);
      index.apply(mutation, version, { offset, length, parity: 1 });
      offset += length;
    }
  }
  return index;
}

test("a WAL segment", async (t) => {
  const header = {
    databaseId,
    segment: 2,
    firstVersion: 8,
    baseVersion: 7,
    durableBytes: segmentHeaderBytes,
    salt,
    lossy: false,
  };
  const place = { databaseId, salt, baseVersion: 7, durableOffset: segmentHeaderBytes };
  const group = encodeWalGroup(sampleCommits, place);
  const behind = { ...place, baseVersion: 9, durableOffset: segmentHeaderBytes + group.length };
  const written = Buffer.concat([encodeSegmentHeader(header), group, encodeCheckpointGroup(mark, behind)]);
  const bytes = golden(t, "segment.wal", written);
  const decoded = decodeSegmentHeader(bytes);
  t.deepEqual(decoded, header);
  const groups: WalGroup[] = [];
  const end = await readSegment(bytes, header, (found) => groups.push(found) > 0);
  t.is(end.kind, "clean");
  t.deepEqual(groups[0]?.commits, sampleCommits);
  const [record] = groups[1]?.marks ?? [];
  t.deepEqual(record === undefined ? undefined : checkpointOf(record), mark);
});

test("a data file", async (t) => {
  const written = Buffer.concat([encodeDataHeader(dataHeader), encodeDataRecords(sampleCommits, salt)]);
  const bytes = golden(t, "documents.data", written);
  t.deepEqual(decodeDataHeader(bytes), dataHeader);
  const machine = new SimulatedMachine(1);
  machine.writeFile("/x", bytes);
  const { fs, clock } = machine.platform();
  const index = new DocumentIndex();
  const scan = async (): Promise<DamagedRecord[]> =>
    await scanDataFile(index, await fs.open("/x", "read"), dataHeader, bytes.length, new Turn(clock));
  t.deepEqual(await machine.run(scan()), []);
  t.is(index.collectionNamed("users")?.table.live, 1);
  t.is(index.collection(0)?.table.tombstones, 1);
  const { low, high } = hash64(Buffer.from("sample"));
  t.is(index.requests.get(low, high)?.version, 9);
});

test("an index snapshot", async (t) => {
  const machine = new SimulatedMachine(1);
  const { fs, clock } = machine.platform();
  const position = { databaseId, replayFrom: 9, extents: mark.extents };
  const write = async (): Promise<void> => {
    const writer = new ChunkedWriter(await fs.open("/written", "create"), 0);
    const index = sampleIndex();
    await writeShards(writer, index, databaseId, salt, new Turn(clock));
    await writer.write(encodeEnd(index, position, salt));
    await writer.flush();
  };
  await machine.run(write());
  machine.writeFile("/read", golden(t, "snapshot.index", machine.readFile("/written")));
  const loaded = await machine.run(loadSnapshot(fs, "/read", databaseId, new Turn(clock)));
  if (typeof loaded === "string") return t.fail(loaded);
  t.deepEqual(loaded.position, position);
  t.deepEqual(loaded.index.collectionNamed("users")?.table.get(0xffff_ffff, 0xffff_ffff), {
    version: 8,
    offset: dataHeaderBytes + dataRecordHeaderBytes + 5,
    length: dataRecordHeaderBytes + 14,
    parity: 1,
    deleted: false,
    createTimeMs: 1_700_000_000_000,
  });
  const { low, high } = hash64(Buffer.from("sample"));
  t.is(loaded.index.requests.get(low, high)?.length, dataRecordHeaderBytes + 36);
  return undefined;
});

test("a catalog", async (t) => {
  const machine = new SimulatedMachine(1);
  const { fs } = machine.platform();
  const write = async (): Promise<void> => {
    const catalog = await Catalog.load(fs, "");
    await catalog.setState(await catalog.add("Users", 1_700_000_000_000), "ready");
    await catalog.remove(await catalog.add("gone", 1_700_000_000_001));
    await catalog.add("new-one", 1_700_000_000_002);
  };
  await machine.run(write());
  machine.writeFile("/read/.catalog", golden(t, "catalog", machine.readFile("/.catalog")));
  const read = await machine.run(Catalog.load(fs, "/read"));
  t.deepEqual(read.entries, [
    { id: 3, name: "new-one", createTimeMs: 1_700_000_000_002, state: "creating" },
    { id: 1, name: "Users", createTimeMs: 1_700_000_000_000, state: "ready" },
  ]);
  t.is((await machine.run(read.add("next", 1))).id, 4);
});
