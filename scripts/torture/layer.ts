// What a layer of the torture is: numbered runs, each of which proves something or fails. A number stands for
// everything that is drawn at random in its run, so the same number gives the same run.

/** What a run did, for the summary: "crashes", "kills" and so on, added up over all runs. */
export type Counts = Readonly<Record<string, number>>;

export interface Layer {
  /** As `--layer` takes it. */
  readonly name: string;
  /** What one run is, in the plural: seeds, workloads. */
  readonly unit: string;
  /** Runs of a whole pass, as RELIABILITY.md's table of proof asks for them. */
  readonly size: number;
  /** Runs that a process takes at a time: a few seconds' work. */
  readonly portion: number;
  /** Does run number n, from 1; throws when a promise was broken. */
  run(number: number): Promise<Counts>;
}

/** Adds up counts. */
export function sum(a: Counts, b: Counts): Counts {
  const total: Record<string, number> = { ...a };
  for (const [name, count] of Object.entries(b)) total[name] = (total[name] ?? 0) + count;
  return total;
}

/** Counts as people read them: "1,204 crashes, 17 faults". */
export function shown(counts: Counts): string {
  return Object.entries(counts)
    .map(([name, count]) => `${count.toLocaleString("en")} ${name}`)
    .join(", ");
}
