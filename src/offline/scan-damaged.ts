// Rebuilding an index from data files of which some bytes can't be read, when no index snapshot tells whose they were.
//
// A file holds commits in the order of their versions, between copies that a compaction made. So the records beside a
// gap tell which commits it may have held; when the log has all of those, and what the file lacks of them is as long as
// the gap, it is known what stood there. Otherwise it may have been the newest version or the deletion of any document.

import { type Commit, dataBytesOf, type Mutation, mutationKindOf } from "../storage/commit.ts";
import type { DataExtent } from "../storage/data-extent.ts";
import { dataHeaderBytes, dataRecordHeaderBytes } from "../storage/data-format.ts";
import { applyDamaged, type DamagedRecord } from "../storage/data-scan.ts";
import { Collection, DocumentIndex } from "../storage/document-index.ts";
import type { Parity } from "../storage/index-shard.ts";
import { relativeName } from "../storage/verify/relative-name.ts";
import { walkData, type WalkedRecord } from "../storage/verify/walk-data.ts";
import type { DataSource } from "./data-source.ts";
import { type Patient, sourceOf } from "./patient.ts";

/** Bytes that counted, that can't be read, and of which nothing tells what they were. */
export interface Gap {
  /** Path relative to the data directory. */
  readonly file: string;
  readonly offset: number;
  readonly length: number;
  /** Greatest and least version of the records beside it; 0 and the checkpoint's where there is none. */
  readonly after: number;
  readonly before: number;
  /** The bytes where the header of a record would be; undefined when the file isn't there. */
  readonly head: Buffer | undefined;
}

export interface DamagedScan {
  readonly index: DocumentIndex;
  readonly gaps: readonly Gap[];
  /** Whether there are gaps, explained ones included: what stood there is to be had from the log. */
  readonly lacksSome: boolean;
  /** Collections by id whose names can't be read: they have names made up. */
  readonly renamed: ReadonlyMap<number, string>;
}

/** Reads all that can be read. `version`: that of the checkpoint that names these extents. */
export async function scanDamaged(
  patient: Patient,
  version: number,
  extents: readonly DataExtent[],
): Promise<DamagedScan> {
  const scan = new Scan(patient.log.groups.flatMap(({ commits }) => commits));
  const gaps: Gap[] = [];
  let lacksSome = false;
  for (const { generation, bytes } of extents) {
    const source = sourceOf(patient, generation);
    if (source === undefined) {
      const file = relativeName(patient.layout.data, patient.layout);
      if (bytes > dataHeaderBytes)
        gaps.push({ file, offset: 0, length: bytes, after: 0, before: version, head: undefined });
      continue;
    }
    for (const gap of await scanFile(patient, scan, source, bytes, version)) {
      lacksSome = true;
      if (!(await isExplained(patient, scan.commits, source, gap))) gaps.push(gap);
    }
  }
  applyDamaged(scan.index, scan.damaged);
  lacksSome ||= gaps.length > 0;
  if (lacksSome) scan.createForLog();
  return { index: scan.index, gaps, lacksSome, renamed: scan.renamed };
}

async function scanFile(
  { layout, turn }: Patient,
  scan: Scan,
  source: DataSource,
  bytes: number,
  version: number,
): Promise<Gap[]> {
  const gaps: Gap[] = [];
  const file = relativeName(source.path, layout);
  const parity = (source.header.generation & 1) as Parity;
  const end = Math.min(bytes, source.bytes);
  let after = 0;
  let open: Omit<Gap, "before"> | undefined;
  const close = (before: number): void => {
    if (open !== undefined) gaps.push({ ...open, before });
    open = undefined;
  };
  for await (const piece of walkData(source.file, source.header.salt, dataHeaderBytes, end, turn)) {
    if (piece.kind === "damage") {
      const head = Buffer.alloc(Math.min(piece.length, dataRecordHeaderBytes));
      await source.file.read(head, piece.offset);
      open = { file, offset: piece.offset, length: piece.length, after, head };
      continue;
    }
    close(piece.header.version);
    after = piece.header.version;
    scan.add(piece, parity);
  }
  if (end < bytes)
    open = { file, offset: open?.offset ?? end, length: bytes - (open?.offset ?? end), after, head: open?.head };
  close(version);
  return gaps;
}

/** Whether the log has everything that a gap held. */
async function isExplained(
  { turn }: Patient,
  commits: ReadonlyMap<number, Commit>,
  { file, header, bytes }: DataSource,
  { after, before, length }: Gap,
): Promise<boolean> {
  let expected = 0;
  for (let version = Math.max(after, 1); version <= before; version++) {
    const commit = commits.get(version);
    if (commit === undefined) return false;
    for (const mutation of commit.mutations) expected += dataBytesOf(mutation);
  }
  if (expected < length) return false;
  for await (const piece of walkData(file, header.salt, dataHeaderBytes, bytes, turn)) {
    if (piece.kind === "record" && piece.header.version >= after && piece.header.version <= before) {
      expected -= piece.header.length;
    }
  }
  return expected === length;
}

/** An index in the making. */
class Scan {
  readonly index = new DocumentIndex();
  readonly damaged: DamagedRecord[] = [];
  readonly renamed = new Map<number, string>();
  /** What the log has, by version. */
  readonly commits: ReadonlyMap<number, Commit>;
  readonly #creations = new Map<number, Mutation>();
  readonly #dropped = new Set<number>();

  constructor(commits: readonly Commit[]) {
    this.commits = new Map(commits.map((commit) => [commit.version, commit]));
    for (const { mutations } of commits) {
      for (const mutation of mutations) {
        if (mutation.kind === "createCollection") this.#creations.set(mutation.collection, mutation);
      }
    }
  }

  add({ header, offset, intact, content }: WalkedRecord, parity: Parity): void {
    const kind = mutationKindOf(header.kind);
    if (kind === undefined) return;
    const place = { offset, length: header.length, parity };
    const { collection, version } = header;
    if (kind === "put" || kind === "delete" || (kind === "createCollection" && !intact)) this.#create(collection);
    if (kind === "dropCollection") this.#dropped.add(collection);
    if (intact || kind === "request" || kind === "dropCollection") {
      // Damaged outcomes of requests are kept: whoever repeats one must hear that it was applied.
      this.index.apply({ ...header, kind, content }, version, place);
    } else if (kind === "put") {
      this.damaged.push({ header, offset, parity });
    }
  }

  /** Makes the collections that the log writes to: a drop that came later is in the log too. */
  createForLog(): void {
    for (const { mutations } of this.commits.values()) {
      for (const { kind, collection } of mutations) if (kind === "put") this.#create(collection);
    }
  }

  /** A collection of which there are documents was created, also where the record of that can't be read. */
  #create(id: number): void {
    const { index } = this;
    if (index.collection(id) !== undefined || this.#dropped.has(id)) return;
    const known = this.#creations.get(id);
    let name = known === undefined ? `recovered-${id}` : Buffer.from(known.content).toString("utf8");
    while (index.collectionNamed(name) !== undefined) name += "-again";
    if (known === undefined) this.renamed.set(id, name);
    index.addCollection(new Collection(id, name, known?.createTimeMs ?? 0));
  }
}
