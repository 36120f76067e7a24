// The databases of a server: what `client.databases` offers.

import {
  DatabaseServiceService as Rpcs,
  DatabaseState as WireState,
  type Database as WireDatabase,
} from "../../gen/docdb/v1/database.ts";
import { DocDBError } from "../base/errors.ts";
import type { CallOptions, Connection } from "./connection.ts";
import { dateOf } from "./document.ts";
import { type HealingStats, healingStats } from "./healing.ts";

/** Whether a database can be used. "unknown" is a state that this client is too old to know. */
export type DatabaseState = "open" | "closed" | "read-only" | "failed" | "unknown";

/** A database as the server describes it. */
export interface DatabaseInfo {
  /** Its name, spelled as it was when the database was created. */
  readonly name: string;
  readonly state: DatabaseState;
  /** Why it is read-only or failed, for people; empty otherwise. */
  readonly stateReason: string;
  readonly createTime: Date;
}

/** Creates, lists and drops databases. */
export class Databases {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Creates an empty database. DATABASE_EXISTS when there is one of that name, whatever the case of its letters. */
  async create(name: string, options: CallOptions = {}): Promise<DatabaseInfo> {
    const { database } = await this.#connection.write(Rpcs.createDatabase, { database: name }, options);
    return infoOf(database);
  }

  /**
   * Opens a database, so that the first use doesn't pay for its recovery; with `createIfMissing` creates it first when
   * there is none, otherwise that is DATABASE_NOT_FOUND. DATABASE_CORRUPT when it can't be opened without losing
   * documents.
   */
  async open(name: string, options: CallOptions & { readonly createIfMissing?: boolean } = {}): Promise<DatabaseInfo> {
    const request = { database: name, createIfMissing: options.createIfMissing ?? false };
    // Doing it twice is doing it once, so it may be repeated like a read.
    const { database } = await this.#connection.read(Rpcs.openDatabase, request, options);
    return infoOf(database);
  }

  /** Checkpoints and closes a database, which frees its memory. The next use opens it again. */
  async close(name: string, options: CallOptions = {}): Promise<DatabaseInfo> {
    const { database } = await this.#connection.read(Rpcs.closeDatabase, { database: name }, options);
    return infoOf(database);
  }

  /** Describes a database without opening it. DATABASE_NOT_FOUND when there is none. */
  async get(name: string, options: CallOptions = {}): Promise<DatabaseInfo> {
    const { database } = await this.#connection.read(Rpcs.getDatabase, { database: name }, options);
    return infoOf(database);
  }

  /** Removes a database with all that is in it, for good. DATABASE_NOT_FOUND when there is none. */
  async drop(name: string, options: CallOptions = {}): Promise<void> {
    await this.#connection.write(Rpcs.deleteDatabase, { database: name }, options);
  }

  /** What was found damaged and healed in each database that is open, since it was opened. */
  healingStats(options: CallOptions = {}): Promise<HealingStats[]> {
    return healingStats(this.#connection, "", options);
  }

  /** Yields the databases in the order of their names, fetching page after page. */
  async *list(options: CallOptions & { readonly pageSize?: number } = {}): AsyncGenerator<DatabaseInfo, void, void> {
    let pageToken = "";
    do {
      const request = { pageSize: options.pageSize ?? 0, pageToken };
      const page = await this.#connection.read(Rpcs.listDatabases, request, options);
      yield* page.databases.map(infoOf);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
  }
}

function infoOf(wire: WireDatabase | undefined): DatabaseInfo {
  if (wire === undefined) throw new DocDBError("INTERNAL", "The server's answer lacks the database.");
  return {
    name: wire.name,
    state: stateNames[wire.state] ?? "unknown",
    stateReason: wire.stateReason,
    createTime: dateOf(wire.createTime),
  };
}

/** What the wire calls the states. */
export const stateNames: Readonly<Record<number, DatabaseState>> = {
  [WireState.OPEN]: "open",
  [WireState.CLOSED]: "closed",
  [WireState.READ_ONLY]: "read-only",
  [WireState.FAILED]: "failed",
};
