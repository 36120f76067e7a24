// A database's place in the engine: opened on first use by whoever comes first, shared by all who use it, closed only
// when nobody does. How many are open at once, and which one gives way, is the pool's business.

import { DocDBError } from "../base/errors.ts";
import type { Clock } from "../platform/platform.ts";
import type { CatalogEntry } from "./catalog.ts";
import type { DatabaseInfo, DatabaseState } from "./commands.ts";
import type { Database } from "./database.ts";
import type { DatabasePool, Occupation, Resident } from "./database-pool.ts";
import type { DatabaseStats } from "./engine-stats.ts";

/** What slots need of their engine. */
export interface SlotHost {
  readonly clock: Clock;
  readonly pool: DatabasePool;
  /** Opens the database's files. */
  readonly open: (slot: DatabaseSlot) => Promise<Database>;
  readonly onState: (info: DatabaseInfo) => void;
}

/** How a database is used: `long` work has no end in sight, and nobody waits for it who wants its place. */
export interface Use {
  readonly long: boolean;
  /** Called before it is waited for the disk to open or close the database, or for others to give way. */
  readonly onWait: () => void;
}

const shortUse: Use = { long: false, onWait: () => undefined };

export class DatabaseSlot implements Resident {
  readonly entry: CatalogEntry;
  readonly #host: SlotHost;
  #opening: Promise<Database> | undefined;
  #database: Database | undefined;
  #users = 0;
  #longUsers = 0;
  #lastUsedMs = 0;
  #onIdle: (() => void) | undefined;
  #closing: Promise<void> | undefined;
  /** The one that is under way must close the database, whatever that takes away from whom. */
  #mustClose = false;
  /** Why nobody may use the database any more. */
  #refusal: (() => DocDBError) | undefined;
  #failure: Error | undefined;

  constructor(entry: CatalogEntry, host: SlotHost) {
    this.entry = entry;
    this.#host = host;
  }

  get name(): string {
    return this.entry.name;
  }

  get info(): DatabaseInfo {
    const { name: database, createTimeMs } = this.entry;
    const readOnly = this.#database?.readOnly;
    let state: DatabaseState = this.#database === undefined ? "closed" : "open";
    if (readOnly !== undefined) state = "read_only";
    else if (this.#failure !== undefined) state = "failed";
    return { database, state, stateReason: readOnly?.message ?? this.#failure?.message ?? "", createTimeMs };
  }

  /** The database, while it is open. What it is asked for must not wait. */
  get opened(): Database | undefined {
    return this.#database;
  }

  /** The database, if it is open and may be used: for a use that ends in this turn. */
  useNow(): Database | undefined {
    if (this.#closing !== undefined || this.#refusal !== undefined) return undefined;
    this.#lastUsedMs = this.#host.clock.monotonicMs();
    return this.#database;
  }

  get lastUsedMs(): number {
    return this.#lastUsedMs;
  }

  get occupation(): Occupation {
    const database = this.#database;
    const isSettled = database !== undefined && this.#closing === undefined;
    if (!isSettled || this.#longUsers > 0 || isKeptOpen(database)) return "held";
    if (this.#users > 0) return "commands";
    return database.hasUpkeep ? "upkeep" : "idle";
  }

  get stats(): DatabaseStats {
    return { info: this.info, opened: this.#database?.stats };
  }

  /** Runs `work` on the open database, opening it if need be. DATABASE_LIMIT when too many others are in use. */
  async use<T>(work: (database: Database) => Promise<T>, { long, onWait }: Use = shortUse): Promise<T> {
    while (this.#closing !== undefined) {
      onWait();
      await this.#closing.catch(() => undefined);
    }
    if (this.#refusal !== undefined) throw this.#refusal();
    // Damaged files don't mend by themselves: whoever wants another try closes or opens the database explicitly.
    if (this.#failure instanceof DocDBError && this.#failure.code === "DATABASE_CORRUPT") throw this.#failure;
    this.#users++;
    if (long) this.#longUsers++;
    try {
      if (this.#database === undefined) onWait();
      return await work(this.#database ?? (await this.#opened()));
    } finally {
      this.#lastUsedMs = this.#host.clock.monotonicMs();
      if (long) this.#longUsers--;
      this.#users--;
      if (this.#users === 0) this.#onIdle?.();
      this.#host.pool.released(this);
    }
  }

  /** Opens the database if it isn't, also when that failed before. */
  async open(): Promise<void> {
    this.#failure = undefined;
    await this.use(() => Promise.resolve());
  }

  /** Waits until nobody uses the database, then closes it. The next use opens it again. */
  close(): Promise<void> {
    this.#mustClose = true;
    this.stopLongWork();
    return this.#closeOnce();
  }

  /** Closes the database when its commands have ended, unless they left a transaction or a snapshot open. */
  giveWay(): Promise<void> {
    return this.#closeOnce();
  }

  /** From now on every use, also one that waits already, is refused with this error; undefined lifts that again. */
  refuse(refusal: (() => DocDBError) | undefined): void {
    this.#refusal = refusal;
    if (refusal !== undefined) this.#host.pool.withdraw(this, refusal());
  }

  /** Asks work of the open database that may take long to end soon. */
  stopLongWork(): void {
    this.#database?.stopLongWork();
  }

  /** Ends a snapshot; nothing happens when it has ended already. */
  closeSnapshot(handle: string): void {
    this.#database?.snapshots.close(handle);
    this.#host.pool.released(this);
  }

  /** Tells the listener the present state. */
  report(): void {
    this.#host.onState(this.info);
  }

  #closeOnce(): Promise<void> {
    this.#closing ??= this.#close().finally(() => {
      this.#closing = undefined;
      this.#mustClose = false;
    });
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#users > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
      this.#onIdle = undefined;
    }
    const database = this.#database;
    if (database !== undefined && isKeptOpen(database) && !this.#mustClose) return;
    this.#database = undefined;
    this.#failure = undefined;
    if (database !== undefined) await this.#host.pool.close(this, () => database.close());
    this.report();
  }

  #opened(): Promise<Database> {
    this.#opening ??= this.#openNow().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  #openNow(): Promise<Database> {
    return this.#host.pool.open(this, () => this.#openFiles());
  }

  async #openFiles(): Promise<Database> {
    try {
      this.#database = await this.#host.open(this);
      this.#failure = undefined;
      return this.#database;
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
      throw error;
    } finally {
      this.report();
    }
  }
}

/** Whether closing the database now would take something away from somebody, or its state from an operator. */
function isKeptOpen({ isHeld, readOnly }: Database): boolean {
  return isHeld || readOnly !== undefined;
}

/** The error for a database that isn't there. */
export function databaseNotFound(database: string): DocDBError {
  const message = `There is no database ${database}. Create it first.`;
  return new DocDBError("DATABASE_NOT_FOUND", message, { metadata: { database } });
}
