// Damage on the server's disk, and what was done about it: what `db.healing` offers.

import {
  type HealDatabaseResponse as WireProgress,
  HealingServiceService as Rpcs,
  HealOutcome as WireOutcome,
  HealSource as WireSource,
  type HealingStats as WireStats,
} from "../../gen/docdb/v1/healing.ts";
import { DocDBError } from "../base/errors.ts";
import type { CallOptions, Connection } from "./connection.ts";
import { dateOf } from "./document.ts";
import { type DocumentId, exactId } from "./document-id.ts";

/** Where an intact copy came from: a commit still in memory, the write-ahead log, a backup. */
export type HealSource = "memory" | "wal" | "backup" | "unknown";

/** How a document is after a check. */
export interface HealResult {
  /** `quarantined`: damaged, and no intact copy was found. "unknown" is one that this client is too old to know. */
  readonly outcome: "intact" | "healed" | "quarantined" | "unknown";
  /** The document's version, which healing never changes. */
  readonly version: bigint;
  /** Where the copy came from that a document was healed with; undefined when none was. */
  readonly source: HealSource | undefined;
}

/** How far a check of all documents has come, and what it found. */
export interface HealProgress {
  readonly checked: bigint;
  /** Documents there are; it may change meanwhile. */
  readonly total: bigint;
  readonly corrupt: bigint;
  readonly healed: bigint;
  readonly quarantined: bigint;
  /** Every document was checked: this is the last message. */
  readonly done: boolean;
}

/** What scrubbing and healing found and did since the server opened the database. */
export interface HealingStats {
  readonly database: string;
  /** Complete rounds of the scrubber. */
  readonly scrubsCompleted: bigint;
  /** When the last one ended, and how long it took; undefined before the first. */
  readonly lastScrubTime: Date | undefined;
  readonly lastScrubDurationMs: number | undefined;
  /** Documents checked by the scrubber or on demand. */
  readonly checked: bigint;
  /** Documents found damaged, by whatever read them. */
  readonly corrupt: bigint;
  readonly healedFromWal: bigint;
  readonly healedFromMemory: bigint;
  readonly healedFromBackup: bigint;
  /** Documents in quarantine now. */
  readonly quarantined: bigint;
  /** When damage was last found; undefined: never. */
  readonly lastCorruptionTime: Date | undefined;
}

/** Checks documents of one database on the server's disk, and heals those that are damaged. */
export class Healing {
  readonly #connection: Connection;
  readonly #database: string;

  constructor(connection: Connection, database: string) {
    this.#connection = connection;
    this.#database = database;
  }

  /**
   * Checks one document, and heals it if it is damaged. DOCUMENT_NOT_FOUND; DATABASE_READ_ONLY when it is damaged and
   * the database takes no writes. That no copy was found is an outcome, not an error.
   */
  async heal(collection: string, id: DocumentId, options: CallOptions = {}): Promise<HealResult> {
    const request = { database: this.#database, collection, id: exactId(id) };
    // A second check does no harm, so it may be repeated like a read.
    const { outcome, version, source } = await this.#connection.read(Rpcs.healDocument, request, options);
    return { outcome: outcomes[outcome] ?? "unknown", version, source: sourceOf(source) };
  }

  /**
   * Checks every document and heals those that are damaged; yields the progress about every half a second, and at last
   * a message with `done`. Leaving the loop stops the check; what was healed stays healed. DATABASE_READ_ONLY when a
   * document is damaged and the database takes no writes.
   */
  async *healAll(options: CallOptions = {}): AsyncGenerator<HealProgress, void, void> {
    const request = { database: this.#database };
    for await (const message of this.#connection.stream(Rpcs.healDatabase, request, options)) yield progressOf(message);
  }

  /** What was found and done since the server opened the database, which this does if need be. */
  async stats(options: CallOptions = {}): Promise<HealingStats> {
    const [stats] = await healingStats(this.#connection, this.#database, options);
    if (stats === undefined) throw new DocDBError("INTERNAL", "The server's answer lacks the statistics.");
    return stats;
  }
}

/** The statistics of one database, or of all that are open when the name is empty. */
export async function healingStats(
  connection: Connection,
  database: string,
  options: CallOptions,
): Promise<HealingStats[]> {
  const { databases } = await connection.read(Rpcs.getHealingStats, { database }, options);
  return databases.map(statsOf);
}

const outcomes: Readonly<Record<number, HealResult["outcome"]>> = {
  [WireOutcome.INTACT]: "intact",
  [WireOutcome.HEALED]: "healed",
  [WireOutcome.QUARANTINED]: "quarantined",
};

const sources: Readonly<Record<number, HealSource>> = {
  [WireSource.WAL]: "wal",
  [WireSource.MEMORY]: "memory",
  [WireSource.BACKUP]: "backup",
};

function sourceOf(source: WireSource): HealSource | undefined {
  return source === WireSource.UNSPECIFIED ? undefined : (sources[source] ?? "unknown");
}

function progressOf(wire: WireProgress): HealProgress {
  return {
    checked: wire.documentsChecked,
    total: wire.documentsTotal,
    corrupt: wire.documentsCorrupt,
    healed: wire.documentsHealed,
    quarantined: wire.documentsQuarantined,
    done: wire.done,
  };
}

function statsOf(wire: WireStats): HealingStats {
  const { lastScrubTime, lastScrubDuration, lastCorruptionTime } = wire;
  return {
    database: wire.database,
    scrubsCompleted: wire.scrubsCompleted,
    lastScrubTime: lastScrubTime === undefined ? undefined : dateOf(lastScrubTime),
    lastScrubDurationMs:
      lastScrubDuration === undefined
        ? undefined
        : Number(lastScrubDuration.seconds) * 1000 + lastScrubDuration.nanos / 1_000_000,
    checked: wire.documentsChecked,
    corrupt: wire.documentsCorrupt,
    healedFromWal: wire.documentsHealedFromWal,
    healedFromMemory: wire.documentsHealedFromMemory,
    healedFromBackup: wire.documentsHealedFromBackup,
    quarantined: wire.documentsQuarantined,
    lastCorruptionTime: lastCorruptionTime === undefined ? undefined : dateOf(lastCorruptionTime),
  };
}
