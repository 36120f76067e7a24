// Bytes that no sound program wrote, for everything that decodes files: sound ones with any part changed, cut off or
// put elsewhere, and also with checksums that fit the change, as a defect of ours would write them. A decoder says no,
// or returns something; it never throws, never runs without end, and never makes room by a length that nothing vouches
// for.

import { DocDBError } from "../../src/base/errors.ts";
import { checksum } from "../../src/base/checksum.ts";
import { Catalog } from "../../src/engine/catalog.ts";
import { Prng } from "../../src/platform/sim/prng.ts";
import { SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import { Turn } from "../../src/platform/turn.ts";
import { ChunkedWriter } from "../../src/storage/chunked-file.ts";
import { encodeCheckpointGroup, encodeDataRecords, encodeWalGroup, mutationOf } from "../../src/storage/commit.ts";
import {
  dataRecordHeaderBytes,
  decodeDataHeader,
  decodeDataRecord,
  decodeDataRecordHeader,
  encodeDataHeader,
} from "../../src/storage/data-format.ts";
import { DocumentIndex } from "../../src/storage/document-index.ts";
import { encodeEnd, loadSnapshot, writeShards } from "../../src/storage/index-snapshot.ts";
import {
  checkpointOf,
  decodeRecord,
  decodeSegmentHeader,
  encodeSegmentHeader,
  groupOf,
  groupRecordBytes,
} from "../../src/storage/wal-format.ts";
import { readGroup } from "../../src/storage/wal-reader.ts";
import { del, put, sampleCommits } from "./sample-commits.ts";

const salt = 0xfeed_beef;
const databaseId = 3;
const place = { databaseId, salt, baseVersion: 7, durableOffset: 64 };
const segment = {
  databaseId,
  segment: 2,
  firstVersion: 8,
  baseVersion: 7,
  durableBytes: 64,
  salt,
  lossy: false,
};

/** Where a checksum stands that covers [start, end) with this seed. */
interface Seal {
  readonly at: number;
  readonly start: number;
  readonly end: number;
  readonly seed?: number;
}

interface Decoder {
  readonly name: string;
  readonly sound: Buffer;
  /** The checksums of bytes like these, in the order in which they must be made to fit. */
  readonly seals: (bytes: Buffer) => readonly Seal[];
  /** Returns what was decoded; undefined or a reason when the bytes were refused. */
  readonly decode: (bytes: Buffer) => unknown;
}

/** Seals of records in a row: the length of each at its start decides where the next one begins. */
function walSeals(bytes: Buffer): Seal[] {
  const seals: Seal[] = [];
  for (let at = 0; at + 46 <= bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    if (length < 46 || at + length > bytes.length) break;
    seals.push({ at: at + length - 4, start: at, end: at + length - 4, seed: salt });
    at += length;
  }
  return seals;
}

function decodeWal(bytes: Buffer): unknown {
  const record = decodeRecord(bytes, 0, place);
  const group = readGroup(bytes, 0, segment);
  for (const mark of group?.marks ?? []) checkpointOf(mark);
  return record === undefined ? undefined : { record, of: groupOf(record), mutation: mutationOf(record), group };
}

const oneRecord = encodeDataRecords([{ version: 8, mutations: [put(5n, '{"a":1}')] }], salt);

const decoders: readonly Decoder[] = [
  {
    name: "WAL segment header",
    sound: encodeSegmentHeader(segment),
    seals: () => [{ at: 60, start: 0, end: 60 }],
    decode: decodeSegmentHeader,
  },
  { name: "WAL group", sound: encodeWalGroup(sampleCommits, place), seals: walSeals, decode: decodeWal },
  {
    name: "checkpoint group",
    sound: encodeCheckpointGroup({ version: 7, extents: [{ generation: 2, bytes: 900 }], closing: true }, place),
    seals: walSeals,
    decode: decodeWal,
  },
  {
    name: "WAL mutation",
    sound: encodeWalGroup(sampleCommits, place).subarray(groupRecordBytes),
    seals: walSeals,
    decode: decodeWal,
  },
  {
    name: "data file header",
    sound: encodeDataHeader({ databaseId, generation: 2, salt }),
    seals: () => [{ at: 32, start: 0, end: 32 }],
    decode: decodeDataHeader,
  },
  {
    name: "data record",
    sound: oneRecord,
    seals: () => [
      { at: 48, start: dataRecordHeaderBytes, end: oneRecord.length, seed: salt },
      { at: 0, start: 4, end: dataRecordHeaderBytes, seed: salt },
    ],
    decode: (bytes) => decodeDataRecord(bytes, 0, salt) ?? (decodeDataRecordHeader(bytes, 0, salt), undefined),
  },
];

/** Bytes at the start of every format that a checksum covers. */
const sealedBytes = 32;

/** Mutated inputs for each of the decoders above in a round. */
const inputsEach = 20;

/** A round: some inputs for every decoder. Returns how many; throws when one of them did what it must not. */
export async function runDecoders(seed: number): Promise<number> {
  const random = new Prng(seed, 600);
  for (const decoder of decoders) for (let i = 0; i < inputsEach; i++) attack(decoder, random);
  await attackFile(await snapshotFile, random);
  await attackFile(await catalogFile, random);
  return decoders.length * inputsEach + 2;
}

function attack({ name, sound, seals, decode }: Decoder, random: Prng): void {
  const bytes = mutate(sound, random);
  const fits = random.below(2) === 0;
  if (fits) reseal(bytes, seals(bytes));
  let decoded: unknown;
  try {
    decoded = decode(bytes);
  } catch (error) {
    throw failure(name, bytes, "the decoder threw", error);
  }
  if (fits || decoded === undefined || typeof decoded === "string") return;
  // Without a fitting checksum it must be a sound one that was decoded, perhaps moved here from another place.
  if (!sound.includes(bytes.subarray(0, sealedBytes))) throw failure(name, bytes, "a damaged header was accepted");
}

/** A file format that is read from a disk. */
interface FileFormat {
  readonly name: string;
  readonly path: string;
  readonly machine: SimulatedMachine;
  readonly sound: Buffer;
  readonly seals: Decoder["seals"];
  readonly load: (machine: SimulatedMachine) => Promise<unknown>;
}

async function attackFile({ name, path, machine, sound, seals, load }: FileFormat, random: Prng): Promise<void> {
  const bytes = mutate(sound, random);
  if (random.below(3) > 0) reseal(bytes, seals(bytes));
  machine.writeFile(path, bytes);
  try {
    await machine.run(load(machine));
  } catch (error) {
    if (error instanceof DocDBError && error.code === "DATABASE_CORRUPT") return;
    throw failure(name, bytes, "loading threw", error);
  }
  for (const line of machine.trace) {
    const length = Number(/read .*@\d+\+(\d+)/.exec(line)?.[1] ?? 0);
    if (length > sound.length + mostAppended) throw failure(name, bytes, `it read ${length} bytes`);
  }
}

const snapshotFile: Promise<FileFormat> = makeSnapshot();
const catalogFile: Promise<FileFormat> = makeCatalog();

async function makeSnapshot(): Promise<FileFormat> {
  const path = "/x.index";
  const machine = new SimulatedMachine(1, { traceLines: 20 });
  const index = new DocumentIndex();
  for (const { version, mutations } of sampleCommits) {
    for (const mutation of mutations) index.apply(mutation, version, { offset: 36, length: 60, parity: 1 });
  }
  for (let id = 1n; id <= 9n; id++) {
    const mutation = id % 3n === 0n ? del(id * 256n) : put(id * 256n, "x");
    index.apply(mutation, 10 + Number(id), { offset: 100, length: 60, parity: 0 });
  }
  const { fs, clock } = machine.platform();
  const write = async (): Promise<void> => {
    const file = await fs.open(path, "create");
    const writer = new ChunkedWriter(file, 0);
    await writeShards(writer, index, databaseId, salt, new Turn(clock));
    await writer.write(
      encodeEnd(index, { databaseId, replayFrom: 9, extents: [{ generation: 1, bytes: 4242 }] }, salt),
    );
    await writer.flush();
    await file.close();
  };
  await machine.run(write());
  const load = async (): Promise<unknown> => {
    const loaded = await loadSnapshot(fs, path, databaseId, new Turn(clock));
    // What was accepted can also be asked: no probe may run without end.
    if (typeof loaded === "string") return loaded;
    for (const { table } of loaded.index.collections) for (let id = 0; id < 512; id++) table.get(id, 0);
    return loaded;
  };
  return { name: "index snapshot", path, machine, sound: machine.readFile(path), seals: snapshotSeals, load };
}

function snapshotSeals(bytes: Buffer): Seal[] {
  const seals: Seal[] = [{ at: 24, start: 0, end: 24 }];
  for (let at = 28; at + 20 <= bytes.length; ) {
    const end = at + 16 + bytes.readUInt32LE(at + 12);
    if (end + 4 > bytes.length) break;
    seals.push({ at: end, start: at, end, seed: salt });
    at = end + 4;
  }
  return seals;
}

async function makeCatalog(): Promise<FileFormat> {
  const path = "/db/.catalog";
  const machine = new SimulatedMachine(1, { traceLines: 20 });
  const { fs } = machine.platform();
  const make = async (): Promise<void> => {
    await fs.mkdir("/db");
    const catalog = await Catalog.load(fs, "/db");
    for (const name of ["a", "orders", "users"]) await catalog.add(name, 1_700_000_000_000);
  };
  await machine.run(make());
  const seals = (bytes: Buffer): Seal[] => [{ at: bytes.length - 4, start: 0, end: bytes.length - 4 }];
  const load = async (): Promise<unknown> => (await Catalog.load(fs, "/db")).entries;
  return { name: "catalog", path, machine, sound: machine.readFile(path), seals, load };
}

/** Bytes by which a mutated file is longer than the sound one, at most: the trace has the reads of the last few. */
const mostAppended = 3 * 64;

/** A copy with some of it changed. */
function mutate(sound: Buffer, random: Prng): Buffer {
  let bytes = Buffer.from(sound);
  for (let changes = 1 + random.below(3); changes > 0; changes--) {
    if (bytes.length < 4) break;
    const at = random.below(bytes.length);
    switch (random.below(6)) {
      case 0:
        bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
        break;
      case 1:
        bytes[at] = random.below(256);
        break;
      case 2:
        // Where a length or a count may stand: the numbers that break careless code.
        bytes.writeUInt32LE(
          random.pick([0, 1, 0x7fff_ffff, 0xffff_ffff, bytes.length] as const),
          at & ~3 & (bytes.length - 4),
        );
        break;
      case 3:
        bytes = bytes.subarray(0, at);
        break;
      case 4:
        bytes.copyWithin(at, random.below(bytes.length), random.below(bytes.length) + 8);
        break;
      default:
        bytes = Buffer.concat([bytes, Buffer.alloc(random.below(64), random.below(256))]);
    }
  }
  return bytes;
}

function reseal(bytes: Buffer, seals: readonly Seal[]): void {
  for (const { at, start, end, seed } of seals) {
    if (at < 0 || at + 4 > bytes.length || end > bytes.length) continue;
    bytes.writeUInt32LE(checksum(bytes.subarray(start, end), seed), at);
  }
}

function failure(name: string, bytes: Buffer, what: string, cause?: unknown): Error {
  return new Error(`${name}: ${what}: ${cause instanceof Error ? cause.message : ""}\n${bytes.toString("hex")}`, {
    cause,
  });
}
