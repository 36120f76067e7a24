// Compaction of a database's data file on the server: what `db.compact()` yields.

import { CompactionPhase as WirePhase, OperationsServiceService as Rpcs } from "../../gen/docdb/v1/operations.ts";
import type { CallOptions, Connection } from "./connection.ts";

/** How far a compaction has come. */
export interface CompactProgress {
  readonly recordsCopied: bigint;
  readonly bytesCopied: bigint;
  /** Bytes there are to copy; it may change while writes go on. */
  readonly bytesTotal: bigint;
  /** Bytes given back to the file system; 0 before the end. */
  readonly bytesReclaimed: bigint;
  /** This is the last message. */
  readonly done: boolean;
}

/** See `Database.compact`. */
export async function* compact(
  connection: Connection,
  database: string,
  options: CallOptions,
): AsyncGenerator<CompactProgress, void, void> {
  for await (const { phase, ...progress } of connection.stream(Rpcs.compactDatabase, { database }, options)) {
    yield { ...progress, done: phase === WirePhase.DONE };
  }
}
