// Commits behind the checkpoint, out of the data file: it gets them before the log is synced. What stands behind the
// checkpoint counts for nothing by itself, as nothing says that it was ever durable in the log. But where a later group
// of the log proves that commits were, and the log's own bytes of them are damaged, their records here are an exact
// copy.
//
// A commit is whole here when all its records can be read, and sound records of others stand right before and behind
// it: appends leave no holes, and what a failed one left is overwritten by the next.

import { type Commit, type Mutation, mutationKindOf } from "../storage/commit.ts";
import type { DataExtent } from "../storage/data-extent.ts";
import { walkData } from "../storage/verify/walk-data.ts";
import { type Patient, sourceOf } from "./patient.ts";

/** The whole commits behind what counts of the newest data file, by version, of those above `from`. */
export async function commitsInTail(
  patient: Patient,
  extents: readonly DataExtent[],
  from: number,
): Promise<ReadonlyMap<number, Commit>> {
  const whole = new Map<number, Commit>();
  const last = extents.at(-1);
  const source = last === undefined ? undefined : sourceOf(patient, last.generation);
  if (last === undefined || source === undefined || source.bytes <= last.bytes) return whole;
  // Appends had changed over to a newer file: what an undone one left here may have got its version again there.
  if (patient.sources.some(({ header }) => header.generation > last.generation)) return whole;
  // The commit that is being read; undefined where its first record may be missing.
  let open: { readonly version: number; readonly mutations: Mutation[]; isSound: boolean } | undefined;
  /** Version of the record right before; undefined behind a hole. */
  let before: number | undefined = from;
  for await (const piece of walkData(source.file, source.header.salt, last.bytes, source.bytes, patient.turn)) {
    if (piece.kind === "damage") {
      open = undefined;
      before = undefined;
      continue;
    }
    const { header, intact, content } = piece;
    const { version, collection, idLow, idHigh, createTimeMs, updateTimeMs } = header;
    if (version !== before) {
      if (open?.isSound === true) whole.set(open.version, open);
      open = before === undefined ? undefined : { version, mutations: [], isSound: true };
      before = version;
    }
    const kind = mutationKindOf(header.kind);
    if (open === undefined || kind === undefined) continue;
    open.isSound &&= intact;
    open.mutations.push({ kind, collection, idLow, idHigh, createTimeMs, updateTimeMs, content: Buffer.from(content) });
  }
  return whole;
}
