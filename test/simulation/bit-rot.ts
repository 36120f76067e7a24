// Bits of the data files that flip between two boots, and what the engine may say of it.
//
// The judge knows the content of every record that was hit. When the engine calls a document damaged, one of its
// records must have been hit, and no copy of that content may be left in the WAL, in a segment of which one knows where
// it ends; then the document counts as read with that content, so that everything else is judged as if it had been
// read: that it is the newest version, that nobody's write came back. Whatever is answered as content must be right as
// ever.

import { DocDBError } from "../../src/base/errors.ts";
import type { Engine } from "../../src/engine/engine.ts";
import type { Prng } from "../../src/platform/sim/prng.ts";
import type { SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import {
  dataHeaderBytes,
  dataKind,
  type DataRecord,
  dataRecordHeaderBytes,
  decodeDataHeader,
  decodeDataRecord,
  decodeDataRecordHeader,
} from "../../src/storage/data-format.ts";
import { decodeSegmentHeader } from "../../src/storage/wal-format.ts";
import { type Seen, Violation } from "./commit-model.ts";
import { readDocument } from "./simulated-clients.ts";

/** A record that was hit. */
interface Hit {
  readonly database: string;
  /** Whether it is of the collection `_default`; the others have various ids. */
  readonly inDefault: boolean;
  readonly id: number;
  readonly version: number;
  readonly content: string;
}

export class BitRot {
  readonly #machine: SimulatedMachine;
  readonly #random: Prng;
  /** Records are hit anywhere, their headers included: then the index must not have to be rebuilt from them. */
  readonly hitsHeaders: boolean;
  readonly #hits: Hit[] = [];
  /** Documents that the engine called damaged, and rightly so. */
  lost = 0;

  constructor(machine: SimulatedMachine, random: Prng) {
    this.#machine = machine;
    this.#random = random;
    this.hitsHeaders = random.below(2) === 0;
  }

  /** Records hit so far. */
  get hits(): number {
    return this.#hits.length;
  }

  /** Flips a few bits. No process runs. */
  strike(): void {
    for (const path of this.#machine.files().keys()) {
      const [, database = ""] = /\/data\/(\w+)\.(?:data|compact)$/.exec(path) ?? [];
      if (database !== "") for (let flips = this.#random.below(3); flips > 0; flips--) this.#flip(path, database);
    }
  }

  /** Reads a document; one that is rightly called damaged counts as found with the content that it had. */
  async read(engine: Engine, database: string, key: string): Promise<Seen> {
    try {
      return await readDocument(engine, database, key);
    } catch (error) {
      if (!(error instanceof DocDBError) || error.code !== "DOCUMENT_CORRUPT") throw error;
      return this.#judge(database, key, Number(error.metadata["version"]));
    }
  }

  #judge(database: string, key: string, version: number): Seen {
    const [collection = "", id = ""] = key.split("/");
    // A version that came of nothing may have been given out again: the later hit is the one that counts.
    const hit = this.#hits.findLast(
      (record) =>
        record.database === database &&
        record.version === version &&
        record.id === Number(id) &&
        record.inDefault === (collection === ""),
    );
    if (hit === undefined) throw new Violation(`${key}: version ${version} is called damaged, but was never hit`);
    for (const [number, bytes] of this.#segmentsOf(database)) {
      if (!bytes.includes(hit.content)) continue;
      throw new Violation(`${key}: version ${version} is given up, but segment ${number} of ${database} has it`);
    }
    this.lost++;
    return { content: hit.content, version };
  }

  /**
   * The segments of a WAL from the active one back to the first that is missing. A power cut may bring back one that
   * was trimmed and not its successor, which said where it ends: what stands in it may never have been committed.
   */
  #segmentsOf(database: string): Map<number, Buffer> {
    const found = new Map<number, Buffer>();
    for (const [path, bytes] of this.#machine.files()) {
      const [, name, number] = /\/wal\/(\w+)\.wal(?:\.(\d+))?$/.exec(path) ?? [];
      const header = name === database && number === undefined ? decodeSegmentHeader(bytes) : undefined;
      if (name === database && number !== undefined) found.set(Number(number), bytes);
      if (typeof header === "object") found.set(header.segment, bytes);
    }
    const counted = new Map<number, Buffer>();
    for (let number = Math.max(...found.keys()); found.has(number); number--) {
      counted.set(number, found.get(number) as Buffer);
    }
    return counted;
  }

  #flip(path: string, database: string): void {
    const bytes = this.#machine.readFile(path);
    const header = decodeDataHeader(bytes);
    if (typeof header === "string" || bytes.length <= dataHeaderBytes) return;
    const position = dataHeaderBytes + this.#random.below(bytes.length - dataHeaderBytes);
    for (let offset = dataHeaderBytes; offset < bytes.length; ) {
      const length = decodeDataRecordHeader(bytes, offset, header.salt)?.length;
      if (length === undefined) return;
      if (position < offset + length) {
        const record = decodeDataRecord(bytes, offset, header.salt);
        const inHeader = position < offset + dataRecordHeaderBytes;
        if (record !== undefined && (this.hitsHeaders || !inHeader)) this.#hit(path, database, position, record);
        return;
      }
      offset += length;
    }
  }

  #hit(path: string, database: string, position: number, record: DataRecord): void {
    if (record.kind !== dataKind.live) return;
    const { version, collection, idLow: id } = record;
    this.#hits.push({ database, inDefault: collection === 0, id, version, content: record.content.toString() });
    this.#machine.flipBit(path, position, this.#random.below(8));
  }
}
