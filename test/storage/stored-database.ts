// A store on a simulated machine, without an engine above it.

import type { DocDBError } from "../../src/base/errors.ts";
import { limits } from "../../src/base/limits.ts";
import { MemoryAccount } from "../../src/base/memory-account.ts";
import { idHigh, idLow } from "../../src/base/u64.ts";
import type { Clock } from "../../src/platform/platform.ts";
import { SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import type { Mutation } from "../../src/storage/commit.ts";
import type { Collection } from "../../src/storage/document-index.ts";
import { Background } from "../../src/platform/background.ts";
import { Pacer } from "../../src/storage/pacer.ts";
import { layoutOf } from "../../src/storage/layout.ts";
import { createStore } from "../../src/storage/create-store.ts";
import type { Snapshot } from "../../src/storage/snapshot.ts";
import { Store } from "../../src/storage/store.ts";
import { Meters } from "../../src/telemetry/meters.ts";
import type { StoreOptions } from "../../src/storage/store-options.ts";
import { put } from "./sample-commits.ts";

export const layout = layoutOf("", "d");

/** Settings under which a checkpoint leaves nothing in the WAL from which a damaged document could be healed. */
export const withoutOldWal = { segmentBytes: 1, keepSegments: 0 } as const;

export class StoredDatabase {
  readonly machine: SimulatedMachine;
  readonly settings: Partial<StoreOptions>;
  /** What the store told of: "abort", "read-only", and the observer's warnings and errors. */
  readonly events: string[] = [];
  #background: Background | undefined;
  #clock: Clock | undefined;
  #store: Store | undefined;

  constructor(settings: Partial<StoreOptions> = {}, machine: SimulatedMachine = new SimulatedMachine(1)) {
    this.machine = machine;
    this.settings = settings;
  }

  get store(): Store {
    if (this.#store === undefined) throw new Error("open it first");
    return this.#store;
  }

  /** Requests come every millisecond, until the process ends. */
  keepBusy(): void {
    this.#background?.noteRequest();
    this.#clock?.after(1, () => this.keepBusy());
  }

  get #options(): StoreOptions {
    const platform = this.machine.platform();
    this.#background = new Background(platform.clock);
    this.#clock = platform.clock;
    return {
      platform,
      background: this.#background,
      meters: new Meters(),
      memory: new MemoryAccount(),
      memoryBytes: 0,
      layout,
      databaseId: 1,
      mutationsInPiece: 2,
      observer: {
        event: (level, message) => void (level === "info" || this.events.push(message)),
        failure: (where) => void (where.includes(": ") && this.events.push(where)),
      },
      fsyncMode: "group",
      fsyncIntervalMs: 100,
      segmentBytes: 1_000_000,
      checkpointBytes: 1_000_000_000,
      trimAfterCheckpoint: true,
      keepSegments: 2,
      compactionBytes: 1_000_000_000,
      compactionDeadRatio: 1,
      compactionBatchBytes: 1,
      snapshotAgeMs: limits.snapshotAgeMs,
      oldVersionBytes: limits.oldVersionBytes,
      backup: undefined,
      scrubIntervalMs: 0,
      scrubPacer: new Pacer(platform.clock, 1_000_000),
      ...this.settings,
    };
  }

  async create(): Promise<this> {
    const options = this.#options;
    const { fs } = options.platform;
    const work = async (): Promise<void> => {
      for (const directory of ["/data", "/wal"]) await fs.mkdir(directory);
      await fs.syncDirectory("/");
      await createStore(options);
    };
    await this.machine.run(work());
    return await this.open();
  }

  /** Starts a process; what the machine still ran is killed. */
  async open(): Promise<this> {
    const listener = {
      onAbort: (): void => void this.events.push("abort"),
      onReadOnly: (): void => void this.events.push("read-only"),
    };
    this.#store = await this.machine.run(Store.open(this.#options, listener));
    return this;
  }

  async close(): Promise<void> {
    await this.machine.run(this.store.close());
  }

  /** Commits these and waits. Returns the version. */
  async commit(...mutations: Mutation[]): Promise<number> {
    const { version, done } = this.store.commit(mutations);
    await this.machine.run(done);
    return version;
  }

  /** Commits documents 1 to `count`, one commit each. */
  async fill(count: number, text = "x"): Promise<void> {
    for (let id = 1; id <= count; id++) await this.commit(put(BigInt(id), `${text}${id}`));
  }

  /** The content of a document, or undefined: now, or as of a snapshot; by default in the collection `_default`. */
  async read(id: bigint, snapshot?: Snapshot, from?: Collection): Promise<string | undefined> {
    const { store } = this;
    const [first] = store.index.collections;
    const collection = from ?? first;
    if (collection === undefined) return undefined;
    const read = store.reading(async () => {
      const located = store.locate(collection, idLow(id), idHigh(id), snapshot);
      return located === undefined ? undefined : await store.read(collection, idLow(id), idHigh(id), located);
    }, snapshot);
    return (await this.machine.run(read))?.content.toString();
  }

  /** Ids from 1 to `upTo` that have a document. */
  async present(upTo: number): Promise<number[]> {
    const found = [];
    for (let id = 1; id <= upTo; id++) if ((await this.read(BigInt(id))) !== undefined) found.push(id);
    return found;
  }

  /** The error that opening ends in; fails when it succeeds. */
  async openError(): Promise<DocDBError> {
    try {
      await this.open();
    } catch (error) {
      return error as DocDBError;
    }
    throw new Error("it opened");
  }

  get walFiles(): string[] {
    return [...this.machine.files().keys()].filter((path) => path.startsWith("/wal/"));
  }
}
