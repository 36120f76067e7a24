// Verifies an index snapshot: every block of it, and that it lacks nothing that it must have. A snapshot that can't be
// used is a warning at most: the next start rebuilds the index from the data file.

import type { Turn } from "../../platform/turn.ts";
import type { DocumentIndex } from "../document-index.ts";
import type { LoadedSnapshot } from "../index-snapshot.ts";
import { finding, type VerifySink } from "./finding.ts";

/** Reports why a snapshot can't be used. */
export async function reportUnusable(name: string, why: string, sink: VerifySink): Promise<void> {
  const message = `The index snapshot can't be used: ${why}. The next start takes longer: it rebuilds the index.`;
  await sink.found(
    finding({ severity: "warning", file: name, offset: 0, length: 0, reason: "SNAPSHOT_CORRUPT", message }),
  );
}

/** Holds a snapshot against an index that is known to be right, and reports what is wrong with it. */
export async function verifySnapshot(
  { index, position }: LoadedSnapshot,
  truth: DocumentIndex,
  name: string,
  sink: VerifySink,
  turn: Turn,
): Promise<void> {
  let missing = 0;
  for (const collection of truth.collections) {
    const table = index.collection(collection.id)?.table;
    for (const shard of collection.table.shards) {
      shard.forEach((low, high, entry) => {
        if (entry.version > position.replayFrom || entry.deleted) return;
        if ((table?.get(low, high)?.version ?? 0) < entry.version) missing++;
      });
      await turn.pause();
    }
  }
  if (missing > 0) await reportUnusable(name, `it lacks ${missing} documents that it must have`, sink);
}
