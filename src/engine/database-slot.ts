// A database's place in the engine: opened on first use by whoever comes first, shared by all who use it, closed only
// when nobody does.

import { DocDBError } from "../base/errors.ts";
import type { CatalogEntry } from "./catalog.ts";
import type { DatabaseInfo, DatabaseState } from "./commands.ts";
import type { Database } from "./database.ts";
import type { DatabaseStats } from "./engine-stats.ts";

export class DatabaseSlot {
  readonly entry: CatalogEntry;
  readonly #open: (slot: DatabaseSlot) => Promise<Database>;
  readonly #onState: (info: DatabaseInfo) => void;
  #opening: Promise<Database> | undefined;
  #database: Database | undefined;
  #users = 0;
  #onIdle: (() => void) | undefined;
  #closing: Promise<void> | undefined;
  /** Why nobody may use the database any more. */
  #refusal: (() => DocDBError) | undefined;
  #failure: Error | undefined;

  constructor(
    entry: CatalogEntry,
    open: (slot: DatabaseSlot) => Promise<Database>,
    onState: (info: DatabaseInfo) => void,
  ) {
    this.entry = entry;
    this.#open = open;
    this.#onState = onState;
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

  /** The database, while it is open and may be used. What it is asked for must not wait. */
  get inUse(): Database | undefined {
    return this.#closing === undefined && this.#refusal === undefined ? this.#database : undefined;
  }

  get stats(): DatabaseStats {
    return { info: this.info, opened: this.#database?.stats };
  }

  /**
   * Runs `work` on the open database, opening it if need be. `onWait` is called before it waits for the disk to open or
   * close the database.
   */
  async use<T>(work: (database: Database) => Promise<T>, onWait: () => void = () => undefined): Promise<T> {
    while (this.#closing !== undefined) {
      onWait();
      await this.#closing.catch(() => undefined);
    }
    if (this.#refusal !== undefined) throw this.#refusal();
    // Damaged files don't mend by themselves: whoever wants another try closes or opens the database explicitly.
    if (this.#failure instanceof DocDBError && this.#failure.code === "DATABASE_CORRUPT") throw this.#failure;
    this.#users++;
    try {
      if (this.#database === undefined) onWait();
      return await work(this.#database ?? (await this.#opened()));
    } finally {
      this.#users--;
      if (this.#users === 0) this.#onIdle?.();
    }
  }

  /** Opens the database if it isn't, also when that failed before. */
  async open(): Promise<void> {
    this.#failure = undefined;
    await this.use(() => Promise.resolve());
  }

  /** Waits until nobody uses the database, then closes it. The next use opens it again. */
  close(): Promise<void> {
    this.#closing ??= this.#close().finally(() => {
      this.#closing = undefined;
    });
    return this.#closing;
  }

  /** From now on every use, also one that waits already, is refused with this error; undefined lifts that again. */
  refuse(refusal: (() => DocDBError) | undefined): void {
    this.#refusal = refusal;
  }

  /** Asks work of the open database that may take long to end soon. */
  stopLongWork(): void {
    this.#database?.stopLongWork();
  }

  /** Tells the listener the present state. */
  report(): void {
    this.#onState(this.info);
  }

  async #close(): Promise<void> {
    this.stopLongWork();
    if (this.#users > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
      this.#onIdle = undefined;
    }
    const database = this.#database;
    this.#database = undefined;
    this.#failure = undefined;
    await database?.close();
    this.report();
  }

  #opened(): Promise<Database> {
    this.#opening ??= this.#openNow().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #openNow(): Promise<Database> {
    try {
      this.#database = await this.#open(this);
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

/** The error for a database that isn't there. */
export function databaseNotFound(database: string): DocDBError {
  const message = `There is no database ${database}. Create it first.`;
  return new DocDBError("DATABASE_NOT_FOUND", message, { metadata: { database } });
}
