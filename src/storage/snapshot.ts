// One open snapshot, and what those of one version share.

import { DocDBError } from "../base/errors.ts";

/** One open snapshot. */
export interface Snapshot {
  /** The last commit that it sees. */
  readonly version: number;
  /** Why it can't be read any more, if so: SNAPSHOT_TOO_OLD, or CANCELLED after its release. */
  readonly ended: DocDBError | undefined;
  /** Ends it and gives back what it held. */
  release(): void;
}

/** What open snapshots of one version share. */
export interface Pin {
  readonly version: number;
  snapshots: number;
  /** The first row of its list of old versions, or 0. */
  rows: number;
}

export class OpenSnapshot implements Snapshot {
  readonly pin: Pin;
  readonly openedMs: number;
  readonly #end: (snapshot: OpenSnapshot, why: DocDBError) => void;
  ended: DocDBError | undefined;

  constructor(pin: Pin, openedMs: number, end: (snapshot: OpenSnapshot, why: DocDBError) => void) {
    this.pin = pin;
    this.openedMs = openedMs;
    this.#end = end;
  }

  get version(): number {
    return this.pin.version;
  }

  release(): void {
    this.#end(this, new DocDBError("CANCELLED", "The snapshot has been released."));
  }
}

export function tooOld({ version }: Snapshot, message: string): DocDBError {
  return new DocDBError("SNAPSHOT_TOO_OLD", message, { metadata: { version: String(version) } });
}
