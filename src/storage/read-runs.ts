// Reading many documents at once. Those whose records stand close together in a data file come with one read: a
// collection that was loaded in the order of its ids is scanned with one read for hundreds of documents.

import type { DataFile } from "./data-file.ts";
import type { DataRecord } from "./data-format.ts";
import type { Located } from "./snapshots.ts";

/** Bytes between two records of a run that are read for nothing: as cheap as a read of its own would be dear. */
const maxGapBytes = 8 * 1024;
/** Bytes of one read, unless a record alone is larger. */
const maxRunBytes = 256 * 1024;
/** Reads under way at the same time. */
const runsAtOnce = 4;

/** A document that was located and is to be read. */
export interface Wanted {
  readonly low: number;
  readonly high: number;
  readonly located: Located;
}

interface Run {
  readonly file: DataFile;
  readonly offset: number;
  end: number;
  /** Places in the list of what is wanted. */
  readonly places: number[];
}

/**
 * The records of what is wanted, in that order. `readOne` reads those that a run didn't bring: it knows how to mend a
 * record, and how to report one.
 */
export async function readRuns(
  collection: number,
  wanted: readonly Wanted[],
  readOne: (wanted: Wanted) => Promise<DataRecord>,
): Promise<PromiseSettledResult<DataRecord>[]> {
  const results = new Array<PromiseSettledResult<DataRecord>>(wanted.length);
  const runs = runsOf(wanted);
  const readRun = async (run: Run): Promise<void> => {
    const { file, offset, end, places } = run;
    const bytes = await file.readBytes(offset, end - offset).catch(() => undefined);
    for (const place of places) {
      const one = wanted[place] as Wanted;
      const { entry } = one.located;
      const expected = { collection, idLow: one.low, idHigh: one.high, version: entry.version };
      const value = bytes === undefined ? undefined : file.recordIn(bytes, entry.offset - offset, expected);
      results[place] = value === undefined ? await settled(readOne(one)) : { status: "fulfilled", value };
    }
  };
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < runs.length) await readRun(runs[next++] as Run);
  };
  await Promise.all(Array.from({ length: Math.min(runsAtOnce, runs.length) }, worker));
  return results;
}

async function settled<T>(work: Promise<T>): Promise<PromiseSettledResult<T>> {
  const [result] = await Promise.allSettled([work]);
  return result;
}

/** What can be read together, in the order of the files. */
function runsOf(wanted: readonly Wanted[]): Run[] {
  const places = [...wanted.keys()].sort((a, b) =>
    byPlace((wanted[a] as Wanted).located, (wanted[b] as Wanted).located),
  );
  const runs: Run[] = [];
  let run: Run | undefined;
  for (const place of places) {
    const { entry, file } = (wanted[place] as Wanted).located;
    const end = entry.offset + entry.length;
    const joins = run?.file === file && entry.offset - run.end <= maxGapBytes && end - run.offset <= maxRunBytes;
    if (run !== undefined && joins) {
      run.end = Math.max(run.end, end);
      run.places.push(place);
    } else {
      runs.push((run = { file, offset: entry.offset, end, places: [place] }));
    }
  }
  return runs;
}

function byPlace(a: Located, b: Located): number {
  return a.file.header.generation - b.file.header.generation || a.entry.offset - b.entry.offset;
}
