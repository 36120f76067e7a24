// Copies of live records on their way from the older data file into the newer one, a batch at a time.
//
// Invariants
// 1. A batch is written between two groups of commits, and only what is still its document's newest record: what was
//    replaced, deleted or dropped since it was read is left out. The index follows before the next group.
// 2. Nothing is copied twice: the entry of a copy names the newer file.
// 3. A batch that can't be written is taken back, and the index knows nothing of it.

import { DocDBError } from "../base/errors.ts";
import { sabotaged } from "../base/sabotage.ts";
import type { Turn } from "../platform/turn.ts";
import { dataRecordPieces } from "./commit.ts";
import type { DataRecord } from "./data-format.ts";
import type { DocumentIndex } from "./document-index.ts";
import type { IndexEntry } from "./index-shard.ts";
import type { IndexTable } from "./index-table.ts";
import { requestsCollection } from "./request-table.ts";
import type { StoreParts } from "./store-parts.ts";

/** Records of one batch: so many small ones are a millisecond's work. */
const batchRecords = 512;

/** How far a compaction has come. */
export interface CompactionProgress {
  /** Documents and bytes copied so far. */
  readonly documents: number;
  readonly bytes: number;
  /** Bytes that there are to copy; an estimate while writes go on. */
  readonly bytesTotal: number;
}

/** Who watches a compaction. */
export interface CompactionWatch {
  /** Whether to stop before the next record; what was copied is kept. */
  readonly stopped: () => boolean;
  /** Told how far it has come, after each batch and each shard. */
  readonly onProgress: (progress: CompactionProgress) => void;
}

/** An entry that points into the older file, and the table that it stands in. */
export interface LiveEntry {
  readonly table: IndexTable;
  readonly entry: IndexEntry;
}

interface Copy extends LiveEntry {
  readonly collection: number;
  readonly idLow: number;
  readonly idHigh: number;
  /** The record as the newer file will have it. */
  readonly bytes: Buffer;
}

/** The tables of the records that have this number in the place of a collection's; none when the collection is gone. */
export function tablesOf(index: DocumentIndex, collection: number): readonly IndexTable[] {
  if (collection === requestsCollection) return sabotaged("compaction-forgets-requests") ? [] : index.requests.tables;
  const table = index.collection(collection)?.table;
  return table === undefined ? [] : [table];
}

export class LiveCopies {
  readonly #parts: StoreParts;
  readonly #turn: Turn;
  readonly #watch: CompactionWatch;
  readonly #batchBytes: number;
  #batch: Copy[] = [];
  /** Bytes of the batch. */
  #bytes = 0;
  #progress: CompactionProgress;

  /** Batches of at most `batchBytes`, or of one larger record. `bytesTotal`: what there is to copy. */
  constructor(parts: StoreParts, turn: Turn, watch: CompactionWatch, batchBytes: number, bytesTotal: number) {
    this.#parts = parts;
    this.#turn = turn;
    this.#watch = watch;
    this.#batchBytes = batchBytes;
    this.#progress = { documents: 0, bytes: 0, bytesTotal };
  }

  get progress(): CompactionProgress {
    return this.#progress;
  }

  /** Throws when the compaction is to stop. */
  goOn(): void {
    if (!this.#watch.stopped()) return;
    throw new DocDBError("SHUTTING_DOWN", "The database is being closed; the compaction goes on later.");
  }

  /** Takes a record, checked, whose entry was found; its copy counts at the latest with `flush`. */
  async add({ table, entry }: LiveEntry, record: DataRecord): Promise<void> {
    const { collection, idLow, idHigh, version } = record;
    const kind = collection === requestsCollection ? "request" : "put";
    const { salt } = this.#parts.data.current.header;
    const bytes = await this.#turn.run(dataRecordPieces([{ version, mutations: [{ ...record, kind }] }], salt));
    this.#batch.push({ table, entry, collection, idLow, idHigh, bytes });
    this.#bytes += bytes.length;
    if (this.#bytes >= this.#batchBytes || this.#batch.length >= batchRecords) await this.flush();
  }

  async flush(): Promise<void> {
    const batch = this.#batch;
    if (batch.length === 0) return;
    this.#batch = [];
    this.#bytes = 0;
    await this.#parts.committer.exclusive(() => this.#write(batch));
    this.tell();
  }

  /** Tells how far the compaction has come. */
  tell(): void {
    this.#watch.onProgress(this.#progress);
  }

  async #write(batch: readonly Copy[]): Promise<void> {
    const { committer, data } = this.#parts;
    if (committer.readOnly !== undefined) throw committer.readOnly;
    const current = batch.filter((copy) => this.#isCurrent(copy));
    // One that is large is not copied once more.
    const bytes = current.length === 1 ? (current[0] as Copy).bytes : Buffer.concat(current.map((copy) => copy.bytes));
    const file = data.current;
    try {
      await file.append(bytes);
    } catch (error) {
      await file.discard().catch(() => undefined);
      throw error;
    }
    let offset = file.tail;
    file.accept(bytes.length);
    let { documents } = this.#progress;
    for (const {
      table,
      entry,
      collection,
      idLow,
      idHigh,
      bytes: { length },
    } of current) {
      table.set(idLow, idHigh, { ...entry, offset, length, parity: file.parity });
      offset += length;
      if (collection !== requestsCollection) documents++;
    }
    this.#progress = { ...this.#progress, documents, bytes: this.#progress.bytes + bytes.length };
  }

  #isCurrent({ table, entry, collection, idLow, idHigh }: Copy): boolean {
    if (!tablesOf(this.#parts.index, collection).includes(table)) return false;
    if (sabotaged("compaction-overwrites-newer")) return true;
    const now = table.get(idLow, idHigh);
    return now?.version === entry.version && now.parity === entry.parity;
  }
}
