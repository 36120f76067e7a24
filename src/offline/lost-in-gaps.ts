// What is lost in bytes of the data files that can't be read, when nothing tells what they were. What they look like is
// no proof of anything; but a document that they look like is rather not served than in a version that may be old.

import { idOf } from "../base/u64.ts";
import { type Mutation, mutationKindOf } from "../storage/commit.ts";
import { dataRecordHeaderBytes, readOwner } from "../storage/data-format.ts";
import type { DocumentIndex } from "../storage/document-index.ts";
import type { Base } from "./bases.ts";
import { documentKey, type Loss } from "./lost-commits.ts";
import type { Gap } from "./scan-damaged.ts";

export interface LostInGaps {
  readonly losses: readonly Loss[];
  /** Documents by key that answer DATA_LOSS from now on. */
  readonly unreadable: ReadonlySet<string>;
}

/** Tells what isn't known of a base, and enters into its index the documents that gaps look like. */
export function lostInGaps(database: string, base: Base, fromLog: ReadonlyMap<string, Mutation>): LostInGaps {
  const losses: Loss[] = [];
  const unreadable = new Set<string>();
  const note = (collection: string, id: bigint, version: number, message: string): void => {
    losses.push({ database, collection, id, version, message });
  };
  if (!base.isMeasured) {
    const advice = "The last commits that are there may be there in part, or may never have been acknowledged.";
    note(
      "",
      0n,
      base.from + 1,
      `No checkpoint of the log can be read: commits behind version ${base.from} are lost. ${advice}`,
    );
  }
  for (const gap of base.gaps) {
    const { file, offset, length, after, before } = gap;
    const place = `Bytes ${offset} to ${offset + length - 1} of ${file}`;
    const records = Math.max(1, Math.floor(length / dataRecordHeaderBytes));
    const what = `up to ${records} changes of versions up to ${Math.max(after, before)}, and nothing tells of what`;
    const means = "A document may be gone, older than it was, or there although it had been deleted.";
    note("", 0n, after + 1, `${place} can't be read: ${what}. ${means}`);
    const suspect = suspectOf(gap, base.index);
    if (suspect === undefined || fromLog.has(suspect.key)) continue;
    unreadable.add(suspect.key);
    note(
      suspect.name,
      suspect.id,
      suspect.version,
      `${place} look like document ${suspect.id}: it will answer DATA_LOSS.`,
    );
  }
  for (const [id, name] of base.renamed) {
    note(name, 0n, 0, `The name of collection ${id} can't be read: its documents are in ${name}.`);
  }
  return { losses, unreadable };
}

interface Suspect {
  readonly key: string;
  readonly name: string;
  readonly id: bigint;
  readonly version: number;
}

/** The document that a gap looks like a record of, unless a later version or its deletion is known. */
function suspectOf({ head, length, after, before }: Gap, index: DocumentIndex): Suspect | undefined {
  if (head === undefined || head.length < dataRecordHeaderBytes) return undefined;
  const { kind: code, collection, idLow, idHigh } = readOwner(head, 0);
  const kind = mutationKindOf(code);
  const known = index.collection(collection);
  if (known === undefined || (kind !== "put" && kind !== "delete")) return undefined;
  const entry = known.table.get(idLow, idHigh);
  const newest = Math.max(after, before);
  if (entry?.deleted === true || (entry?.version ?? 0) > newest) return undefined;
  const version = entry?.version ?? newest;
  if (entry === undefined) {
    // That there was such a document takes more than an id.
    if (kind === "delete" || head.readUInt32LE(4) !== length) return undefined;
    const mutation = { kind, collection, idLow, idHigh, createTimeMs: 0, updateTimeMs: 0, content: new Uint8Array() };
    index.apply(mutation, version, { offset: 0, length: dataRecordHeaderBytes, parity: 0 });
  }
  return { key: documentKey(collection, idLow, idHigh), name: known.name, id: idOf(idLow, idHigh), version };
}
