// The catalog: which databases there are. docs/formats/catalog.md has the tables; all integers are little-endian.
//
//   file  := magic[8] format u32, count u32, nextId u64, entry*, crc u32
//   entry := id u64, createTime u64 (ms), state u8, nameLength u8, name
//
// Invariants
// 1. The file is replaced atomically, so a crash leaves the old catalog or the new one.
// 2. Ids are never reused: `nextId` is above every id ever given away.
// 3. Files of a database are made while its entry says `creating` and removed while it says `deleting`, so that a crash
//    between never leaves files that nobody knows to be garbage.

import { checksum } from "../base/checksum.ts";
import { DocDBError } from "../base/errors.ts";
import { readU64, writeU64 } from "../base/u64.ts";
import { readWholeFile, replaceFile } from "../platform/file-io.ts";
import type { FileSystem } from "../platform/platform.ts";
import { diskError } from "../storage/disk-errors.ts";

export const catalogFormatVersion = 1;
const magic = Buffer.from("DOCDBCAT", "latin1");
export const catalogFileName = ".catalog";
const headerBytes = 24;
const entryFixedBytes = 18;

const states = ["creating", "ready", "deleting"] as const;
export type EntryState = (typeof states)[number];

export interface CatalogEntry {
  readonly id: number;
  readonly name: string;
  readonly createTimeMs: number;
  readonly state: EntryState;
}

export class Catalog {
  readonly #fs: FileSystem;
  readonly #directory: string;
  /** By lower-case name: names are unique without regard to case. */
  #entries: ReadonlyMap<string, CatalogEntry>;
  #nextId: number;
  #writing: Promise<void> = Promise.resolve();

  private constructor(fs: FileSystem, directory: string, entries: CatalogEntry[], nextId: number) {
    this.#fs = fs;
    this.#directory = directory;
    this.#entries = new Map(entries.map((entry) => [entry.name.toLowerCase(), entry]));
    this.#nextId = nextId;
  }

  /** Loads the catalog; a directory that has none gets an empty one. DATABASE_CORRUPT when it is damaged. */
  static async load(fs: FileSystem, directory: string): Promise<Catalog> {
    const path = `${directory}/${catalogFileName}`;
    const bytes = await readWholeFile(fs, path);
    if (bytes === undefined) {
      await refuseOrphans(fs, directory);
      const catalog = new Catalog(fs, directory, [], 1);
      await catalog.#replace(new Map(), 1);
      return catalog;
    }
    const decoded = decodeCatalog(bytes);
    if (typeof decoded === "string") {
      const message = `The catalog ${path} can't be used: ${decoded}. Nothing was changed. Restore it from a backup.`;
      throw new DocDBError("DATABASE_CORRUPT", message, { metadata: { path } });
    }
    return new Catalog(fs, directory, decoded.entries, decoded.nextId);
  }

  /** All entries, by name in code-unit order of their lower-case form. */
  get entries(): CatalogEntry[] {
    return [...this.#entries.keys()].sort().map((key) => this.#entries.get(key) as CatalogEntry);
  }

  find(name: string): CatalogEntry | undefined {
    return this.#entries.get(name.toLowerCase());
  }

  /** Whether the file says what this catalog says. After a failed change it may say the new thing already. */
  async isOnDisk(): Promise<boolean> {
    const bytes = await readWholeFile(this.#fs, `${this.#directory}/${catalogFileName}`).catch(() => undefined);
    return bytes?.equals(encodeCatalog([...this.#entries.values()], this.#nextId)) === true;
  }

  /** Adds an entry in state `creating` with a new id; durable when this returns. */
  async add(name: string, createTimeMs: number): Promise<CatalogEntry> {
    let entry: CatalogEntry | undefined;
    await this.#change((entries) => {
      entry = { id: this.#nextId, name, createTimeMs, state: "creating" };
      entries.set(name.toLowerCase(), entry);
    });
    return entry as CatalogEntry;
  }

  /** Changes the state of an entry; durable when this returns. */
  async setState(entry: CatalogEntry, state: EntryState): Promise<CatalogEntry> {
    const changed = { ...entry, state };
    await this.#change((entries) => entries.set(entry.name.toLowerCase(), changed));
    return changed;
  }

  /** Forgets an entry; durable when this returns. */
  async remove(entry: CatalogEntry): Promise<void> {
    await this.#change((entries) => entries.delete(entry.name.toLowerCase()));
  }

  /** Changes are written one after the other, and take effect in memory when they are durable. */
  #change(edit: (entries: Map<string, CatalogEntry>) => void): Promise<void> {
    const result = this.#writing.then(async () => {
      const entries = new Map(this.#entries);
      edit(entries);
      const ids = [...entries.values()].map((entry) => entry.id);
      try {
        await this.#replace(entries, Math.max(this.#nextId, ...ids.map((id) => id + 1)));
      } catch (error) {
        throw diskError("The catalog was not changed", error);
      }
    });
    this.#writing = result.catch(() => undefined);
    return result;
  }

  async #replace(entries: Map<string, CatalogEntry>, nextId: number): Promise<void> {
    await replaceFile(this.#fs, this.#directory, catalogFileName, encodeCatalog([...entries.values()], nextId));
    this.#entries = entries;
    this.#nextId = nextId;
  }
}

/** A directory with databases and no catalog has lost it: an empty one would hide them. */
async function refuseOrphans(fs: FileSystem, directory: string): Promise<void> {
  for (const folder of [`${directory}/data`, `${directory}/wal`]) {
    const [first] = (await fs.exists(folder)) ? await fs.readdir(folder) : [];
    if (first === undefined) continue;
    const found = `${folder}/${first}`;
    const path = `${directory}/${catalogFileName}`;
    const message = `${path} is missing, but there are files of databases (${found}). Restore it from a backup.`;
    throw new DocDBError("DATABASE_CORRUPT", message, { metadata: { path } });
  }
}

/** The bytes of a catalog file. */
export function encodeCatalog(entries: readonly CatalogEntry[], nextId: number): Buffer {
  const length = entries.reduce((total, entry) => total + entryFixedBytes + entry.name.length, headerBytes + 4);
  const bytes = Buffer.alloc(length);
  magic.copy(bytes, 0);
  bytes.writeUInt32LE(catalogFormatVersion, 8);
  bytes.writeUInt32LE(entries.length, 12);
  writeU64(bytes, nextId, 16);
  let offset = headerBytes;
  for (const entry of entries) {
    writeU64(bytes, entry.id, offset);
    writeU64(bytes, entry.createTimeMs, offset + 8);
    bytes[offset + 16] = states.indexOf(entry.state);
    bytes[offset + 17] = entry.name.length;
    bytes.write(entry.name, offset + entryFixedBytes, "latin1");
    offset += entryFixedBytes + entry.name.length;
  }
  bytes.writeUInt32LE(checksum(bytes.subarray(0, offset)), offset);
  return bytes;
}

/** What a catalog file says, or why it can't be used. */
export function decodeCatalog(bytes: Buffer): { entries: CatalogEntry[]; nextId: number } | string {
  if (bytes.length < headerBytes + 4 || !bytes.subarray(0, 8).equals(magic)) return "it does not start as a catalog";
  const end = bytes.length - 4;
  if (bytes.readUInt32LE(end) !== checksum(bytes.subarray(0, end))) return "it fails its checksum";
  const format = bytes.readUInt32LE(8);
  if (format !== catalogFormatVersion)
    return `its format ${format} is unknown; this version reads ${catalogFormatVersion}`;
  const nextId = readU64(bytes, 16);
  if (nextId === undefined) return "it holds a number out of range";
  const entries: CatalogEntry[] = [];
  let offset = headerBytes;
  for (let count = bytes.readUInt32LE(12); count > 0; count--) {
    if (offset + entryFixedBytes > end) return "it has fewer entries than it says";
    const id = readU64(bytes, offset);
    const createTimeMs = readU64(bytes, offset + 8);
    const state = states[bytes[offset + 16] ?? states.length];
    const nameEnd = offset + entryFixedBytes + (bytes[offset + 17] ?? 0);
    if (id === undefined || createTimeMs === undefined || state === undefined || nameEnd > end) {
      return "an entry makes no sense";
    }
    entries.push({ id, createTimeMs, state, name: bytes.toString("latin1", offset + entryFixedBytes, nameEnd) });
    offset = nameEnd;
  }
  return { entries, nextId };
}
