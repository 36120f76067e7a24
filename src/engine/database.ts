// One open database: what its commands mean, on top of a store that keeps commits whole and durable.
//
// Invariants
// 1. A write is validated and given its version in one turn of the event loop, against everything submitted before it.
// 2. Nothing that isn't visible yet is told to anyone: an answer that rests on pending writes waits until they are
//    visible, and is worked out anew when they fail.

import { DocDBError } from "../base/errors.ts";
import { checkJson } from "../base/json-text.ts";
import { limits } from "../base/limits.ts";
import { sabotaged } from "../base/sabotage.ts";
import { idHigh, idLow } from "../base/u64.ts";
import type { Clock } from "../platform/platform.ts";
import { Turn } from "../platform/turn.ts";
import type { Mutation } from "../storage/commit.ts";
import type { Collection } from "../storage/document-index.ts";
import { smallestIdsAfter } from "../storage/id-order.ts";
import { type CompactionResult, type Located, Store } from "../storage/store.ts";
import type { StoreOptions } from "../storage/store-options.ts";
import { Collections } from "./collections.ts";
import type {
  CompactionProgress,
  DocumentRecord,
  DocumentStamp,
  ExecutionContext,
  Outcome,
  Page,
  WriteOperation,
} from "./commands.ts";
import { PendingWrites } from "./pending.ts";
import { documentNotFound, WritePlan } from "./write-plan.ts";

/** Documents read at the same time for one command. */
const readsAtOnce = 32;

/** Says of an operation's error which one it was. */
type Explain = (error: unknown, position: number) => unknown;

interface Plan {
  readonly mutations: readonly Mutation[];
  readonly stamps: DocumentStamp[];
}

export class Database {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #pending: PendingWrites;
  readonly collections: Collections;
  /** Settles when everything submitted so far has. */
  #lastCommit: Promise<void> = Promise.resolve();

  private constructor(store: Store, clock: Clock, pending: PendingWrites) {
    this.#store = store;
    this.#clock = clock;
    this.#pending = pending;
    this.collections = new Collections(store.index, pending, clock, {
      commit: (mutation) => this.#commit([mutation]).done,
      settled: () => settles(this.#lastCommit),
    });
  }

  /**
   * Opens a database's files. `onReadOnly` is told when writing has ended. DATABASE_CORRUPT when that can't be done.
   */
  static async open(options: StoreOptions, onReadOnly: (error: DocDBError) => void): Promise<Database> {
    const pending = new PendingWrites();
    let database: Database | undefined;
    const onAbort = (): void => {
      if (database !== undefined) database.#forgetPending();
    };
    const store = await Store.open(options, { onAbort, onReadOnly });
    database = new Database(store, options.platform.clock, pending);
    return database;
  }

  /** Why nothing can be written, if so. */
  get readOnly(): DocDBError | undefined {
    return this.#store.readOnly;
  }

  async get(collectionName: string, id: bigint): Promise<DocumentRecord> {
    const collection = this.collections.find(collectionName);
    return await this.#store.reading(async () => {
      const located = this.#locate(collection, id);
      if (located === undefined) throw documentNotFound(collection.name, id);
      return await this.#read(collection, id, located);
    });
  }

  /** All documents as of one version; one outcome for each id, in order. */
  async batchGet(collectionName: string, ids: readonly bigint[]): Promise<Outcome<DocumentRecord>[]> {
    const collection = this.collections.find(collectionName);
    return await this.#store.reading(async () => {
      const located = ids.map((id) => this.#locate(collection, id));
      let bytes = 0;
      return await inParallel(ids, async (id, i) => {
        const place = located[i];
        if (place === undefined) throw documentNotFound(collection.name, id);
        bytes += place.entry.length;
        if (bytes > limits.messageBytes) {
          const message = "The documents asked for don't fit into one response. Ask for fewer at once.";
          throw new DocDBError("RESPONSE_TOO_LARGE", message, { metadata: { id: String(id) } });
        }
        return await this.#read(collection, id, place);
      });
    });
  }

  /** Documents in id order after `after`; see `CommandTable.listDocuments`. */
  async list(collectionName: string, after: bigint, pageSize: number): Promise<Page<DocumentRecord>> {
    const collection = this.collections.find(collectionName);
    return await this.#store.reading(async () => {
      const turn = new Turn(this.#clock);
      const ids = await smallestIdsAfter(collection.table, after, pageSize + 1, () => turn.pause());
      const page = ids.slice(0, pageSize);
      const wanted: { id: bigint; located: Located }[] = [];
      let bytes = 0;
      let more = ids.length > pageSize;
      for (const id of page) {
        const located = this.#locate(collection, id);
        if (located === undefined) continue;
        if (wanted.length > 0 && bytes + located.entry.length > limits.pageBytes) {
          more = true;
          break;
        }
        bytes += located.entry.length;
        wanted.push({ id, located });
      }
      // All of the page was deleted while it was looked for.
      if (wanted.length === 0 && more) return await this.list(collectionName, page.at(-1) as bigint, pageSize);
      const outcomes = await inParallel(wanted, ({ id, located }) => this.#read(collection, id, located));
      return { items: outcomes.map(valueOf), more };
    });
  }

  /** Applies one operation in a commit of its own. */
  async write(operation: WriteOperation, context?: ExecutionContext): Promise<DocumentStamp> {
    checkContent(operation);
    const [stamp] = await this.#writeCommit([operation], context);
    return stamp as DocumentStamp;
  }

  /** Applies all operations in one commit, or none: then the error says which one failed. */
  async writeAtomic(
    operations: readonly WriteOperation[],
    context?: ExecutionContext,
  ): Promise<Outcome<DocumentStamp>[]> {
    checkSize(operations);
    const turn = new Turn(this.#clock);
    for (const [i, operation] of operations.entries()) {
      try {
        checkContent(operation);
      } catch (error) {
        throw atOperation(error, i);
      }
      await turn.pause();
    }
    const stamps = await this.#writeCommit(operations, context, atOperation);
    return stamps.map((value) => ({ ok: true, value }));
  }

  /** Applies each operation in a commit of its own; they share fsyncs, and one that fails fails alone. */
  async writeEach(
    operations: readonly WriteOperation[],
    context?: ExecutionContext,
  ): Promise<Outcome<DocumentStamp>[]> {
    checkSize(operations);
    const turn = new Turn(this.#clock);
    const outcomes: Promise<Outcome<DocumentStamp>>[] = [];
    for (const operation of operations) {
      outcomes.push(outcomeOf(this.write(operation)));
      await turn.pause();
    }
    context?.releaseSlot?.();
    return await Promise.all(outcomes);
  }

  /** Writes a checkpoint; returns the version it covers. */
  checkpoint(): Promise<number> {
    return this.#store.checkpoint();
  }

  /** Gives back the space of what was replaced or deleted. */
  compact(onProgress?: (progress: CompactionProgress) => void): Promise<CompactionResult> {
    return this.#store.compact(onProgress);
  }

  /** Asks work that may take long, such as a compaction, to end soon. */
  stopLongWork(): void {
    this.#store.stopLongWork();
  }

  /** Waits for pending writes, checkpoints and closes the files. */
  async close(): Promise<void> {
    await this.#store.close();
  }

  /** Plans and submits one commit; resolves when it is visible. */
  async #writeCommit(
    operations: readonly WriteOperation[],
    context?: ExecutionContext,
    explain: Explain = (error) => error,
  ): Promise<DocumentStamp[]> {
    for (;;) {
      const before = this.#lastCommit;
      let plan: Plan;
      try {
        plan = this.#plan(operations, explain);
      } catch (error) {
        if (!(error instanceof DocDBError) || !dependsOnState(error)) throw error;
        context?.releaseSlot?.();
        if (await settles(before)) throw error;
        continue;
      }
      if (plan.mutations.length > 0) {
        const { done } = this.#commit(plan.mutations);
        context?.releaseSlot?.();
        await done;
        return plan.stamps;
      }
      context?.releaseSlot?.();
      if (await settles(before)) return plan.stamps;
    }
  }

  #plan(operations: readonly WriteOperation[], explain: Explain): Plan {
    if (this.#store.readOnly !== undefined) throw this.#store.readOnly;
    if (this.#store.pendingBytes > limits.pendingWriteBytes) {
      const message = "Too many writes of this database wait for the disk. Try again in a moment.";
      throw new DocDBError("MEMORY_LIMIT", message, { retryAfterMs: 50 });
    }
    const plan = new WritePlan(this.#pending, this.#store.nextVersion, this.#clock.now());
    const stamps = operations.map((operation, i) => {
      try {
        return plan.add(this.collections.findForWriting(operation.collection), operation);
      } catch (error) {
        throw explain(error, i);
      }
    });
    return { mutations: plan.mutations, stamps };
  }

  #commit(mutations: readonly Mutation[]): { done: Promise<void> } {
    const { version, done } = this.#store.commit(mutations);
    this.#pending.add(mutations, version);
    const settled = done.then(() => this.#pending.settle(mutations, version));
    this.#lastCommit = settled;
    // Whoever submitted it hears of a failure; this is for the others, who look at it only when they must.
    settled.catch(() => undefined);
    return { done: settled };
  }

  /** A group failed, and everything pending with it: what comes next is judged by what is visible. */
  #forgetPending(): void {
    if (!sabotaged("abort-keeps-pending")) this.#pending.clear();
    this.#lastCommit = Promise.resolve();
  }

  #locate(collection: Collection, id: bigint): Located | undefined {
    return this.#store.locate(collection, idLow(id), idHigh(id));
  }

  async #read(collection: Collection, id: bigint, located: Located): Promise<DocumentRecord> {
    const record = await this.#store.read(collection, idLow(id), idHigh(id), located);
    const { version, createTimeMs, updateTimeMs, content: json } = record;
    return { id, json, version, createTimeMs, updateTimeMs };
  }
}

function checkContent(operation: WriteOperation): void {
  if (operation.kind !== "delete") checkJson(operation.json);
}

/** The result of one write among others: an operating error is its outcome. */
async function outcomeOf(write: Promise<DocumentStamp>): Promise<Outcome<DocumentStamp>> {
  try {
    return { ok: true, value: await write };
  } catch (error) {
    return { ok: false, error: error instanceof Error ? error : new Error(String(error)) };
  }
}

/** A commit travels as a whole: through memory, into one group of the WAL, and out of it again at recovery. */
function checkSize(operations: readonly WriteOperation[]): void {
  let bytes = 0;
  for (const operation of operations) bytes += operation.kind === "delete" ? 0 : operation.json.length;
  if (operations.length > limits.batchOperations) {
    const { length } = operations;
    const message = `A batch of ${length} operations is over the limit of ${limits.batchOperations}. Split it up.`;
    throw new DocDBError("TOO_MANY_OPERATIONS", message);
  }
  if (operations.length > 1 && bytes > limits.commitBytes) {
    const message = `A batch with ${bytes} bytes of documents is over the limit of ${limits.commitBytes}. Split it up.`;
    throw new DocDBError("DOCUMENT_TOO_LARGE", message, { metadata: { bytes: String(bytes) } });
  }
}

/** Whether another state of the documents could have led to another answer. */
function dependsOnState(error: DocDBError): boolean {
  return error.category !== "validation" && error.code !== "MEMORY_LIMIT" && error.code !== "DATABASE_READ_ONLY";
}

/** Waits for commits; false when they failed. */
async function settles(commits: Promise<void>): Promise<boolean> {
  try {
    await commits;
    return true;
  } catch {
    return false;
  }
}

function atOperation(error: unknown, position: number): unknown {
  if (!(error instanceof DocDBError)) return error;
  const { code, message, metadata, retryAfterMs, cause } = error;
  return new DocDBError(code, `Operation ${position} of the batch: ${message} None of the batch was applied.`, {
    metadata: { ...metadata, index: String(position) },
    cause,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** Runs `work` for every item, some at a time; an operating error becomes the item's outcome. */
async function inParallel<T, R>(items: readonly T[], work: (item: T, i: number) => Promise<R>): Promise<Outcome<R>[]> {
  const outcomes: Outcome<R>[] = new Array<Outcome<R>>(items.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const i = next++;
      try {
        outcomes[i] = { ok: true, value: await work(items[i] as T, i) };
      } catch (error) {
        if (!(error instanceof DocDBError)) throw error;
        outcomes[i] = { ok: false, error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(readsAtOnce, items.length) }, worker));
  return outcomes;
}

function valueOf<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw outcome.error;
  return outcome.value;
}
