// The commands that concern one open database.

import type { Clock } from "../platform/platform.ts";
import type { Command, CommandName, ExecutionContext, Result } from "./commands.ts";
import type { Database } from "./database.ts";
import { isDocumentCommand, runInTransaction } from "./transactions/run-in-transaction.ts";
import { healDatabase, healDocument } from "./heal-commands.ts";
import { verifyDatabase } from "./verify-command.ts";

type AdministrativeCommand =
  | "getHealingStats"
  | "createDatabase"
  | "openDatabase"
  | "closeDatabase"
  | "deleteDatabase"
  | "getDatabase"
  | "closeSnapshot"
  | "listDatabases";

/** Commands that run inside one database. */
export type DatabaseCommand = Command<Exclude<CommandName, AdministrativeCommand>>;

/** Whether a command may take as long as its database is large: it has no end in sight. */
export function isLong({ op }: DatabaseCommand): boolean {
  return op === "compactDatabase" || op === "healDatabase" || op === "verifyDatabase";
}

export async function runInDatabase(
  database: Database,
  command: DatabaseCommand,
  clock: Clock,
  context: ExecutionContext | undefined,
): Promise<Result> {
  const { collections, reader, writer, transactions } = database;
  if ("transaction" in command && command.transaction !== undefined && isDocumentCommand(command)) {
    return await runInTransaction(transactions, command, command.transaction, clock, context);
  }
  switch (command.op) {
    case "getDocument":
      return await reader.get(command.collection, command.id, context);
    case "writeDocument":
      return await writer.write(command.operation, context, command.requestId);
    case "batchGetDocuments":
      return { outcomes: await reader.batchGet(command.collection, command.ids, context) };
    case "batchWrite":
      return {
        outcomes: command.atomic
          ? await writer.writeAtomic(command.operations, context, command.requestId)
          : await writer.writeEach(command.operations, context, command.requestId),
      };
    case "listDocuments":
      return await reader.list(command.collection, command.after, command.pageSize, context);
    case "openSnapshot":
      return database.snapshots.open();
    case "scanDocuments": {
      const { from, reverse, pageSize: documents, pageBytes: bytes } = command;
      const snapshot = database.snapshots.find(command.snapshot);
      return await reader.scan(command.collection, { from, reverse, documents, bytes }, snapshot, context);
    }
    case "beginTransaction": {
      if (database.readOnly !== undefined) throw database.readOnly;
      const { id, view } = transactions.begin(command.isolation, command.idleTimeoutMs);
      return { transaction: id, version: view.version };
    }
    case "commitTransaction":
      return await transactions.commit(command.transaction, command.requestId, context);
    case "rollbackTransaction":
      await transactions.rollback(command.transaction, context);
      return {};
    case "createCollection":
      context?.releaseSlot?.();
      return await collections.create(command.collection);
    case "deleteCollection":
      context?.releaseSlot?.();
      await collections.drop(command.collection, command.force);
      return {};
    case "getCollection":
      return await collections.info(command.collection);
    case "listCollections":
      return await collections.list(command.after, command.pageSize);
    case "healDocument":
      return await healDocument(database, command, context);
    case "healDatabase":
      return await healDatabase(database, context);
    case "verifyDatabase":
      context?.releaseSlot?.();
      await verifyDatabase(database, context);
      return {};
    case "compactDatabase":
      context?.releaseSlot?.();
      return await database.compact(context?.onProgress);
    case "checkpointDatabase": {
      context?.releaseSlot?.();
      const startedMs = clock.monotonicMs();
      const version = await database.checkpoint();
      return { version, durationMs: clock.monotonicMs() - startedMs };
    }
  }
}
