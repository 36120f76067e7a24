// A walk over every live document, for scrubbing and for healing all: window by window, so that little of a big index
// is held in memory, and inside a window in the order of the data file, so that a disk is read forwards.

import type { Turn } from "../platform/turn.ts";
import type { Collection, DocumentIndex } from "./document-index.ts";

/** A document that was live when its window was made. */
export interface LiveDocument {
  readonly collection: Collection;
  readonly idLow: number;
  readonly idHigh: number;
  readonly offset: number;
  /** Bytes of its record. */
  readonly length: number;
}

/** Documents that are held at a time, give or take a shard: a few megabytes. */
const windowDocuments = 65_536;
/** What is handed out, and read, at a time. */
const batchBytes = 1024 * 1024;
const batchDocuments = 32;

/** Every live document, in batches to be read at once. Documents that are written meanwhile may be in it or not. */
export async function* liveDocuments(index: DocumentIndex, turn: Turn): AsyncGenerator<readonly LiveDocument[]> {
  let window: LiveDocument[] = [];
  for (const collection of [...index.collections]) {
    for (const shard of collection.table.shards) {
      shard.forEach((idLow, idHigh, { offset, length, deleted }) => {
        if (!deleted) window.push({ collection, idLow, idHigh, offset, length });
      });
      await turn.pause();
      if (window.length < windowDocuments) continue;
      yield* batches(window);
      window = [];
    }
  }
  yield* batches(window);
}

/** Documents there are. */
export function countLive(index: DocumentIndex): number {
  let count = 0;
  for (const { table } of index.collections) count += table.live;
  return count;
}

function* batches(window: LiveDocument[]): Generator<readonly LiveDocument[]> {
  window.sort((a, b) => a.offset - b.offset);
  let batch: LiveDocument[] = [];
  let bytes = 0;
  for (const document of window) {
    if (batch.length === batchDocuments || (batch.length > 0 && bytes + document.length > batchBytes)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(document);
    bytes += document.length;
  }
  if (batch.length > 0) yield batch;
}
