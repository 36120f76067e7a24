// Where the time of commands went, from what the layers wrote down: the parts that a person would ask for, in
// milliseconds. They add up to the whole but for what is outside the commands: decoding, sending, waiting for a reader.

import type { OperationTimes } from "./operation-times.ts";

export interface TimeSpent {
  /** Waiting for a slot. */
  queueMs: number;
  /** Executing, reads of the disk left out. */
  engineMs: number;
  readMs: number;
  /** Waiting for the groups of commits before. */
  groupWaitMs: number;
  /** Writing the group to the WAL and the data file. */
  appendMs: number;
  fsyncMs: number;
}

/** No time at all, to add to. */
export function noTime(): TimeSpent {
  return { queueMs: 0, engineMs: 0, readMs: 0, groupWaitMs: 0, appendMs: 0, fsyncMs: 0 };
}

/** Adds the parts of a command's time; returns `spent`. */
export function addTime(
  spent: TimeSpent,
  { queuedMs, startedMs, readMs, submittedMs, endedMs, group }: OperationTimes,
): TimeSpent {
  const beganMs = Number.isNaN(startedMs) ? queuedMs : startedMs;
  spent.queueMs += length(queuedMs, startedMs);
  spent.engineMs += Math.max(0, length(beganMs, Number.isNaN(submittedMs) ? endedMs : submittedMs) - readMs);
  spent.readMs += readMs;
  if (group === undefined) return spent;
  spent.groupWaitMs += length(submittedMs, group.appendMs);
  spent.appendMs += length(group.appendMs, group.appendedMs);
  spent.fsyncMs += length(group.appendedMs, group.syncedMs);
  return spent;
}

/** From one moment to another; nothing when one of them never came. */
function length(fromMs: number, toMs: number): number {
  return toMs >= fromMs ? toMs - fromMs : 0;
}
