// A transaction of a simulated engine's database `d`, in short calls.

import { DocDBError } from "../../../src/base/errors.ts";
import type { Isolation, WriteOperation } from "../../../src/engine/commands.ts";
import { create, type SimulatedEngine, update } from "../simulated-engine.ts";

const database = "d";

export class OpenTransaction {
  readonly #db: SimulatedEngine;
  readonly id: string;
  readonly version: number;

  private constructor(db: SimulatedEngine, id: string, version: number) {
    this.#db = db;
    this.id = id;
    this.version = version;
  }

  static async begin(db: SimulatedEngine, isolation: Isolation = "serializable", idleTimeoutMs?: number) {
    const begun = await db.run({ op: "beginTransaction", database, isolation, idleTimeoutMs });
    return new OpenTransaction(db, begun.transaction, begun.version);
  }

  /** The text of a document, or the code of the error. */
  async read(id: bigint, collection = ""): Promise<string> {
    return await this.#text(async () => {
      const command = { op: "getDocument", database, collection, id, transaction: this.id } as const;
      return Buffer.from((await this.#db.run(command)).json).toString();
    });
  }

  /** The ids of a page. */
  async list(after = 0n, pageSize = 100, collection = ""): Promise<bigint[]> {
    const command = { op: "listDocuments", database, collection, after, pageSize, transaction: this.id } as const;
    return (await this.#db.run(command)).items.map(({ id }) => id);
  }

  /** "0", the version of whatever a transaction writes, or the code of the error. */
  async write(operation: WriteOperation): Promise<string> {
    return await this.#text(async () => {
      const command = { op: "writeDocument", database, operation, transaction: this.id } as const;
      return String((await this.#db.run(command)).version);
    });
  }

  async create(id: bigint, json = "{}", collection = ""): Promise<string> {
    return await this.write(create(id, json, collection));
  }

  async put(id: bigint, json: string, collection = ""): Promise<string> {
    return await this.write(update(id, json, collection));
  }

  async commit(requestId = ""): Promise<number> {
    const command = { op: "commitTransaction", database, transaction: this.id, requestId } as const;
    return (await this.#db.run(command)).version;
  }

  /** The error that the commit ends in. */
  async failedCommit(): Promise<DocDBError> {
    try {
      await this.commit();
    } catch (error) {
      if (error instanceof DocDBError) return error;
      throw error;
    }
    throw new Error("the commit succeeded");
  }

  async rollback(): Promise<void> {
    await this.#db.run({ op: "rollbackTransaction", database, transaction: this.id });
  }

  async #text(work: () => Promise<string>): Promise<string> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof DocDBError) return error.code;
      throw error;
    }
  }
}
