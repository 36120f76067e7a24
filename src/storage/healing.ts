// Healing of one open database, as the store has it: reads that heal what they find damaged, checks on demand, and the
// scrubber in the background. docs/healing.md tells the whole of it.

import type { Observer } from "../telemetry/observer.ts";
import type { Mutation } from "./commit.ts";
import type { DamagedRecord } from "./data-scan.ts";
import type { DataRecord } from "./data-format.ts";
import type { Collection } from "./document-index.ts";
import { healAll, type HealProgress, walkStopped } from "./heal-all.ts";
import type { HealSource } from "./heal-record.ts";
import { Healer, type HealResult } from "./healer.ts";
import type { Layout } from "./layout.ts";
import type { Pacer } from "./pacer.ts";
import type { ReadLeases } from "./read-leases.ts";
import type { RecordPlace } from "./record-place.ts";
import { Scrubber } from "./scrubber.ts";
import type { StoreParts } from "./store-parts.ts";

export interface HealingOptions {
  readonly observer: Observer;
  /** This database's files in a copy of the data directory. */
  readonly backup: Layout | undefined;
  /** Milliseconds between the starts of two rounds of the scrubber; 0 for none. */
  readonly scrubIntervalMs: number;
  /** The pace of all scrubbers together. */
  readonly scrubPacer: Pacer;
}

/** What was found and done since the database was opened. Times are milliseconds since the Unix epoch, 0 for never. */
export interface HealingReport {
  readonly scrubsCompleted: number;
  readonly lastScrubTimeMs: number;
  readonly lastScrubDurationMs: number;
  /** Documents checked by the scrubber or on demand. */
  readonly checked: number;
  /** Documents found damaged, by whatever read them. */
  readonly corrupt: number;
  /** Documents healed, by where their copy came from. */
  readonly healed: Readonly<Record<HealSource, number>>;
  /** Documents in quarantine now. */
  readonly quarantined: number;
  readonly lastCorruptionTimeMs: number;
}

export class Healing {
  readonly #parts: StoreParts;
  readonly #healer: Healer;
  readonly #scrubber: Scrubber;
  #stopped = false;
  #firstChecks: Promise<void> = Promise.resolve();

  constructor(parts: StoreParts, leases: ReadLeases, options: HealingOptions) {
    const { observer, backup, scrubIntervalMs: intervalMs, scrubPacer: pacer } = options;
    const { database } = parts.layout;
    this.#parts = parts;
    this.#healer = new Healer(parts, { leases, observer, backup, onDamage: () => this.#scrubber.hasten() });
    this.#scrubber = new Scrubber(parts.platform.clock, {
      intervalMs,
      pacer,
      round: (watch) => healAll(parts, this.#healer, watch),
      onCompleted: () => parts.meters.healing.scrubs++,
      onFailure: (error) => observer.event("warn", "a scrub ended early", { database, error }),
    });
  }

  /**
   * Reads a record, healing it if need be; `onHeal` is called before that. Only under the read lease under which the
   * place was looked up. DOCUMENT_CORRUPT, IO_ERROR.
   */
  read(place: RecordPlace, onHeal?: () => void): Promise<DataRecord> {
    return this.#healer.read(place, onHeal);
  }

  /** Checks a document and heals it if need be; undefined when there is none. */
  check(collection: Collection, idLow: number, idHigh: number): Promise<HealResult | undefined> {
    return this.#healer.check(collection, idLow, idHigh);
  }

  /**
   * Checks every document and heals those that need it. DATABASE_READ_ONLY when one does and the database takes no
   * writes; SHUTTING_DOWN when the database is closed, and whatever `signal` is aborted with, end it early.
   */
  checkAll(onProgress: (progress: HealProgress) => void, signal: AbortSignal | undefined): Promise<HealProgress> {
    const before = (): Promise<void> => {
      signal?.throwIfAborted();
      return this.#stopped ? Promise.reject(walkStopped()) : Promise.resolve();
    };
    return healAll(this.#parts, this.#healer, { before, onProgress, mustHeal: true });
  }

  /** A change is committed: what it replaces is of no concern any more. */
  noteChange(mutation: Mutation): void {
    this.#healer.noteChange(mutation);
  }

  /** Begins work in the background, first with what opening found damaged. */
  start(damaged: readonly DamagedRecord[]): void {
    this.#scrubber.start(this.#parts.platform.random);
    this.#firstChecks = this.#checkEach(damaged);
  }

  /** Whether a round of the scrubber is under way. */
  get isScrubbing(): boolean {
    return this.#scrubber.isRunning;
  }

  /** Whether long work is to end. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Asks work in the background, and `checkAll`, to end soon; nothing starts by itself any more. */
  stop(): void {
    this.#stopped = true;
    this.#scrubber.stop();
  }

  /** Waits for work in the background that is under way. */
  async idle(): Promise<void> {
    await Promise.all([this.#scrubber.idle(), this.#firstChecks]);
  }

  get report(): HealingReport {
    const { completed, lastTimeMs, lastDurationMs } = this.#scrubber.counts;
    return {
      scrubsCompleted: completed,
      lastScrubTimeMs: lastTimeMs,
      lastScrubDurationMs: lastDurationMs,
      ...this.#healer.counts,
      quarantined: this.#healer.quarantined,
    };
  }

  async #checkEach(damaged: readonly DamagedRecord[]): Promise<void> {
    for (const { header } of damaged) {
      const collection = this.#parts.index.collection(header.collection);
      if (this.#stopped) return;
      if (collection !== undefined) await this.#healer.check(collection, header.idLow, header.idHigh);
    }
  }
}
