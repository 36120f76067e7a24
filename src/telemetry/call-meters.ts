// What is counted of calls: by operation, and by database. The sets of both are bounded, so that what clients do can't
// make the metrics grow: operations are the RPCs of the protocol, and only so many databases have a meter of their own.

import { durationBoundsMs, Histogram } from "./histogram.ts";

/** A call that is an example of a bucket of durations, for whoever wants to see one such trace. */
export interface Exemplar {
  readonly traceId: string;
  readonly durationMs: number;
  /** Milliseconds since the Unix epoch. */
  readonly timeMs: number;
}

export class OperationMeter {
  /** The RPC's full name, without a leading slash: `docdb.v1.DocumentService/GetDocument`. */
  readonly method: string;
  /** Of all calls that have ended. */
  readonly durations: Histogram = new Histogram(durationBoundsMs);
  /** Calls that ended in an error, by the gRPC status. */
  readonly errors: Map<string, number> = new Map();
  ok = 0;
  /** The last traced call in each bucket. */
  readonly exemplars: (Exemplar | undefined)[] = [];

  constructor(method: string) {
    this.method = method;
  }

  /** The RPC's name alone. */
  get name(): string {
    return this.method.slice(this.method.lastIndexOf("/") + 1);
  }

  failed(status: string): void {
    this.errors.set(status, (this.errors.get(status) ?? 0) + 1);
  }
}

export class DatabaseMeter {
  /** Of all calls that have ended and were about this database. */
  readonly durations: Histogram = new Histogram(durationBoundsMs);
  errors = 0;
}

/** The name under which databases go that have no meter of their own. No database can have it. */
export const otherDatabases = "_other";
/** Databases that have one. */
export const maxDatabaseMeters = 50;
/** Ways of writing names (which go without regard to case) that are remembered. */
const maxSpellings = 1_000;

export class DatabaseMeters {
  readonly #nameOf: (database: string) => string | undefined;
  readonly #meters = new Map<string, DatabaseMeter>();
  /** Meters by the names that clients use. */
  readonly #spellings = new Map<string, DatabaseMeter>();
  readonly #other = new DatabaseMeter();

  /** `nameOf` says what a database is really called; undefined when there is none. */
  constructor(nameOf: (database: string) => string | undefined) {
    this.#nameOf = nameOf;
  }

  /** The meter of a database. The first ones that are used get one of their own, and keep it until they are deleted. */
  of(database: string): DatabaseMeter {
    return this.#spellings.get(database) ?? this.#find(database);
  }

  /** The database was deleted: another one may have its place. */
  forget(name: string): void {
    this.#meters.delete(name);
    this.#spellings.clear();
  }

  /** All meters by the names of their databases; that of all others last. */
  get all(): ReadonlyMap<string, DatabaseMeter> {
    return new Map([...this.#meters, [otherDatabases, this.#other]]);
  }

  /** Under which name a database goes. */
  labelOf(name: string): string {
    return this.#meters.has(name) || this.#find(name) !== this.#other ? name : otherDatabases;
  }

  #find(database: string): DatabaseMeter {
    const name = this.#nameOf(database);
    if (name === undefined) return this.#other;
    let meter = this.#meters.get(name);
    if (meter === undefined) {
      if (this.#meters.size >= maxDatabaseMeters) return this.#other;
      meter = new DatabaseMeter();
      this.#meters.set(name, meter);
    }
    if (this.#spellings.size >= maxSpellings) this.#spellings.clear();
    this.#spellings.set(database, meter);
    return meter;
  }
}

export class CallMeters {
  readonly #operations = new Map<string, OperationMeter>();
  readonly databases: DatabaseMeters;
  /** How long commands waited for a slot. Those that are answered from memory need none and aren't in it. */
  readonly queueWaits: Histogram = new Histogram(durationBoundsMs);
  /** How long commands read from the disk. Those that didn't aren't in it. */
  readonly reads: Histogram = new Histogram(durationBoundsMs);

  constructor(nameOf: (database: string) => string | undefined) {
    this.databases = new DatabaseMeters(nameOf);
  }

  /** The meter of an RPC, by its full name. */
  operation(method: string): OperationMeter {
    let meter = this.#operations.get(method);
    if (meter === undefined) this.#operations.set(method, (meter = new OperationMeter(method)));
    return meter;
  }

  get operations(): readonly OperationMeter[] {
    return [...this.#operations.values()];
  }
}
