// How the simulated file system hands its calls to the machine. A call is an operation that waits until the machine
// picks it: what it does happens at that moment, all at once.

import { systemError } from "../system-error.ts";
import type { Disk } from "./disk.ts";
import type { FaultKind, IoKind } from "./faults.ts";
import type { Prng } from "./prng.ts";

export interface Operation<T> {
  readonly call: IoKind;
  readonly path: string;
  /** What is asked for, for the trace: a range, a mode, a new name. */
  readonly detail?: string | number;
  /** Does it; a thrown error is the call's answer. */
  perform(): T;
  /**
   * Does it with a fault. Without this method nothing happens, and the answer is EIO (ENOSPC when space is what lacks,
   * EAGAIN for `busy`).
   */
  fail?(fault: FaultKind): T;
  /** What is done of it when the process dies while it is under way; without this method, all. */
  interrupt?(): void;
}

/** One life of a process on the machine. */
export interface IoHost {
  readonly disk: Disk;
  /** For what faults and interruptions leave to chance. */
  readonly random: Prng;
  /** Files that this process has locked. */
  readonly locked: Set<object>;
  /** Settles when the machine has picked the operation; never when the process died before. */
  issue<T>(operation: Operation<T>): Promise<T>;
}

/** Does an operation, with a fault if there is one; returns or throws its answer. */
export function performOperation<T>(operation: Operation<T>, fault: FaultKind | undefined): T {
  if (fault === undefined) return operation.perform();
  if (fault === "busy") throw systemError("EAGAIN", operation.call, operation.path);
  if (operation.fail !== undefined) return operation.fail(fault);
  throw systemError(fault === "noSpace" || fault === "noNameSpace" ? "ENOSPC" : "EIO", operation.call, operation.path);
}
