// The command that verifies an open database.

import type { ExecutionContext, Verification } from "./commands.ts";
import type { Database } from "./database.ts";

const toNobody: Verification = { found: () => Promise.resolve(), checked: () => undefined, onTotal: () => undefined };

/** Reads all files of a database, until the caller goes away. */
export async function verifyDatabase(database: Database, context: ExecutionContext | undefined): Promise<void> {
  const { found, checked, onTotal } = context?.verification ?? toNobody;
  const untilAborted = (bytes: number, records: number): void => {
    context?.signal?.throwIfAborted();
    checked(bytes, records);
  };
  await database.verify({ found, checked: untilAborted }, onTotal);
}
