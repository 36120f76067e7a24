// The states that a salvage may begin with: what the index snapshot says, and what a scan of the data files makes.

import type { DataExtent } from "../storage/data-extent.ts";
import { dataHeaderBytes } from "../storage/data-format.ts";
import type { DocumentIndex } from "../storage/document-index.ts";
import { highestIn } from "./index-tables.ts";
import type { Patient } from "./patient.ts";
import { type Gap, scanDamaged } from "./scan-damaged.ts";

/** A state to begin with. */
export interface Base {
  readonly index: DocumentIndex;
  readonly extents: readonly DataExtent[];
  /** The base has all commits up to here. */
  readonly from: number;
  /** It may have some commits up to here: only when the log has them all it makes sense. */
  readonly to: number;
  /** What isn't known of it. */
  readonly gaps: readonly Gap[];
  /** Whether commits up to `from` that the log has are to be applied too. */
  readonly lacksSome: boolean;
  /** Collections by id that have names made up. */
  readonly renamed: ReadonlyMap<number, string>;
  /** Whether a checkpoint tells how much of the data files counts. */
  readonly isMeasured: boolean;
}

/** All that can be had. */
export async function basesOf(patient: Patient): Promise<Base[]> {
  return [...snapshotBase(patient), ...(await scannedBases(patient))];
}

/** The snapshot knows every document, whether or not its record can be read. */
function snapshotBase({ snapshot }: Patient): Base[] {
  if (typeof snapshot === "string") return [];
  const { position, index } = snapshot;
  const { extents, replayFrom } = position;
  const to = Math.max(replayFrom, highestIn(index));
  return [{ index, extents, from: replayFrom, to, gaps: [], lacksSome: false, renamed: new Map(), isMeasured: true }];
}

/** What a scan of the data file makes, up to the checkpoint, and up to where the snapshot knows it. */
async function scannedBases(patient: Patient): Promise<Base[]> {
  const { log, snapshot, sources } = patient;
  const generation = sources[0]?.header.generation ?? 1;
  const starts: { readonly version: number; readonly extents: readonly DataExtent[] }[] = [];
  if (log.checkpoint !== undefined) starts.push(log.checkpoint);
  if (typeof snapshot === "object") {
    starts.push({ version: snapshot.position.replayFrom, extents: snapshot.position.extents });
  }
  const startsAtZero = log.groups[0]?.header.baseVersion === 0;
  if (log.checkpoint === undefined && startsAtZero) {
    starts.push({ version: 0, extents: [{ generation, bytes: dataHeaderBytes }] });
  }
  const isMeasured = starts.length > 0;
  if (!isMeasured) {
    const whole = sources.map(({ header, bytes }) => ({ generation: header.generation, bytes }));
    starts.push({ version: Math.max(0, ...sources.map((source) => source.highestVersion)), extents: whole });
  }
  const bases: Base[] = [];
  for (const { version, extents } of starts) {
    const scan = await scanDamaged(patient, version, extents);
    // Data files grow by whole groups of commits, in the order of their versions.
    const from = Math.max(version, highestIn(scan.index));
    bases.push({ ...scan, extents, from, to: from, isMeasured });
  }
  return bases;
}
