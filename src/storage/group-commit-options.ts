// What group commit works with: what it is told about its database, whom it tells what becomes of commits, what waits.

import type { DocDBError } from "../base/errors.ts";
import type { MemoryAccount } from "../base/memory-account.ts";
import type { Meters } from "../telemetry/meters.ts";
import type { OperationTimes } from "../telemetry/operation-times.ts";
import type { Commit } from "./commit.ts";
import type { FsyncMode } from "./fsync-mode.ts";

export interface GroupCommitOptions {
  readonly databaseId: number;
  readonly mode: FsyncMode;
  /** Time between fsyncs in mode `interval`, in milliseconds. */
  readonly intervalMs: number;
  /** Bytes of a WAL segment after which the next group starts a new one. */
  readonly segmentBytes: number;
  /** No commit has a lesser version. */
  readonly versionFloor: number;
  readonly meters: Meters;
  /** Charged with the commits that wait, with the buffers of the group that is written, and with the last group. */
  readonly memory: MemoryAccount;
}

/** Who is told what becomes of commits. Called synchronously. */
export interface GroupCommitListener {
  /**
   * The commit counts: make it visible. `offset` is where its records start in the data file; it took `walBytes`.
   * Undefined when it is; otherwise the promise resolves when all is ready, and to what makes it visible in the turn in
   * which the version advances.
   */
  publish(commit: Commit, offset: number, walBytes: number): Promise<() => void> | undefined;
  /** Nothing that was submitted and not published will be: forget it. */
  onAbort(): void;
  /** No write is possible any more. */
  onReadOnly(error: DocDBError): void;
}

/** A commit that waits for its group. */
export interface Waiting {
  readonly commit: Commit;
  readonly times: OperationTimes | undefined;
  /** What it adds to the WAL. */
  readonly bytes: number;
  /** What it holds until it is answered. */
  readonly memoryBytes: number;
  readonly resolve: () => void;
  readonly reject: (error: DocDBError) => void;
}

/** What runs between two groups. */
export interface Exclusive {
  /** How many commits must have been settled before. */
  readonly after: number;
  readonly run: () => Promise<void>;
  readonly reject: (error: unknown) => void;
}
