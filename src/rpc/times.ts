// Times and spans of time: milliseconds inside, google.protobuf messages on the wire.

import type { Duration } from "../../gen/google/protobuf/duration.ts";
import type { Timestamp } from "../../gen/google/protobuf/timestamp.ts";
import type { Clock } from "../platform/platform.ts";

/** Milliseconds since the Unix epoch as a Timestamp; undefined for 0, which means that there is no such time. */
export function timestampOf(timeMs: number): Timestamp | undefined {
  return timeMs === 0 ? undefined : secondsAndNanos(timeMs);
}

/** A span of time, at least 0, as a Duration. */
export function durationOf(spanMs: number): Duration {
  return secondsAndNanos(Math.max(0, spanMs));
}

/** A Duration as milliseconds. */
export function spanOf({ seconds, nanos }: Duration): number {
  return Number(seconds) * 1000 + nanos / 1_000_000;
}

function secondsAndNanos(timeMs: number): { seconds: bigint; nanos: number } {
  const seconds = Math.floor(timeMs / 1000);
  return { seconds: BigInt(seconds), nanos: Math.floor((timeMs - seconds * 1000) * 1_000_000) };
}

/** Whether `work` ends, well or badly, within this time: between two messages of progress. */
export async function endsWithin(work: Promise<unknown>, limitMs: number, clock: Clock): Promise<boolean> {
  let stopWaiting: (() => void) | undefined;
  const late = new Promise<boolean>((resolve) => {
    const timer = clock.after(limitMs, () => resolve(false));
    stopWaiting = () => timer.cancel();
  });
  const ended = work.then(
    () => true,
    () => true,
  );
  const result = await Promise.race([ended, late]);
  stopWaiting?.();
  return result;
}
