// The index on disk, so that a start needs no scan of the data file. docs/formats/index.md has the tables.
//
//   file  := header block* end-block
//   header := magic[8] format u32, salt u32, database u64, crc u32
//   block := kind u32, collection u32, shard u32, length u32, bytes, crc u32
//
// Shards are written one by one while commits go on, so a snapshot is fuzzy: it holds every commit up to `replayFrom`
// and some of those up to the moment of the end block. Replaying the WAL from `replayFrom` makes it exact, because a
// replayed change that an entry already has is passed over. All entries point into `extents`, which are durable before
// the snapshot gets its name. Losing a snapshot loses time only.

import { checksum } from "../base/checksum.ts";
import { sabotaged } from "../base/sabotage.ts";
import { readU64, writeU64 } from "../base/u64.ts";
import { isErrno } from "../platform/file-io.ts";
import type { File, FileSystem } from "../platform/platform.ts";
import type { Turn } from "../platform/turn.ts";
import { ChunkedReader, type ChunkedWriter } from "./chunked-file.ts";
import { Collection, defaultCollectionId, DocumentIndex } from "./document-index.ts";
import { IndexTable, shardCount } from "./index-table.ts";
import { RequestTable } from "./request-table.ts";
import { type DataExtent, extentBytes, readExtent, writeExtent } from "./data-extent.ts";

export const indexFormatVersion = 1;
const magic = Buffer.from("DOCDBIDX", "latin1");
const headerBytes = 28;
const blockHeaderBytes = 16;
const blockKind = { shard: 1, end: 2, requests: 3 } as const;
const endFixedBytes = 20;
const collectionFixedBytes = 21;

/** How a snapshot relates to the other files. */
export interface SnapshotPosition {
  readonly databaseId: number;
  /** Replay starts behind this version. */
  readonly replayFrom: number;
  /** The data files that the entries point into, and below which offset. */
  readonly extents: readonly DataExtent[];
}

/** Writes the header and every shard; pauses between shards so that nobody waits long. */
export async function writeShards(
  writer: ChunkedWriter,
  index: DocumentIndex,
  databaseId: number,
  salt: number,
  turn: Turn,
): Promise<void> {
  const header = Buffer.alloc(headerBytes);
  magic.copy(header, 0);
  header.writeUInt32LE(indexFormatVersion, 8);
  header.writeUInt32LE(salt, 12);
  writeU64(header, databaseId, 16);
  header.writeUInt32LE(checksum(header.subarray(0, headerBytes - 4)), headerBytes - 4);
  await writer.write(header);
  const writeTable = async (kind: number, number: number, table: IndexTable): Promise<void> => {
    for (let shard = 0; shard < shardCount; shard++) {
      const slots = table.shards[shard]?.dump();
      if (slots === undefined || slots.length === 0) continue;
      await writer.write(encodeBlock(kind, number, shard, slots, salt));
      await turn.pause();
    }
    await turn.pause();
  };
  for (const collection of index.collections) await writeTable(blockKind.shard, collection.id, collection.table);
  if (sabotaged("snapshot-without-requests")) return;
  for (const [age, table] of index.requests.tables.entries()) await writeTable(blockKind.requests, age, table);
}

/** The block that closes a snapshot: its position and the collections, all as of one moment. */
export function encodeEnd(index: DocumentIndex, position: SnapshotPosition, salt: number): Buffer {
  const collections = [...index.collections];
  const names = collections.map((collection) => Buffer.from(collection.name, "utf8"));
  const { extents, replayFrom } = position;
  const fixed = endFixedBytes + extentBytes * extents.length + collectionFixedBytes * collections.length;
  const bytes = Buffer.alloc(names.reduce((total, name) => total + name.length, fixed));
  writeU64(bytes, replayFrom, 0);
  bytes.writeUInt32LE(index.nextCollectionId, 8);
  bytes.writeUInt32LE(collections.length, 12);
  bytes.writeUInt32LE(extents.length, 16);
  extents.forEach((extent, i) => writeExtent(bytes, endFixedBytes + i * extentBytes, extent));
  let offset = endFixedBytes + extents.length * extentBytes;
  collections.forEach((collection, i) => {
    const name = names[i] as Buffer;
    bytes.writeUInt32LE(collection.id, offset);
    writeU64(bytes, collection.createTimeMs, offset + 4);
    writeU64(bytes, collection.nextId, offset + 12);
    bytes[offset + 20] = name.length;
    name.copy(bytes, offset + collectionFixedBytes);
    offset += collectionFixedBytes + name.length;
  });
  return encodeBlock(blockKind.end, 0, 0, bytes, salt);
}

function encodeBlock(kind: number, collection: number, shard: number, content: Uint8Array, salt: number): Buffer {
  const bytes = Buffer.allocUnsafe(blockHeaderBytes + content.length + 4);
  bytes.writeUInt32LE(kind, 0);
  bytes.writeUInt32LE(collection, 4);
  bytes.writeUInt32LE(shard, 8);
  bytes.writeUInt32LE(content.length, 12);
  bytes.set(content, blockHeaderBytes);
  const end = blockHeaderBytes + content.length;
  bytes.writeUInt32LE(checksum(bytes.subarray(0, end), salt), end);
  return bytes;
}

export interface LoadedSnapshot {
  readonly position: SnapshotPosition;
  readonly index: DocumentIndex;
}

/** Loads a snapshot, or says why there is none to use: missing, damaged, of another database or an unknown format. */
export async function loadSnapshot(
  fs: FileSystem,
  path: string,
  databaseId: number,
  turn: Turn,
): Promise<LoadedSnapshot | string> {
  let file: File;
  try {
    file = await fs.open(path, "read");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return "there is none";
    throw error;
  }
  try {
    return await readSnapshot(new ChunkedReader(file, 0, await file.size()), databaseId, turn);
  } finally {
    await file.close();
  }
}

async function readSnapshot(reader: ChunkedReader, databaseId: number, turn: Turn): Promise<LoadedSnapshot | string> {
  const header = await reader.take(headerBytes);
  if (header === undefined || !header.subarray(0, 8).equals(magic)) return "it does not start as an index snapshot";
  if (header.readUInt32LE(headerBytes - 4) !== checksum(header.subarray(0, headerBytes - 4)))
    return "its header is damaged";
  if (header.readUInt32LE(8) !== indexFormatVersion) return `its format ${header.readUInt32LE(8)} is unknown`;
  if (readU64(header, 16) !== databaseId) return "it belongs to another database";
  const salt = header.readUInt32LE(12);
  // Collections are named only by the end block; until then the shards of each wait under its id.
  const loaded = new Map<number, Collection>();
  const requests = [new IndexTable(), new IndexTable()] as const;
  for (;;) {
    const at = reader.offset;
    const block = await takeBlock(reader, salt);
    if (block === undefined) return `its block at offset ${at} is damaged`;
    if (block.kind === blockKind.end) {
      return reader.atEnd
        ? decodeEnd(block.content, databaseId, loaded, new RequestTable(...requests))
        : "something follows its end block";
    }
    const table = tableOf(block, loaded, requests);
    if (table === undefined || block.shard >= shardCount || !table.shard(block.shard).load(block.content)) {
      return `its block at offset ${at} makes no sense`;
    }
    await turn.pause();
  }
}

/** The table that a block has a shard of, or undefined when it is of another kind. */
function tableOf(
  { kind, collection }: Block,
  loaded: Map<number, Collection>,
  requests: readonly IndexTable[],
): IndexTable | undefined {
  if (kind === blockKind.requests) return requests[collection];
  if (kind !== blockKind.shard) return undefined;
  const known = loaded.get(collection) ?? new Collection(collection, "", 0);
  loaded.set(collection, known);
  return known.table;
}

interface Block {
  readonly kind: number;
  readonly collection: number;
  readonly shard: number;
  readonly content: Buffer;
}

async function takeBlock(reader: ChunkedReader, salt: number): Promise<Block | undefined> {
  const header = await reader.peek(blockHeaderBytes);
  if (header === undefined) return undefined;
  const end = blockHeaderBytes + header.readUInt32LE(12);
  const bytes = await reader.take(end + 4);
  if (bytes === undefined || bytes.readUInt32LE(end) !== checksum(bytes.subarray(0, end), salt)) return undefined;
  return {
    kind: bytes.readUInt32LE(0),
    collection: bytes.readUInt32LE(4),
    shard: bytes.readUInt32LE(8),
    content: bytes.subarray(blockHeaderBytes, end),
  };
}

function decodeEnd(
  bytes: Buffer,
  databaseId: number,
  loaded: Map<number, Collection>,
  requests: RequestTable,
): LoadedSnapshot | string {
  const senseless = "its end makes no sense";
  if (bytes.length < endFixedBytes) return senseless;
  const replayFrom = readU64(bytes, 0);
  const collections = bytes.readUInt32LE(12);
  const extentCount = bytes.readUInt32LE(16);
  let offset = endFixedBytes;
  // Counts are believed only as far as there are bytes for them.
  const needed = extentCount * extentBytes + collections * collectionFixedBytes;
  if (replayFrom === undefined || extentCount === 0 || needed > bytes.length - offset) return senseless;
  const extents: DataExtent[] = [];
  for (; extents.length < extentCount; offset += extentBytes) {
    const extent = readExtent(bytes, offset);
    if (extent === undefined) return senseless;
    extents.push(extent);
  }
  const index = new DocumentIndex(requests);
  for (let count = collections; count > 0; count--) {
    const start = offset + collectionFixedBytes;
    const nameEnd = start + (bytes[start - 1] ?? 0);
    if (nameEnd > bytes.length) return senseless;
    const id = bytes.readUInt32LE(offset);
    const createTimeMs = readU64(bytes, offset + 4) ?? 0;
    const collection = new Collection(id, bytes.toString("utf8", start, nameEnd), createTimeMs, loaded.get(id)?.table);
    collection.nextId = readU64(bytes, offset + 12) ?? 1;
    if (id === defaultCollectionId || index.collection(id) === undefined) index.addCollection(collection);
    offset = nameEnd;
  }
  index.nextCollectionId = bytes.readUInt32LE(8);
  return { position: { databaseId, replayFrom, extents }, index };
}
