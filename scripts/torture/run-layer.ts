// Does one pass of a layer: hands portions to as many processes as there are cores, keeps the position, and ends at the
// first run that fails. The position never passes a run that is still under way, so nothing is left out by a stop.

import { type Counts, type Layer, shown, sum } from "./layer.ts";
import { type Pass, savePass } from "./position.ts";
import { FailedRun, WorkerProcess } from "./worker-process.ts";

export interface LayerOptions {
  readonly pass: Pass;
  /** Whether the position is kept: not when somebody chose where to begin. */
  readonly resumable: boolean;
  readonly processes: number;
  /** No portion begins after this time. */
  readonly minutes: number;
  readonly program: string;
}

export interface LayerResult {
  readonly layer: Layer;
  readonly runs: number;
  readonly counts: Counts;
  readonly minutes: number;
  readonly failure: FailedRun | undefined;
}

/** Time between two lines of progress. */
const progressEveryMs = 30_000;

export async function runLayer(layer: Layer, options: LayerOptions): Promise<LayerResult> {
  const { pass, resumable, processes, minutes, program } = options;
  const started = performance.now();
  const elapsed = (): number => (performance.now() - started) / 60_000;
  const underWay = new Set<number>();
  let next = pass.next;
  let runs = 0;
  let counts: Counts = {};
  let failure: FailedRun | undefined;
  const report = (): void => {
    const done = `${runs.toLocaleString("en")} of ${(pass.end - pass.next).toLocaleString("en")} ${layer.unit}`;
    console.log(`${layer.name}: ${done}, ${shown(counts)}; ${elapsed().toFixed(1)} min`);
  };
  const work = async (): Promise<void> => {
    const worker = new WorkerProcess(program, layer.name);
    try {
      while (next < pass.end && failure === undefined && elapsed() < minutes) {
        const first = next;
        const end = Math.min(first + layer.portion, pass.end);
        next = end;
        underWay.add(first);
        const done = await worker.do(first, end);
        counts = sum(counts, done);
        underWay.delete(first);
        runs += end - first;
        if (resumable) savePass(layer.name, { next: Math.min(next, ...underWay), end: pass.end });
      }
    } catch (error) {
      if (!(error instanceof FailedRun)) throw error;
      if (failure === undefined || error.run < failure.run) failure = error;
    } finally {
      worker.end();
    }
  };
  console.log(`${layer.name}: ${layer.unit} ${pass.next} to ${pass.end - 1}, ${processes} at a time`);
  const timer = setInterval(report, progressEveryMs);
  try {
    await Promise.all(Array.from({ length: processes }, work));
  } finally {
    clearInterval(timer);
  }
  // The run that failed is the first one of the next start.
  if (resumable && failure !== undefined) savePass(layer.name, { next: failure.run, end: pass.end });
  return { layer, runs, counts, minutes: elapsed(), failure };
}
