// The commands that check documents and heal them. They may take long, so they give their slot back first.

import { idHigh, idLow } from "../base/u64.ts";
import type { CommandTable, ExecutionContext, HealedDocument, HealProgress } from "./commands.ts";
import type { Database } from "./database.ts";
import { documentNotFound } from "./document-errors.ts";

/**
 * Checks one document. DOCUMENT_NOT_FOUND; DATABASE_READ_ONLY and what else the disk says when it is damaged and
 * couldn't be written over; IO_ERROR when the disk can't read it and there is no copy.
 */
export async function healDocument(
  database: Database,
  { collection: name, id }: CommandTable["healDocument"]["request"],
  context: ExecutionContext | undefined,
): Promise<HealedDocument> {
  const collection = database.collections.find(name);
  context?.releaseSlot?.();
  const result = await database.healing.check(collection, idLow(id), idHigh(id));
  if (result === undefined) throw documentNotFound(collection.name, id);
  const { outcome, version, source, refusal } = result;
  if (refusal !== undefined) throw refusal;
  return { outcome: outcome === "unreadable" ? "quarantined" : outcome, version, source };
}

/** Checks all documents, until the caller goes away. */
export async function healDatabase(database: Database, context: ExecutionContext | undefined): Promise<HealProgress> {
  context?.releaseSlot?.();
  return await database.healing.checkAll(context?.onHealProgress ?? (() => undefined), context?.signal);
}
