// What happens when a record turns out to be damaged, whoever read it.
//
// Invariants
// 1. A read answers with the bytes that were committed, or with an error: DOCUMENT_CORRUPT when they are lost, never
//    "not found" and never an older version.
// 2. A damaged record is healed by one attempt that all who met it share; attempts run one after the other, so that
//    their memory and their reads stay bounded.
// 3. What couldn't be healed is in quarantine until it is written again, deleted or healed. An explicit check and the
//    scrubber try it again, reads don't.
// 4. A disk that fails to read (EIO) is no proof of damage: that is IO_ERROR, and no quarantine.

import { DocDBError } from "../base/errors.ts";
import { idOf } from "../base/u64.ts";
import type { Observer } from "../telemetry/observer.ts";
import type { Mutation } from "./commit.ts";
import type { DataRecord } from "./data-format.ts";
import { diskError, documentCorrupt, isDiskFailure } from "./disk-errors.ts";
import type { Collection } from "./document-index.ts";
import { findExactCopy, type HealContext, type HealSource, rewriteRecord } from "./heal-record.ts";
import type { Layout } from "./layout.ts";
import { Quarantine } from "./quarantine.ts";
import type { ReadLeases } from "./read-leases.ts";
import { placeOf, type RecordPlace } from "./record-place.ts";
import type { StoreParts } from "./store-parts.ts";

/** What a check of one document found and did. */
export interface HealResult {
  /** `unreadable`: the disk fails to read it, and there is no copy to write over it. */
  readonly outcome: "intact" | "healed" | "quarantined" | "unreadable";
  /** The document's version, which healing never changes. */
  readonly version: number;
  /** Where the copy came from. */
  readonly source?: HealSource;
  /** Why it wasn't healed, when that was not for want of a copy. */
  readonly refusal?: DocDBError;
}

/** What was found and done since the database was opened. */
export interface HealerCounts {
  /** Documents checked by the scrubber or on demand. */
  checked: number;
  /** Documents found damaged, by whatever read them; those that a disk failed to read are not among them. */
  corrupt: number;
  healed: Record<HealSource, number>;
  /** When damage was last found, in milliseconds since the Unix epoch; 0: never. */
  lastCorruptionTimeMs: number;
}

export interface HealerOptions {
  readonly leases: ReadLeases;
  readonly observer: Observer;
  readonly backup: Layout | undefined;
  /** A read, not a check, found damage that nobody knew of. */
  readonly onDamage: () => void;
}

export class Healer {
  readonly #context: HealContext;
  readonly #options: HealerOptions;
  readonly #quarantine = new Quarantine();
  readonly #attempts = new Map<string, Promise<HealResult>>();
  #lastAttempt: Promise<unknown> = Promise.resolve();
  readonly counts: HealerCounts = {
    checked: 0,
    corrupt: 0,
    healed: { memory: 0, wal: 0, backup: 0 },
    lastCorruptionTimeMs: 0,
  };

  constructor(parts: StoreParts, options: HealerOptions) {
    this.#options = options;
    const onSourceFailure = (source: HealSource, error: unknown): void => {
      this.#warn("a source for healing can't be read", { source, error });
    };
    this.#context = { ...parts, backup: options.backup, onSourceFailure };
  }

  /** Documents in quarantine. */
  get quarantined(): number {
    return this.#quarantine.size;
  }

  /**
   * Reads a record, healing it if need be; `onHeal` is called before that. Only under the read lease under which the
   * place was looked up. DOCUMENT_CORRUPT, IO_ERROR.
   */
  async read(place: RecordPlace, onHeal: () => void = () => undefined): Promise<DataRecord> {
    const { file, offset, length } = place;
    if (this.#quarantine.has(place)) throw documentCorrupt(file.path, offset, place);
    try {
      return await file.read(offset, length, place);
    } catch (error) {
      if (!isCorrupt(error)) throw error;
      onHeal();
      const { outcome } = await this.#attempt(place);
      if (outcome === "quarantined" || outcome === "unreadable") throw error;
      return await file.read(offset, length, place);
    }
  }

  /** Checks a document and heals it if need be; undefined when there is none. */
  async check(collection: Collection, idLow: number, idHigh: number): Promise<HealResult | undefined> {
    return await this.#options.leases.hold(async () => {
      for (;;) {
        const place = this.#locate(collection, idLow, idHigh);
        if (place === undefined) return undefined;
        const intact = await this.#isIntact(place);
        const result = intact ? this.#intact(place) : await this.#attempt(place);
        if (result.outcome !== "intact" && result.outcome !== "healed" && !this.#isNewest(place)) continue;
        this.counts.checked++;
        this.#context.meters.healing.checked++;
        return result;
      }
    });
  }

  /** A change is committed: what it replaces is of no concern any more. */
  noteChange(mutation: Mutation): void {
    this.#quarantine.noteChange(mutation);
  }

  #locate(collection: Collection, idLow: number, idHigh: number): RecordPlace | undefined {
    const { index, data } = this.#context;
    if (index.collection(collection.id) !== collection) return undefined;
    const entry = collection.table.get(idLow, idHigh);
    if (entry === undefined || entry.deleted) return undefined;
    return placeOf(collection.id, idLow, idHigh, entry, data.withParity(entry.parity));
  }

  #isNewest({ collection, idLow, idHigh, version }: RecordPlace): boolean {
    return this.#context.index.collection(collection)?.table.get(idLow, idHigh)?.version === version;
  }

  async #isIntact(place: RecordPlace): Promise<boolean> {
    const bytes = await readOrFail(place);
    return Buffer.isBuffer(bytes) && place.file.recordIn(bytes, 0, place) !== undefined;
  }

  #intact(place: RecordPlace): HealResult {
    this.#quarantine.release(place);
    return { outcome: "intact", version: place.version };
  }

  /** The attempt to heal this record that is under way, or a new one. */
  #attempt(place: RecordPlace): Promise<HealResult> {
    const { collection, idLow, idHigh, version, offset } = place;
    const key = `${collection}/${idHigh}/${idLow}/${version}@${place.file.header.generation}:${offset}`;
    let attempt = this.#attempts.get(key);
    if (attempt === undefined) {
      attempt = this.#lastAttempt.then(() => this.#heal(place)).finally(() => this.#attempts.delete(key));
      this.#attempts.set(key, attempt);
      this.#lastAttempt = attempt.catch(() => undefined);
    }
    return attempt;
  }

  async #heal(place: RecordPlace): Promise<HealResult> {
    const bytes = await readOrFail(place);
    const unreadable = bytes instanceof DocDBError ? bytes : undefined;
    const found = bytes instanceof DocDBError ? undefined : bytes;
    if (found !== undefined && place.file.recordIn(found, 0, place) !== undefined) return this.#intact(place);
    this.#context.meters.healing.healings++;
    if (!this.#quarantine.has(place)) this.#noteDamage(place, unreadable);
    const { committer } = this.#context;
    if (committer.readOnly !== undefined) return this.#giveUp(place, unreadable, committer.readOnly);
    const copy = await findExactCopy(this.#context, place, found);
    if (copy === undefined) return this.#giveUp(place, unreadable, unreadable);
    try {
      const written = await rewriteRecord(committer, place, copy.bytes);
      if (!written) return this.#giveUp(place, unreadable, undefined);
    } catch (error) {
      if (!isDiskFailure(error)) throw error;
      const refusal = DocDBError.from(diskError("A damaged document could not be written over", error));
      this.#options.observer.failure("healing", refusal);
      return this.#giveUp(place, unreadable, refusal);
    }
    return this.#healed(place, copy.source);
  }

  #healed(place: RecordPlace, source: HealSource): HealResult {
    this.#quarantine.release(place);
    this.counts.healed[source]++;
    this.#context.meters.healing.healed[source]++;
    this.#warn("healed a damaged document", { ...factsOf(place), source });
    return { outcome: "healed", version: place.version, source };
  }

  #giveUp(place: RecordPlace, unreadable: DocDBError | undefined, refusal: DocDBError | undefined): HealResult {
    const { version } = place;
    const outcome = unreadable === undefined ? "quarantined" : "unreadable";
    // A snapshot may have read a version that isn't the newest any more.
    if (outcome === "quarantined" && this.#isNewest(place)) this.#quarantine.add(place);
    return refusal === undefined ? { outcome, version } : { outcome, version, refusal };
  }

  /** Tells of damage that is new. A failure to read is told of too, but may pass: it isn't counted as damage. */
  #noteDamage(place: RecordPlace, unreadable: DocDBError | undefined): void {
    const error = unreadable ?? documentCorrupt(place.file.path, place.offset, place);
    this.#options.observer.failure(`database ${this.#context.layout.database}`, error);
    if (unreadable !== undefined) return;
    this.counts.corrupt++;
    this.#context.meters.healing.corrupt++;
    this.counts.lastCorruptionTimeMs = this.#context.platform.clock.now();
    this.#options.onDamage();
  }

  #warn(message: string, fields: Record<string, unknown>): void {
    this.#options.observer.event("warn", message, { database: this.#context.layout.database, ...fields });
  }
}

function isCorrupt(error: unknown): boolean {
  return error instanceof DocDBError && error.code === "DOCUMENT_CORRUPT";
}

/** The bytes at a place, undefined when the file ends before, or why the disk can't read them. */
async function readOrFail(place: RecordPlace): Promise<Buffer | undefined | DocDBError> {
  try {
    return await place.file.readBytes(place.offset, place.length);
  } catch (error) {
    const known = diskError(`A document in ${place.file.path} can't be read`, error);
    if (known instanceof DocDBError) return known;
    throw error;
  }
}

function factsOf({ collection, idLow, idHigh, version, file, offset }: RecordPlace): Record<string, unknown> {
  return { collection, id: idOf(idLow, idHigh), version, path: file.path, offset };
}
