// Watches the turns of the event loop, and tells of each long one how much of it was our own work.
//
// A turn is what happens between two immediates. Its own time is the lesser of what the clock and the thread's CPU time
// say (the former counts busy neighbours in, the latter comes in steps of some milliseconds), less the garbage
// collector's pauses in it.

import { PerformanceObserver } from "node:perf_hooks";

/** Turns that are shorter needn't be explained. */
const longMs = 5;

export interface LongTurn {
  readonly startMs: number;
  readonly wallMs: number;
  readonly cpuMs: number;
  /** Of the garbage collector. */
  readonly pausedMs: number;
  readonly ownMs: number;
}

export interface TurnReport {
  readonly turns: number;
  /** Longest own time first. */
  readonly long: readonly LongTurn[];
  /** The longest own time, in milliseconds. */
  readonly longestMs: number;
  /** The longest pause of the garbage collector. */
  readonly longestPauseMs: number;
}

interface Pause {
  readonly startTime: number;
  readonly duration: number;
}

/** Watches every turn until the returned function is called. */
export function watchTurns(): () => Promise<TurnReport> {
  const pauses: Pause[] = [];
  const observer = new PerformanceObserver((list) => pauses.push(...list.getEntries()));
  observer.observe({ entryTypes: ["gc"] });
  const found: { startMs: number; wallMs: number; cpuMs: number }[] = [];
  let turns = 0;
  let stopped = false;
  const watch = async (): Promise<void> => {
    while (!stopped) {
      const [startMs, before] = [performance.now(), process.threadCpuUsage()];
      await new Promise((resolve) => setImmediate(resolve));
      const { user, system } = process.threadCpuUsage(before);
      const turn = { startMs, wallMs: performance.now() - startMs, cpuMs: (user + system) / 1000 };
      turns++;
      if (Math.min(turn.wallMs, turn.cpuMs) > longMs) found.push(turn);
    }
  };
  const watching = watch();
  return async () => {
    stopped = true;
    await watching;
    // What the collector did is told in a turn of its own.
    await new Promise((resolve) => setTimeout(resolve, 10));
    pauses.push(...observer.takeRecords());
    observer.disconnect();
    const long = found.map((turn) => explained(turn, pauses)).sort((a, b) => b.ownMs - a.ownMs);
    const longestPauseMs = pauses.reduce((longest, { duration }) => Math.max(longest, duration), 0);
    return { turns, long, longestMs: long[0]?.ownMs ?? 0, longestPauseMs };
  };
}

/** One line about a report. */
export function described({ turns, long, longestPauseMs }: TurnReport): string {
  const worst = long.slice(0, 3).map(({ wallMs, cpuMs, pausedMs, ownMs }) => {
    return `${ownMs.toFixed(1)} (wall ${wallMs.toFixed(1)}, CPU ${cpuMs.toFixed(1)}, GC ${pausedMs.toFixed(1)})`;
  });
  const longest = worst.length === 0 ? `below ${longMs}` : worst.join(", ");
  const over = long.filter(({ ownMs }) => ownMs > 10).length;
  const pause = `longest pause of the collector ${longestPauseMs.toFixed(1)} ms`;
  return `${turns} turns, longest own time (ms) ${longest}, ${over} over 10 ms, ${pause}`;
}

function explained(turn: { startMs: number; wallMs: number; cpuMs: number }, pauses: readonly Pause[]): LongTurn {
  const endMs = turn.startMs + turn.wallMs;
  let pausedMs = 0;
  for (const { startTime, duration } of pauses) {
    pausedMs += Math.max(0, Math.min(endMs, startTime + duration) - Math.max(turn.startMs, startTime));
  }
  return { ...turn, pausedMs, ownMs: Math.max(0, Math.min(turn.wallMs, turn.cpuMs) - pausedMs) };
}
