// The way in: a connection to a server, to one of its databases or to all of them.

import { OperationsServiceService } from "../../gen/docdb/v1/operations.ts";
import { setTimeout as sleep } from "node:timers/promises";
import { DocDBError } from "../base/errors.ts";
import { type CallOptions, Connection } from "./connection.ts";
import { Database } from "./database.ts";
import { Databases } from "./databases.ts";
import { getStats, type ServerStats } from "./stats.ts";

/** Where a server listens that wasn't told otherwise. */
export const defaultSocket = "/tmp/docdb.sock";

export interface ConnectOptions {
  /** Path of the server's Unix socket. Default: `/tmp/docdb.sock`. */
  readonly socket?: string | undefined;
  /** Milliseconds after which a call is given up, unless it says otherwise; `Infinity` for never. Default: 30,000. */
  readonly deadlineMs?: number | undefined;
  /** Milliseconds to wait for a server that doesn't listen yet. Default: 0, an absent one is UNREACHABLE at once. */
  readonly waitForServerMs?: number | undefined;
  /**
   * Lets calls on documents that are made in one turn of the event loop travel together, many times as fast as each
   * alone. Default: true. With false each is a unary gRPC call, as with any other client.
   */
  readonly pipeline?: boolean | undefined;
  /**
   * Gives each mutation of documents a request id of its own, under which it is sent again by itself when its answer
   * was lost, and applied once all the same. Default: false: such a mutation rejects with OUTCOME_UNKNOWN, unless it
   * was called with a `requestId`. It costs the server about as much again as a small write.
   */
  readonly requestIds?: boolean | undefined;
  /** Gives up connecting: `connect` rejects with CANCELLED. */
  readonly signal?: AbortSignal | undefined;
}

export interface ConnectDatabaseOptions extends ConnectOptions {
  /** Name of the database to use. */
  readonly database: string;
  /** Creates the database when there is none. Default: false, that is DATABASE_NOT_FOUND. */
  readonly createIfMissing?: boolean | undefined;
}

/** A connection to a server, with all its databases. */
export class Client implements AsyncDisposable {
  /** Creates, lists and drops databases. */
  readonly databases: Databases;
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.databases = new Databases(connection);
  }

  /** Absolute path of the server's socket. */
  get socket(): string {
    return this.#connection.socket;
  }

  /** A database of the server, which must exist when it is used. */
  database(name: string): Database {
    return new Database(this.#connection, name);
  }

  /** Tells how the server and its databases are; with `database` only that one. DATABASE_NOT_FOUND. */
  stats(options: CallOptions & { readonly database?: string | undefined } = {}): Promise<ServerStats> {
    return getStats(this.#connection, options.database ?? "", options);
  }

  /** The server's metrics in Prometheus' text format: see docs/metrics.md. */
  async metrics(options: CallOptions = {}): Promise<string> {
    return (await this.#connection.read(OperationsServiceService.getMetrics, {}, options)).text;
  }

  /** Waits for the calls that run, and closes the connection. */
  close(): Promise<void> {
    return this.#connection.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** A database and the connection it is reached by, which closes with it. */
export class ConnectedDatabase extends Database implements AsyncDisposable {
  /** The connection, with the server's other databases. */
  readonly client: Client;

  constructor(connection: Connection, name: string) {
    super(connection, name);
    this.client = new Client(connection);
  }

  /** Waits for the calls that run, and closes the connection. The database itself stays open in the server. */
  close(): Promise<void> {
    return this.client.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * Connects to a server and opens one of its databases: `await using db = await connect({ database: "app" })`. Without
 * `database` it returns a `Client`, which has all of them. Either holds one connection: close it, or let `await using`
 * do so.
 *
 * UNREACHABLE when no server listens on the socket. DATABASE_NOT_FOUND when there is no such database and
 * `createIfMissing` isn't set. INVALID_SETTING when the path is too long for a socket.
 */
export function connect(options: ConnectDatabaseOptions): Promise<ConnectedDatabase>;
export function connect(options?: ConnectOptions): Promise<Client>;
export async function connect(
  options: ConnectOptions & Partial<ConnectDatabaseOptions> = {},
): Promise<ConnectedDatabase | Client> {
  const { socket = defaultSocket, deadlineMs = 30_000, pipeline = true, requestIds = false } = options;
  const connection = new Connection(socket, { deadlineMs, pipeline, requestIds });
  const { database, createIfMissing = false } = options;
  try {
    const databases = new Databases(connection);
    await whenReachable(options, async (call) => {
      // The shortest question there is tells whether somebody answers.
      if (database === undefined) await databases.list({ ...call, pageSize: 1 }).next();
      else await databases.open(database, { ...call, createIfMissing });
    });
    return database === undefined ? new Client(connection) : new ConnectedDatabase(connection, database);
  } catch (error) {
    await connection.close();
    throw error;
  }
}

async function whenReachable(options: ConnectOptions, ask: (call: CallOptions) => Promise<void>): Promise<void> {
  const until = Date.now() + (options.waitForServerMs ?? 0);
  for (;;) {
    try {
      return await ask({ signal: options.signal });
    } catch (error) {
      const absent = error instanceof DocDBError && ["UNREACHABLE", "SERVER_STARTING"].includes(error.code);
      if (!absent || Date.now() >= until) throw error;
      await sleep(20);
    }
  }
}
