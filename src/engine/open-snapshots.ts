// The snapshots of a database that commands refer to, by handles that cross into the engine as plain data. Whoever
// opens one closes it; the clock ends one that was forgotten.

import { DocDBError } from "../base/errors.ts";
import type { Randomness } from "../platform/platform.ts";
import type { Snapshot } from "../storage/snapshot.ts";
import type { Store } from "../storage/store.ts";
import type { SnapshotHandle } from "./commands.ts";

export class OpenSnapshots {
  readonly #store: Store;
  /** Different each time that the database is opened: no handle of an earlier life is taken for one of this. */
  readonly #life: string;
  readonly #byHandle = new Map<string, Snapshot>();
  #opened = 0;

  constructor(store: Store, random: Randomness) {
    this.#store = store;
    this.#life = random.u32().toString(36);
  }

  /** Opens a snapshot of what is visible now. TOO_MANY_SNAPSHOTS. */
  open(): SnapshotHandle {
    this.#forgetEnded();
    const opened = this.#store.openSnapshot();
    const snapshot = `${this.#life}.${++this.#opened}`;
    this.#byHandle.set(snapshot, opened);
    return { snapshot, version: opened.version };
  }

  /** The snapshot with this handle. SNAPSHOT_TOO_OLD when it has ended. */
  find(handle: string): Snapshot {
    const snapshot = this.#byHandle.get(handle);
    if (snapshot !== undefined) return snapshot;
    throw new DocDBError("SNAPSHOT_TOO_OLD", "The snapshot has ended, or the database was closed. Begin again.");
  }

  /** Ends a snapshot; nothing happens when it has ended already. */
  close(handle: string): void {
    this.#byHandle.get(handle)?.release();
    this.#byHandle.delete(handle);
  }

  /** The oldest come first, and mostly end first. */
  #forgetEnded(): void {
    for (const [handle, { ended }] of this.#byHandle) {
      if (ended === undefined) return;
      this.#byHandle.delete(handle);
    }
  }
}
