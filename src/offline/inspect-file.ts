// Tells what one file of a data directory says, piece by piece, damage included. Nothing is changed.

import { DocDBError } from "../base/errors.ts";
import { idOf, readU64 } from "../base/u64.ts";
import { decodeCatalog } from "../engine/catalog.ts";
import { readFully, readWholeFile } from "../platform/file-io.ts";
import type { File, Platform } from "../platform/platform.ts";
import { realPlatform } from "../platform/real/real-platform.ts";
import { Turn } from "../platform/turn.ts";
import { mutationKindOf } from "../storage/commit.ts";
import { dataHeaderBytes, decodeDataHeader } from "../storage/data-format.ts";
import { loadSnapshot } from "../storage/index-snapshot.ts";
import { walkData, type WalkedRecord } from "../storage/verify/walk-data.ts";
import { saltOfRecords, searchedBytes } from "./lost-headers.ts";
import { damageAt, type Piece, timeOf, unreadable } from "./inspected-piece.ts";
import { inspectSegment } from "./inspect-segment.ts";

export const inspectable = ["wal", "data", "index", "catalog"] as const;
/** What kind of file it is. */
export type Inspectable = (typeof inspectable)[number];

/** Reads a file as one of this kind. INVALID_SETTING when there is none. */
export async function* inspectFile(
  kind: Inspectable,
  path: string,
  platform: Platform = realPlatform(),
): AsyncGenerator<Piece> {
  const turn = new Turn(platform.clock);
  if (!(await platform.fs.exists(path))) throw new DocDBError("INVALID_SETTING", `There is no file ${path}.`);
  if (kind === "index") {
    yield* inspectIndex(platform, path, turn);
  } else if (kind === "data") {
    const file = await platform.fs.open(path, "read");
    try {
      yield* inspectData(file, turn);
    } finally {
      await file.close();
    }
  } else {
    const bytes = (await readWholeFile(platform.fs, path)) ?? Buffer.alloc(0);
    for (const piece of kind === "wal" ? inspectSegment(bytes) : inspectCatalog(bytes)) {
      yield piece;
      await turn.pause();
    }
  }
}

async function* inspectData(file: File, turn: Turn): AsyncGenerator<Piece> {
  const bytes = await file.size();
  const head = (await readFully(file, 0, Math.min(bytes, searchedBytes))) ?? Buffer.alloc(0);
  const header = decodeDataHeader(head);
  const salt = typeof header === "string" ? saltOfRecords(head.subarray(dataHeaderBytes)) : header.salt;
  if (typeof header === "object") {
    const facts = { database: header.databaseId, generation: header.generation, salt: header.salt };
    yield { offset: 0, length: dataHeaderBytes, what: "header", facts };
  } else if (salt !== undefined) {
    yield unreadable(0, dataHeaderBytes, `${header}; the records tell the salt`);
  } else {
    // Every record's checksums are seeded with the salt that stands here.
    yield unreadable(0, bytes, header);
  }
  if (salt === undefined) return;
  for await (const piece of walkData(file, salt, dataHeaderBytes, bytes, turn)) {
    yield piece.kind === "damage" ? damageAt(piece.offset, piece.length) : dataRecord(piece);
  }
}

function dataRecord({ offset, header, intact, content }: WalkedRecord): Piece {
  const { collection, idLow, idHigh, version, createTimeMs, updateTimeMs, length } = header;
  const facts = {
    version,
    collection,
    id: String(idOf(idLow, idHigh)),
    bytes: content.length,
    checksum: intact ? "ok" : "content damaged",
    created: timeOf(createTimeMs),
    updated: timeOf(updateTimeMs),
  };
  return { offset, length, what: mutationKindOf(header.kind) ?? `kind ${header.kind}`, facts, content };
}

async function* inspectIndex(platform: Platform, path: string, turn: Turn): AsyncGenerator<Piece> {
  const file = await platform.fs.open(path, "read");
  let owner: number | undefined;
  let bytes: number;
  try {
    bytes = await file.size();
    const head = await readFully(file, 16, 8);
    owner = head === undefined ? undefined : readU64(head, 0);
  } finally {
    await file.close();
  }
  const loaded = await loadSnapshot(platform.fs, path, owner ?? 0, turn);
  if (typeof loaded === "string") {
    yield unreadable(0, bytes, loaded);
    return;
  }
  const { position, index } = loaded;
  const { databaseId, replayFrom, extents } = position;
  yield { offset: 0, length: bytes, what: "header", facts: { database: databaseId, replayFrom } };
  for (const { generation, bytes: covered } of extents) {
    yield { what: "extent", facts: { generation, bytes: covered } };
  }
  for (const { id, name, createTimeMs, nextId, table } of index.collections) {
    const facts = { collection: id, name, documents: table.live, deleted: table.tombstones, nextId };
    yield { what: "collection", facts: { ...facts, created: timeOf(createTimeMs) } };
    for (const shard of table.shards) {
      const entries: Piece[] = [];
      shard.forEach((idLow, idHigh, { version, offset, length, deleted, parity }) => {
        const place = { dataOffset: offset, dataLength: length, parity, deleted };
        entries.push({
          what: "entry",
          facts: { collection: id, id: String(idOf(idLow, idHigh)), version, ...place },
        });
      });
      yield* entries;
      await turn.pause();
    }
  }
}

function* inspectCatalog(bytes: Buffer): Generator<Piece> {
  const decoded = decodeCatalog(bytes);
  if (typeof decoded === "string") {
    yield unreadable(0, bytes.length, decoded);
    return;
  }
  yield { offset: 0, length: bytes.length, what: "header", facts: { nextId: decoded.nextId } };
  for (const { id, name, createTimeMs, state } of decoded.entries) {
    yield { what: "database", facts: { id, name, state, created: timeOf(createTimeMs) } };
  }
}
