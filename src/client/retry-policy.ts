// How often, and after which pauses, a call that may be repeated is repeated: 10 ms doubling to 1 s, five tries in all,
// each pause longer or shorter by up to a quarter so that many clients don't come back at the same moment. A mutation
// of unknown outcome is asked after for longer: some fifteen seconds, in which a server that was killed is back.

export const retryPolicy = {
  /** Tries in all, the first one included. */
  tries: 5,
  /** Tries in all of a mutation with a request id that may have been applied. */
  triesWhenUnknown: 20,
  firstPauseMs: 10,
  longestPauseMs: 1_000,
  /** The part of a pause by which it varies, either way. */
  jitter: 0.25,
} as const;

/**
 * Milliseconds to wait before the next try, after `failures` (from 1) have failed. What the server asked for counts
 * when it is longer. `random` is in [0, 1).
 */
export function pauseMs(failures: number, askedMs: number | undefined, random: number): number {
  const doubled = Math.min(retryPolicy.firstPauseMs * 2 ** (failures - 1), retryPolicy.longestPauseMs);
  const varied = doubled * (1 + retryPolicy.jitter * (2 * random - 1));
  return Math.max(varied, askedMs ?? 0);
}
