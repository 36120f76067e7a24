// What a history is recorded on: a server, over gRPC through our client, or an engine on a simulated machine, where the
// same seed gives the same history.

import { Connection } from "../../src/client/connection.ts";
import { Collection } from "../../src/client/collection.ts";
import { type Document, jsonText, type JsonText } from "../../src/client/index.ts";
import { Transaction } from "../../src/client/transaction.ts";
import { Isolation as WireIsolation, TransactionServiceService as Rpcs } from "../../gen/docdb/v1/transaction.ts";
import { DocDBError } from "../../src/base/errors.ts";
import type { DocumentRecord, Isolation, WriteOperation } from "../../src/engine/commands.ts";
import type { Engine } from "../../src/engine/engine.ts";

export const database = "h";

/** A document as a target finds it: its mark and version. */
export interface Found {
  readonly id: bigint;
  readonly mark: string;
  readonly version: number;
}

/** Reads and writes, in a transaction or outside. */
export interface Operations {
  get(collection: string, id: bigint): Promise<Found | undefined>;
  list(collection: string): Promise<Found[]>;
  /** The version that it has; 0 in a transaction. */
  put(collection: string, id: bigint, mark: string): Promise<number>;
  /** The same; undefined when there was nothing to delete. */
  delete(collection: string, id: bigint): Promise<number | undefined>;
}

export interface TargetTransaction extends Operations {
  readonly version: number;
  /** The commit's version. */
  commit(): Promise<number>;
  rollback(): Promise<void>;
}

export interface Target extends Operations {
  begin(isolation: Isolation): Promise<TargetTransaction>;
}

/** An engine that has the database. */
export function engineTarget(engine: Engine): Target {
  const begin = async (isolation: Isolation): Promise<TargetTransaction> => {
    const { transaction, version } = await engine.execute({ op: "beginTransaction", database, isolation });
    const end = { database, transaction } as const;
    return {
      ...engineOperations(engine, transaction),
      version,
      commit: async () => (await engine.execute({ op: "commitTransaction", ...end, requestId: "" })).version,
      rollback: async () => void (await engine.execute({ op: "rollbackTransaction", ...end })),
    };
  };
  return { ...engineOperations(engine, undefined), begin };
}

function engineOperations(engine: Engine, transaction: string | undefined): Operations {
  const where = { database, transaction } as const;
  const write = (operation: WriteOperation) => engine.execute({ op: "writeDocument", ...where, operation });
  return {
    get: async (collection, id) => {
      try {
        return foundIn(await engine.execute({ op: "getDocument", ...where, collection, id }));
      } catch (error) {
        if (error instanceof DocDBError && error.code === "DOCUMENT_NOT_FOUND") return undefined;
        throw error;
      }
    },
    list: async (collection) => {
      const found: Found[] = [];
      for (let more = true; more; ) {
        const after = found.at(-1)?.id ?? 0n;
        const page = await engine.execute({ op: "listDocuments", ...where, collection, after, pageSize: 3 });
        found.push(...page.items.map(foundIn));
        more = page.more;
      }
      return found;
    },
    put: async (collection, id, mark) =>
      (await write({ kind: "update", collection, id, json: Buffer.from(JSON.stringify(mark)), allowMissing: true }))
        .version,
    delete: async (collection, id) => {
      const { version, updateTimeMs } = await write({ kind: "delete", collection, id, allowMissing: true });
      return updateTimeMs === 0 ? undefined : version;
    },
  };
}

function foundIn({ id, json, version }: DocumentRecord): Found {
  return { id, mark: String(JSON.parse(Buffer.from(json).toString())), version };
}

const wireIsolation: Readonly<Record<Isolation, WireIsolation>> = {
  serializable: WireIsolation.SERIALIZABLE,
  snapshot: WireIsolation.SNAPSHOT,
  last_commit_wins: WireIsolation.LAST_COMMIT_WINS,
};

/** A server that has the database. */
export function serverTarget(connection: Connection): Target {
  const begin = async (isolation: Isolation): Promise<TargetTransaction> => {
    const request = { database, isolation: wireIsolation[isolation], idleTimeout: undefined };
    const begun = await connection.write(Rpcs.beginTransaction, request, {});
    const tx = new Transaction(connection, database, begun, { deadline: Number.POSITIVE_INFINITY, signal: undefined });
    return {
      ...clientOperations((name) => tx.collection(name)),
      version: Number(begun.version),
      commit: async () => Number(await tx.commit("")),
      rollback: () => tx.rollback(),
    };
  };
  return { ...clientOperations((name) => new Collection(connection, database, name)), begin };
}

function clientOperations(collectionOf: (name: string) => Collection<JsonText>): Operations {
  return {
    get: async (collection, id) => {
      const document = await collectionOf(collection).get(id);
      return document === undefined ? undefined : foundBy(document);
    },
    list: async (collection) => {
      const found: Found[] = [];
      for await (const document of collectionOf(collection).list({ pageSize: 3 })) found.push(foundBy(document));
      return found;
    },
    put: async (collection, id, mark) => {
      const text = jsonText(JSON.stringify(mark));
      return Number((await collectionOf(collection).update(id, text, { allowMissing: true })).version);
    },
    delete: async (collection, id) => {
      const stamp = await collectionOf(collection).delete(id, { allowMissing: true });
      return stamp === undefined ? undefined : Number(stamp.version);
    },
  };
}

function foundBy({ id, json, version }: Document<unknown>): Found {
  return { id, mark: String(JSON.parse(json)), version: Number(version) };
}
