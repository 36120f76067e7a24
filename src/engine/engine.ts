// The engine: all databases of one data directory, and the commands on them. It knows nothing of gRPC and can be
// embedded.
//
// Layout: `.catalog` and `LOCK` in the data directory; see storage/layout.ts for the files of each database.

import { DocDBError } from "../base/errors.ts";
import type { MemoryAccount } from "../base/memory-account.ts";
import { checkName } from "../base/names.ts";
import { carefulPlatform } from "../platform/careful-file-system.ts";
import type { Lock, Platform } from "../platform/platform.ts";
import { diskError } from "../storage/disk-errors.ts";
import { createStore } from "../storage/create-store.ts";
import type { StoreOptions } from "../storage/store-options.ts";
import type { Catalog, CatalogEntry } from "./catalog.ts";
import {
  asCommand,
  type Command,
  type CommandName,
  type DatabaseInfo,
  type DocumentRecord,
  type ExecutionContext,
  type Executor,
  type HealingStats,
  type Page,
  type Result,
} from "./commands.ts";
import { takeDataDirectory } from "./data-directory.ts";
import { Database } from "./database.ts";
import { refuseForeignFiles, removeFiles } from "./database-files.ts";
import { databaseNotFound, DatabaseSlot, type SlotHost } from "./database-slot.ts";
import { type EngineOptions, type Shared, sharedBy, storeOptionsOf } from "./engine-options.ts";
import { type EngineStats, memoryStats, poolStats } from "./engine-stats.ts";
import { isLong, runInDatabase } from "./run-command.ts";
import { StartRecovery } from "./start-recovery.ts";

export class Engine implements Executor {
  readonly #options: EngineOptions;
  readonly #lock: Lock;
  readonly #catalog: Catalog;
  readonly #slots = new Map<string, DatabaseSlot>();
  readonly #shared: Shared;
  readonly #slotHost: SlotHost;
  readonly #recovery: StartRecovery;
  #lastAdministration: Promise<unknown> = Promise.resolve();
  #closed: Promise<void> | undefined;

  private constructor(options: EngineOptions, lock: Lock, catalog: Catalog) {
    this.#options = options;
    this.#lock = lock;
    this.#catalog = catalog;
    this.#shared = sharedBy(options);
    const { pool } = this.#shared;
    this.#slotHost = {
      clock: this.#clock,
      pool,
      open: (slot) => this.#openFiles(slot),
      onState: options.onDatabaseState ?? (() => undefined),
    };
    this.#recovery = new StartRecovery(options, pool);
    for (const entry of catalog.entries) if (entry.state === "ready") this.#addSlot(entry);
  }

  /**
   * Takes the data directory and loads its catalog; databases open on first use, or by `recover`.
   * ALREADY_RUNNING when another process has the directory, DATABASE_CORRUPT when the catalog is damaged.
   */
  static async open(given: EngineOptions): Promise<Engine> {
    const options = { ...given, platform: carefulPlatform(given.platform) };
    const { lock, catalog } = await takeDataDirectory(options);
    return new Engine(options, lock, catalog);
  }

  /**
   * Opens the databases that were not closed in good order, so that nobody has to wait for their recovery later; what
   * can't be opened is `failed` then. They serve meanwhile: a first use doesn't wait for its turn. Ends when all have
   * been tried, or the engine is closed.
   */
  recover(): Promise<void> {
    return this.#recovery.run([...this.#slots.values()]);
  }

  /** All databases with their states, by name. */
  databases(): DatabaseInfo[] {
    return [...this.#slots.keys()].sort().map((key) => (this.#slots.get(key) as DatabaseSlot).info);
  }

  /** What a database is really called, as names go without regard to case; undefined when there is none. */
  nameOf(database: string): string | undefined {
    return this.#slots.get(database.toLowerCase())?.entry.name;
  }

  /** Figures about one database, or all of them with an empty name. DATABASE_NOT_FOUND. */
  stats(database: string): EngineStats {
    const infos = this.databases();
    const slots = database === "" ? infos.map((info) => this.#slot(info.database)) : [this.#slot(database)];
    const { cache, memory, databaseMemoryBytes } = this.#shared;
    return {
      pool: poolStats(infos, this.#shared.pool, this.#recovery.left),
      cache: cache.stats,
      memory: memoryStats(memory, databaseMemoryBytes),
      databases: slots.map((slot) => slot.stats),
    };
  }

  /** The account of all memory: whoever holds some for the engine's callers has it counted there. */
  get memory(): MemoryAccount {
    return this.#shared.memory;
  }

  async execute<K extends CommandName>(command: Command<K>, context?: ExecutionContext): Promise<Result<K>> {
    if (this.#closed !== undefined) throw shuttingDown();
    if (context?.signal?.aborted === true) {
      throw new DocDBError("CANCELLED", "The call was cancelled before it ran: nothing happened.");
    }
    return await this.#run(asCommand(command), context);
  }

  /** Answers a read at once when it needs neither the disk nor anybody's turn; undefined when `execute` must do it. */
  readNow(command: Command<"getDocument">): DocumentRecord | undefined {
    if (this.#closed !== undefined || command.transaction !== undefined) return undefined;
    return this.#slots.get(command.database.toLowerCase())?.useNow()?.reader.getNow(command.collection, command.id);
  }

  /** Asks work that may take long, such as compactions, to end soon: the server is about to stop. */
  stopLongWork(): void {
    for (const slot of this.#slots.values()) slot.stopLongWork();
  }

  /** Waits for what is running, checkpoints and closes every database, and gives the directory free. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#recovery.stop();
    this.#shared.pool.stop();
    for (const slot of this.#slots.values()) slot.refuse(shuttingDown);
    await this.#lastAdministration;
    for (const slot of this.#slots.values()) slot.refuse(shuttingDown);
    const results = await Promise.allSettled([...this.#slots.values()].map((slot) => slot.close()));
    await this.#shared.longPatches.rest();
    await this.#lock.release();
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }

  #run(command: Command, context: ExecutionContext | undefined): Promise<Result> {
    const releaseSlot = (): void => context?.releaseSlot?.();
    switch (command.op) {
      case "createDatabase":
        return this.#createDatabase(command.database, releaseSlot);
      case "openDatabase":
        return this.#openDatabase(command.database, command.createIfMissing, releaseSlot);
      case "closeDatabase":
        return this.#closeDatabase(command.database, releaseSlot);
      case "deleteDatabase":
        return this.#administer(() => this.#delete(command.database), releaseSlot);
      case "getDatabase":
        return Promise.resolve(this.#slot(command.database)).then((slot) => slot.info);
      case "getHealingStats":
        return this.#healingStats(command.database, releaseSlot);
      case "listDatabases":
        return Promise.resolve(this.#list(command.after, command.pageSize));
      case "closeSnapshot":
        this.#slots.get(command.database.toLowerCase())?.closeSnapshot(command.snapshot);
        return Promise.resolve({});
      default: {
        const run = (database: Database): Promise<Result> => runInDatabase(database, command, this.#clock, context);
        return this.#slot(command.database).use(run, { long: isLong(command), onWait: releaseSlot });
      }
    }
  }

  get #clock(): Platform["clock"] {
    return this.#options.platform.clock;
  }

  #slot(name: string): DatabaseSlot {
    const slot = this.#slots.get(name.toLowerCase());
    if (slot !== undefined) return slot;
    checkName("database", name);
    throw databaseNotFound(name);
  }

  #addSlot(entry: CatalogEntry): DatabaseSlot {
    const slot = new DatabaseSlot(entry, this.#slotHost);
    this.#slots.set(entry.name.toLowerCase(), slot);
    return slot;
  }

  #openFiles(slot: DatabaseSlot): Promise<Database> {
    return Database.open(this.#storeOptions(slot.entry), this.#shared.longPatches, (error) => {
      this.#options.observer.failure(`database ${slot.entry.name}`, error);
      slot.report();
    });
  }

  #storeOptions(entry: CatalogEntry): StoreOptions {
    return storeOptionsOf(this.#options, entry, this.#shared);
  }

  /** Changes of the set of databases run one after the other; they mostly wait, for which no slot is needed. */
  #administer<T>(work: () => Promise<T>, releaseSlot: () => void): Promise<T> {
    releaseSlot();
    const result = this.#lastAdministration.then(work);
    this.#lastAdministration = result.catch(() => undefined);
    return result;
  }

  /** A new database is opened at once, unless another would have to give way to it: nobody needs it yet. */
  async #createDatabase(name: string, releaseSlot: () => void): Promise<DatabaseInfo> {
    const slot = await this.#administer(() => this.#create(name, "must be new"), releaseSlot);
    if (this.#shared.pool.hasRoom) await slot.open();
    return slot.info;
  }

  async #create(name: string, existing: "must be new" | "is fine"): Promise<DatabaseSlot> {
    checkName("database", name);
    const known = this.#slots.get(name.toLowerCase());
    if (known !== undefined) {
      if (existing === "is fine") return known;
      const message = `There is a database ${known.entry.name} already (names are unique without regard to case).`;
      throw new DocDBError("DATABASE_EXISTS", message, { metadata: { database: known.entry.name } });
    }
    const { platform, directory } = this.#options;
    try {
      const unfinished = this.#catalog.find(name);
      if (unfinished !== undefined) await this.#clearAway(unfinished);
      await refuseForeignFiles(platform.fs, directory, name);
    } catch (error) {
      throw diskError(`Database ${name} was not created`, error);
    }
    const adding = await this.#catalog.add(name, this.#clock.now());
    try {
      await createStore(this.#storeOptions(adding));
    } catch (error) {
      // Should this fail too, the next creation or start clears it away: the catalog calls the database unfinished.
      await removeFiles(platform.fs, directory, name)
        .then(() => this.#catalog.remove(adding))
        .catch(() => undefined);
      throw diskError(`Database ${name} was not created`, error);
    }
    return this.#addSlot(await this.#catalog.setState(adding, "ready"));
  }

  /** Removes what a creation left whose last step failed: the catalog on disk may call it ready already. */
  async #clearAway(unfinished: CatalogEntry): Promise<void> {
    const deleting = await this.#catalog.setState(unfinished, "deleting");
    await removeFiles(this.#options.platform.fs, this.#options.directory, unfinished.name);
    await this.#catalog.remove(deleting);
  }

  async #openDatabase(name: string, createIfMissing: boolean, releaseSlot: () => void): Promise<DatabaseInfo> {
    releaseSlot();
    if (createIfMissing) await this.#administer(() => this.#create(name, "is fine"), releaseSlot);
    const slot = this.#slot(name);
    await slot.open();
    return slot.info;
  }

  async #closeDatabase(name: string, releaseSlot: () => void): Promise<DatabaseInfo> {
    releaseSlot();
    const slot = this.#slot(name);
    await slot.close();
    return slot.info;
  }

  async #delete(name: string): Promise<Record<never, never>> {
    const slot = this.#slot(name);
    const { platform, directory, onDatabaseState } = this.#options;
    // Nobody may write from here on: once the catalog says `deleting`, a restart removes the files.
    slot.refuse(() => databaseNotFound(slot.entry.name));
    await slot.close();
    try {
      const deleting = await this.#catalog.setState(slot.entry, "deleting");
      await removeFiles(platform.fs, directory, slot.entry.name);
      await this.#catalog.remove(deleting);
    } catch (error) {
      // When nothing of it has reached the disk, nothing has happened.
      const untouched = this.#catalog.find(name)?.state === "ready" && (await this.#catalog.isOnDisk());
      slot.refuse(untouched ? undefined : () => halfDeleted(slot.entry.name));
      throw diskError(`Database ${name} was not deleted${untouched ? "" : " completely; delete it again"}`, error);
    }
    this.#slots.delete(name.toLowerCase());
    onDatabaseState?.({ database: slot.entry.name, state: "deleted" });
    return {};
  }

  async #healingStats(name: string, releaseSlot: () => void): Promise<Result<"getHealingStats">> {
    const statsOf = ({ entry }: DatabaseSlot, database: Database): HealingStats => {
      return { database: entry.name, ...database.healing.report };
    };
    if (name !== "") {
      const slot = this.#slot(name);
      const stats = (database: Database): Promise<HealingStats> => Promise.resolve(statsOf(slot, database));
      return { databases: [await slot.use(stats, { long: false, onWait: releaseSlot })] };
    }
    const slots = [...this.#slots.keys()].sort().map((key) => this.#slot(key));
    return { databases: slots.flatMap((slot) => (slot.opened === undefined ? [] : [statsOf(slot, slot.opened)])) };
  }

  #list(after: string, pageSize: number): Page<DatabaseInfo> {
    const key = after.toLowerCase();
    const later = this.databases().filter((info) => info.database.toLowerCase() > key);
    return { items: later.slice(0, pageSize), more: later.length > pageSize };
  }
}

function shuttingDown(): DocDBError {
  return new DocDBError("SHUTTING_DOWN", "The server is shutting down: nothing happened.");
}

function halfDeleted(database: string): DocDBError {
  const message = `The deletion of database ${database} failed half-way. Delete it again, or restart the server.`;
  return new DocDBError("IO_ERROR", message, { metadata: { database } });
}
