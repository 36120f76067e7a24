// Concurrent clients of few documents, and the history of what they did and saw. Transactions have two collections, in
// which single operations meet them; a third one is for single operations alone, which are judged by linearizability.

import { DocDBError } from "../../src/base/errors.ts";
import { mayHaveBeenApplied } from "../../src/client/call-error.ts";
import type { Isolation } from "../../src/engine/commands.ts";
import type { Prng } from "../../src/platform/sim/prng.ts";
import { type History, markOf, type Seen, type Transaction } from "./history.ts";
import type { Operation } from "./linearizability.ts";
import type { Found, Operations, Target, TargetTransaction } from "./target.ts";

export const shared = ["a", "b"] as const;
export const single = "single";
const ids = 4;

/** What was promised and not kept, without need of a checker. */
export class BrokenPromise extends Error {
  override readonly name = "BrokenPromise";
}

export class Recorder {
  readonly #isolation: Isolation;
  readonly #random: Prng;
  readonly #transactions: Transaction[] = [];
  readonly operations: Operation[] = [];
  #now = 0;
  #lastNumber = 0;

  constructor(isolation: Isolation, random: Prng) {
    this.#isolation = isolation;
    this.#random = random;
  }

  /** Runs one client until it has done this many things, or the server is gone. */
  async client(target: Target, things: number): Promise<void> {
    for (let i = 0; i < things; i++) {
      try {
        const dice = this.#random.below(10);
        if (dice < 6) await this.#transaction(target);
        else if (dice < 8) await this.#single(target);
        else await this.#alone(target);
      } catch (error) {
        if (error instanceof DocDBError && error.status === "UNAVAILABLE") return;
        throw error;
      }
    }
  }

  /** The history, once the clients have ended; `target` tells what is stored. */
  async history(target: Target): Promise<History> {
    const final: Seen[] = [];
    for (const collection of shared) final.push(...seenIn(collection, await target.list(collection)));
    return { transactions: this.#transactions, final };
  }

  async #transaction(target: Target): Promise<void> {
    const record = this.#begin();
    let tx: TargetTransaction;
    try {
      tx = await target.begin(this.#isolation);
      record.snapshotVersion = tx.version;
      const own = new Map<string, string | undefined>();
      for (let step = 1 + this.#random.below(5); step > 0; step--) await this.#step(tx, record, own);
      if (this.#random.below(10) === 0) {
        await tx.rollback();
        return;
      }
    } catch (error) {
      if (isRefusal(error)) return;
      throw error;
    }
    await this.#finish(record, () => tx.commit());
  }

  /** One call in a transaction. */
  async #step(tx: TargetTransaction, record: Transaction, own: Map<string, string | undefined>): Promise<void> {
    const [collection, id] = [this.#random.pick(shared), this.#id()];
    const key = `${collection}/${id}`;
    const dice = this.#random.below(20);
    if (dice < 7) note(record, own, [{ key, ...seenOf(await tx.get(collection, id)) }]);
    else if (dice < 12) note(record, own, seenIn(collection, await tx.list(collection)));
    else if (dice < 18) {
      const mark = markOf(record.number, record.writes.length);
      await tx.put(collection, id, mark);
      record.writes.push({ key, mark });
      own.set(key, mark);
    } else if ((await tx.delete(collection, id)) !== undefined) {
      record.writes.push({ key, mark: undefined });
      own.set(key, undefined);
    } else note(record, own, [{ key, mark: undefined, version: 0 }]);
  }

  /** A single operation among the transactions: one of its own. */
  async #single(target: Target): Promise<void> {
    const record = this.#begin();
    const [collection, id] = [this.#random.pick(shared), this.#id()];
    const key = `${collection}/${id}`;
    if (this.#random.below(2) === 0) {
      await this.#finish(record, async () => {
        const seen = seenOf(await target.get(collection, id));
        // What it saw of nothing can't be told from other nothings: it has no snapshot of its own.
        if (seen.mark !== undefined) record.reads.push({ key, ...seen });
        return 0;
      });
    } else {
      const mark = markOf(record.number, 0);
      record.writes.push({ key, mark });
      await this.#finish(record, () => target.put(collection, id, mark));
    }
  }

  /** A single operation where there are only such. */
  async #alone(target: Operations): Promise<void> {
    const id = this.#id();
    const key = `${single}/${id}`;
    const calledAt = ++this.#now;
    const mark = markOf(++this.#lastNumber, 0);
    const dice = this.#random.below(10);
    const kind = dice < 5 ? "get" : dice < 8 ? "put" : "delete";
    const add = (more: Partial<Operation>): void => {
      const known = { kind, key, calledAt, answeredAt: ++this.#now, mark: undefined, found: false } as const;
      this.operations.push({ ...known, ...more });
    };
    try {
      if (kind === "get") add({ mark: (await target.get(single, id))?.mark });
      else if (kind === "put") {
        await target.put(single, id, mark);
        add({ mark });
      } else add({ found: (await target.delete(single, id)) !== undefined });
    } catch (error) {
      const written = kind === "put" ? { mark } : {};
      if (mayHaveBeenApplied(error)) add({ ...written, answeredAt: Number.POSITIVE_INFINITY });
      if (!isRefusal(error)) throw error;
    }
  }

  #begin(): Transaction {
    const record: Transaction = {
      number: ++this.#lastNumber,
      isolation: this.#isolation,
      beganAt: ++this.#now,
      endedAt: Number.POSITIVE_INFINITY,
      snapshotVersion: -1,
      outcome: "aborted",
      version: 0,
      reads: [],
      writes: [],
    };
    this.#transactions.push(record);
    return record;
  }

  /** Commits, and notes how that ended. */
  async #finish(record: Transaction, commit: () => Promise<number>): Promise<void> {
    try {
      record.version = await commit();
      record.outcome = "committed";
      record.endedAt = ++this.#now;
    } catch (error) {
      if (mayHaveBeenApplied(error)) record.outcome = "unknown";
      if (!isRefusal(error)) throw error;
    }
  }

  #id(): bigint {
    return BigInt(1 + this.#random.below(ids));
  }
}

/** Takes down what was seen of others; of its own writes a transaction must see the last. */
function note(record: Transaction, own: ReadonlyMap<string, string | undefined>, seen: readonly Seen[]): void {
  for (const each of seen) {
    if (!own.has(each.key)) record.reads.push(each);
    else if (own.get(each.key) !== each.mark) {
      const message = `transaction ${record.number} wrote ${own.get(each.key)} to ${each.key} and saw ${each.mark}`;
      throw new BrokenPromise(message);
    }
  }
}

/** A list as a read of every document that there can be. */
function seenIn(collection: string, found: readonly Found[]): Seen[] {
  const byId = new Map(found.map((each) => [each.id, each]));
  return Array.from({ length: ids }, (_, i) => {
    const id = BigInt(i + 1);
    return { key: `${collection}/${id}`, ...seenOf(byId.get(id)) };
  });
}

function seenOf(found: Found | undefined): { mark: string | undefined; version: number } {
  return { mark: found?.mark, version: found?.version ?? 0 };
}

/** Whether an error is a possible answer: the transaction came too late, or the database is on its way out. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof DocDBError)) return false;
  return ["TRANSACTION_CONFLICT", "TRANSACTION_NOT_FOUND", "DISK_FULL"].includes(error.code);
}
