// All tables of an index whose records stand in the data file: those of the documents, and what requests came to.

import type { DocumentIndex } from "../storage/document-index.ts";
import type { IndexTable } from "../storage/index-table.ts";
import { requestsCollection } from "../storage/request-table.ts";

export interface RecordTable {
  readonly kind: "put" | "request";
  readonly collection: number;
  /** Name of the collection; empty for requests. */
  readonly name: string;
  readonly table: IndexTable;
}

export function tablesOf(index: DocumentIndex): RecordTable[] {
  const documents = [...index.collections].map(({ id: collection, name, table }) => {
    return { kind: "put" as const, collection, name, table };
  });
  const requests = index.requests.tables.map((table) => {
    return { kind: "request" as const, collection: requestsCollection, name: "", table };
  });
  return [...documents, ...requests];
}

/** The greatest version that an entry of the index has. */
export function highestIn(index: DocumentIndex): number {
  let highest = 0;
  for (const { table } of tablesOf(index)) {
    for (const shard of table.shards) {
      shard.forEach((_low, _high, { version }) => {
        highest = Math.max(highest, version);
      });
    }
  }
  return highest;
}
